// Which code of the application made each connection, read and wrote it last, and closed it: what a
// leak is found by (`estab doctor`, `estab trace --stacks`). Kept while the knob record_call_sites
// is on, beside the connections, never in them. Only addresses: their names are the tool's to find.
//
// Bounded: a connection is kept while a socket holds it, the last kMostLetGo of those closed since,
// and kMostStacks different stacks; what finds no room is counted.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "stack/control_protocol.h"

namespace estab::socket {

enum class AppCall : std::uint8_t {
  Open,  // accept, connect
  Read,
  ReadEnd,  // a read that returned the end of the stream
  Write,
  Shut,   // shutdown of the sending side
  Close,  // close, abort, connect to nowhere
};

class CallSiteTable {
 public:
  static constexpr std::size_t kMostLetGo = 4096;
  static constexpr std::size_t kMostStacks = 4096;
  using Frames = std::vector<std::uint64_t>;  // return addresses, innermost first

  // `handle` is the socket floor's name of the connection, `id` the stack's.
  void note(std::uint64_t handle, std::uint64_t id, AppCall call, const Frames& frames);
  // No socket holds it any more. It may live on, and tools may still ask.
  void let_go(std::uint64_t handle);

  // From the connection `from` on, at most `limit` of them (0: as many as a reply may hold), and
  // the stacks that they name.
  stack::control::CallSites slice(std::uint64_t from, std::uint32_t limit) const;
  std::size_t size() const { return sites_.size(); }

 private:
  std::uint32_t number_of(const Frames& frames);

  std::map<std::uint64_t, stack::control::CallSite> sites_;  // by the stack's id
  std::unordered_map<std::uint64_t, std::uint64_t> ids_;     // by handle: those not let go
  std::deque<std::uint64_t> let_go_;                         // ids, oldest first
  std::map<Frames, std::uint32_t> numbers_;
  std::vector<const Frames*> stacks_;  // number 1 first; keys of numbers_
  std::uint64_t lost_ = 0;
};

// The stack of whoever calls this.
CallSiteTable::Frames own_stack();

}  // namespace estab::socket
