// Linux's knobs of TCP in the caller's network namespace: what `estab tuning --source linux` and the
// doctor read.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace estab::observe {

// By the path as sysctl(8) writes it: "net.ipv4.tcp_rmem" -> "4096 131072 6291456"; tabs become
// spaces. net.ipv4.tcp_* and ip_local_*, net.core.somaxconn, rmem_max, wmem_max and the like. What
// may not be read, or is not there (tcp_max_orphans and tcp_mem outside the first namespace), is left
// out.
std::map<std::string, std::string, std::less<>> linux_sysctls();

// The numbers among them by their last name, and those of vectors as a stack's knobs have them:
// tcp_rmem_default and tcp_rmem_max, tcp_wmem_..., ip_local_port_range_low and _high.
std::map<std::string, std::int64_t, std::less<>> knobs_of(
    const std::map<std::string, std::string, std::less<>>& sysctls);

}  // namespace estab::observe
