// Where in the code a socket was made, moved and last read: user stacks that BPF kept by cookie
// while a tracer with TracerOptions::stacks ran, and their functions and lines (symbols.h).
//
//   TracerOptions with; with.events = false; with.stacks = true;
//   auto tracer = Tracer::start(with);              // keeps watching
//   tracer->share();
//   ... later, for a leaked socket's cookie:
//   auto clock = StateClock::read();                // after tracer->share()
//   if (const SocketLife* life = clock->of(cookie)) {
//     auto calls = socket_calls(*tracer, cookie, *life, symbols);
//   }
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/bpf/process_symbols.h"
#include "observe/bpf/state_clock.h"
#include "observe/bpf/tracer.h"

namespace estab::observe::bpf {

struct SocketCalls {
  std::vector<Frame> made_by;     // accept() or connect(), innermost first; empty: not seen
  std::vector<Frame> read_by;     // the last read; empty: none seen
  std::vector<Frame> written_by;  // the last write, where that is recorded
  bool eof_seen = false;          // a read returned 0
  std::uint32_t reader = 0;       // the process that read last; 0: none
  // Why frames have no name, or stacks are short: one line each.
  std::vector<std::string> unnamed;
};

struct StackAsked {
  std::uint64_t cookie = 0;
  std::uint32_t call = 0;    // raw_top_key's
  std::int32_t number = -1;  // in the map of stacks
  std::uint32_t pid = 0;     // whose call it was
};
// Empty: none was kept. Stacks live as long as the tracer; `unnamed` as in named_stack().
std::vector<Frame> kernel_stack(const Tracer& tracer, const StackAsked& asked,
                                ProcessSymbols& symbols, std::vector<std::string>& unnamed);

// `life` is that of the socket.
SocketCalls socket_calls(const Tracer& tracer, std::uint64_t cookie, const SocketLife& life,
                         ProcessSymbols& symbols);

}  // namespace estab::observe::bpf
