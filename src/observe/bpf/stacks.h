// Where in the code a socket was made and last read: user stacks that BPF kept by cookie while a
// tracer with TracerOptions::stacks ran, and their functions and lines (symbols.h).
//
//   TracerOptions with; with.events = false; with.stacks = true;
//   auto tracer = Tracer::start(with);              // keeps watching
//   tracer->share();
//   ... later, for a leaked socket's cookie:
//   auto clock = StateClock::read();                // after tracer->share()
//   if (const SocketLife* life = clock->of(cookie)) auto calls = socket_calls(*tracer, cookie, *life);
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/bpf/state_clock.h"
#include "observe/bpf/symbols.h"
#include "observe/bpf/tracer.h"

namespace estab::observe::bpf {

struct SocketCalls {
  std::vector<Frame> made_by;  // accept() or connect(), innermost first; empty: not seen
  std::vector<Frame> read_by;  // the last read; empty: none seen
  bool eof_seen = false;       // a read returned 0
  std::uint32_t reader = 0;    // the process that read last; 0: none
  // Why frames have no name, or stacks are short: one line each.
  std::vector<std::string> unnamed;
};

// `life` is that of the socket. Stacks live as long as the tracer; names need the process alive.
SocketCalls socket_calls(const Tracer& tracer, std::uint64_t cookie, const SocketLife& life);

}  // namespace estab::observe::bpf
