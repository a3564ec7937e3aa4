// `netstat -s` for TCP: the kernel's counters in net-tools' words.
#pragma once
#include <string>

namespace estab::observe {

// From the texts of /proc/net/snmp and /proc/net/netstat: the sections Tcp and TcpExt. Counters
// without a sentence of their own stand as "Name: 5" when they are not 0.
std::string netstat_statistics(const std::string& snmp, const std::string& netstat);
// The same of the caller's network namespace.
std::string linux_netstat_statistics();

}  // namespace estab::observe
