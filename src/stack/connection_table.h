// What the stack keeps beside each full connection.
#pragma once
#include "base/slab.h"
#include "base/timing_wheel.h"
#include "stack/bindings.h"
#include "stack/stack.h"
#include "tcp/connection.h"

namespace estab::stack {

struct ConnectionEntry : TimerNode {
  explicit ConnectionEntry(tcp::Connection c) : connection(std::move(c)) {}

  tcp::Connection connection;
  ConnectionId self;
  ListenerId listener;   // in whose accept queue it waits; none otherwise
  Holder holder;         // how it holds its local port
  bool owned = true;     // a socket has the handle, or an accept queue
  bool attached = true;  // segments and timers find it; false once its tuple is free, or a
                         // TIME-WAIT record has taken its place and only unread data is left here
  bool dirty = false;    // in the list of those whose transmit() is due
  bool in_notices = false;
  // What the totals count it as.
  bool counted = false;
  bool counted_orphan = false;
  State counted_state = State::Closed;
  std::size_t counted_memory = 0;
  // What its owner was last told.
  tcp::Readiness told = 0;
  std::size_t told_readable = 0;
};

}  // namespace estab::stack
