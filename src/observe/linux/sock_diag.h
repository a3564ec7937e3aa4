// What Linux shows of its TCP connections: one netlink dump, with the owners from /proc or BPF.
//
//   LinuxQuery query;
//   query.states = mask_of(State::CloseWait);
//   query.owners = query.info = query.ages = true;
//   auto seen = linux_connections(query);
//   for (const Connection& c : seen->connections) ...
//   for (const std::string& line : seen->blind_spots) say(line);
//
// Needs no privilege: without it the marks, and the owners of other users' sockets, are missing.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"
#include "observe/ss_filter.h"

namespace estab::observe {

struct LinuxQuery {
  StateMask states = kAllStates;
  bool v4 = true, v6 = true;
  bool info = false;    // Detail::info, congestion and its values, md5 keys, upper protocol
  bool memory = false;  // Detail::memory
  bool tos = false;     // Detail::tos, traffic_class, class_id
  bool socket_options = false;
  bool owners = false;
  bool threads = false;  // with owners: each thread that holds a descriptor table
  bool ages = false;     // Connection::in_state: exact where BPF knows, else estimated
  // Compiled into the kernel's bytecode as far as that goes; the rest is tested here. May be null.
  // Its states are not looked at. What it needs beyond this query is asked for by itself.
  const SsFilter* filter = nullptr;
};

struct LinuxConnections {
  std::vector<Connection> connections;  // IPv4 first, then IPv6, each in the kernel's order
  // What could not be seen and why, a line each: for stderr.
  std::vector<std::string> blind_spots;
};

// Of the calling thread's network namespace. The error is one line.
tl::expected<LinuxConnections, std::string> linux_connections(const LinuxQuery& query);

// The rows alone, as they come; neither owners nor ages. `take` moves from what it wants to keep.
using TakeConnection = std::function<void(Connection&)>;
tl::expected<void, std::string> dump_linux(const LinuxQuery& query, const TakeConnection& take);

}  // namespace estab::observe
