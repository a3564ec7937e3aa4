// What Linux counted in the caller's network namespace, by nstat's names ("TcpExtListenOverflows",
// "TcpRetransSegs", "Icmp6InMsgs"): what `estab counters --source linux` and the doctor read.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace estab::observe {

using CounterMap = std::map<std::string, std::int64_t, std::less<>>;

// Of /proc/net/netstat, snmp and snmp6. The error is one line for the user: netstat and snmp could
// not be read (a missing snmp6 is no error: a kernel without IPv6).
tl::expected<CounterMap, std::string> linux_counters();

// Gauges of /proc/net/sockstat and sockstat6 by "TCP.inuse", "TCP6.inuse". `orphan`, `alloc` and `mem` of TCP
// are the whole system's, whatever the namespace.
CounterMap linux_sockstat();

// The pairs of lines "Tcp: A B" / "Tcp: 1 2" of netstat and snmp; what is malformed is left out.
void parse_paired_counters(std::string_view text, CounterMap& to);
void parse_sockstat(std::string_view text, CounterMap& to);

}  // namespace estab::observe
