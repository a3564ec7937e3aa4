// `ss -s` for Linux: what /proc/net/sockstat and snmp count, in ss's words.
#pragma once
#include <string>

namespace estab::observe {

std::string linux_ss_summary();

}  // namespace estab::observe
