// What the doctor looks at: all connections of one system (Linux's, or one running stack's) at two
// moments, what was counted in between, its settings and the limits of the processes. Plain values:
// a test makes one by hand.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe::doctor {

using Numbers = std::map<std::string, std::int64_t, std::less<>>;

// From when on something is worth a word. docs/doctor.md says why these.
struct Thresholds {
  Duration old = std::chrono::seconds(60);   // in a state that should pass
  Duration idle = std::chrono::hours(2);     // without a byte: tcp_keepalive_time's default
  Duration horizon = std::chrono::hours(1);  // an end that is nearer than this is told
  std::size_t few = 5;                       // fewer than this are everyday life
  double nearly = 0.8;                       // of a bound
};

// A process that holds connections, and how many descriptors it has of those it may have.
struct Process {
  std::uint32_t pid = 0;
  std::string command;
  std::uint64_t descriptors = 0;  // 0: not known
  std::uint64_t limit = 0;        // RLIMIT_NOFILE's soft limit, or the stack's max_descriptors
  std::uint64_t hard_limit = 0;   // up to which the process may raise it itself
};

// One way out: from this address to that server, which can be used once for each local port.
struct Path {
  IpAddress from;
  Endpoint to;
  friend auto operator<=>(const Path&, const Path&) = default;
};

// What is quick to count, several times between the looks: whether something grows or only moves.
struct Sample {
  std::map<std::uint32_t, std::uint64_t> descriptors;  // by process
  std::map<Path, std::uint64_t> ports;                 // local ports in use, listeners' not counted
};

struct Census {
  Source source = Source::Linux;
  std::string where;            // "Linux", or "stack NAME (pid PID)"
  std::uint32_t stack_pid = 0;  // Source::Stack
  std::vector<Connection> before, after;
  Numbers counters_before, counters_after;  // by Linux's names: "TcpExtListenOverflows"
  Numbers knobs;  // by Linux's last name; vectors as the stack has them: ip_local_port_range_low
  Duration between{0};
  std::vector<Process> processes;
  std::vector<Sample> samples;          // oldest first, equal steps; the looks are the ends
  std::set<IpAddress> dead_neighbours;  // on the link, and nobody answers there
  std::vector<std::string> warnings;    // what a stack itself says of its settings
  Thresholds thresholds;
  // Where in the code a socket was made, by its cookie; empty where nobody watched.
  std::function<std::optional<std::string>(std::uint64_t)> who_made;
  // What who_made() could not name until now, and why: a line each.
  std::function<std::vector<std::string>()> not_named;
};

}  // namespace estab::observe::doctor
