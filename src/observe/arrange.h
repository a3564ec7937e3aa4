// Connections sorted, and counted in groups.
#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"
#include "observe/groups.h"

namespace estab::observe {

enum class SortKey : std::uint8_t {
  ReceiveQueue,
  SendQueue,
  Age,
  Rtt,
  Retransmissions,
  Bytes,
  State,
  Local,
  Peer,
  LocalPort,
  PeerPort,
  Pid,
  Uid,
};
struct Sorting {
  SortKey key = SortKey::State;
  bool turned = false;  // the other way round
};
// recvq, sendq, age, rtt, retrans, bytes (largest first), state, local, peer, port, peerport, pid,
// uid (smallest first); a "-" before it turns it round. The error is one line.
tl::expected<Sorting, std::string> sorting_named(std::string name);
bool sorting_needs_info(const Sorting& by);
void sort_connections(std::vector<Connection>& connections, const Sorting& by);

struct CountedGroup {
  std::vector<std::string> values;  // as they came from outside: the views escape
  std::uint64_t count = 0;
};
// The largest first, then by name.
std::vector<CountedGroup> grouped(const std::vector<Connection>& connections,
                                  const std::vector<GroupKey>& keys);
std::string groups_table(std::vector<CountedGroup> groups, const std::vector<GroupKey>& keys,
                         bool header);
std::string groups_json(const std::vector<CountedGroup>& groups, const std::vector<GroupKey>& keys);

}  // namespace estab::observe
