// One line of `estab trace`: a transition of a connection, or a segment worth a line of its own,
// whoever saw it: Linux's tracepoints, an estab stack's event log, or repeated looks.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "estab/address.h"
#include "estab/event.h"
#include "estab/state.h"
#include "estab/time.h"

namespace estab::observe {

enum class TraceKind : std::uint8_t {
  Transition,
  Rule,  // an estab stack's rule of practice fired without a move
  ResetSent,
  ResetReceived,
  Retransmission,
  SynAckAgain,
};

// The functions of the application that made a transition by a call (--stacks), innermost first,
// each with its line where that is known: "close_it() server.cpp:41".
struct TraceCode {
  std::vector<std::string> called_by;  // empty: not known
  std::vector<std::string> made_by;    // who accepted or connected it, earlier; empty: not known
};

// Where the kernel's side keeps the stacks of such a call (bpf/tracer.h).
struct TraceCall {
  std::uint32_t pid = 0;  // whose call; 0: none moved it
  std::uint32_t call = 0;
  std::int32_t stack = -1;
  std::uint32_t maker = 0;
  std::int32_t made_stack = -1;
};

struct TraceEvent {
  TraceKind kind = TraceKind::Transition;
  Instant at;                      // CLOCK_MONOTONIC
  Duration wall_offset{0};         // to add to `at` for the time since 1970
  std::uint64_t connection = 0;    // socket cookie, or the stack's id; 0: none
  FourTuple tuple;                 // port 0: not chosen yet
  std::uint32_t pid = 0;           // of the process that owns it or made the call; 0: not known
  std::string command;             // its name, as it is: views escape
  bool owner_is_listener = false;  // nobody accepted it yet
  std::string stack;               // the estab stack's name; empty: Linux
  std::uint32_t uid = 0;
  std::uint32_t netns = 0;  // inode number of the network namespace; 0: an estab stack
  State from = State::Closed;
  State to = State::Closed;          // equal to `from` when nothing moved
  std::optional<Duration> in_state;  // spent in `from`
  bool at_least = false;             // in_state is a lower bound
  // Why, in the words of the lifecycle's table and rules (estab/event.h).
  std::optional<Event> event;
  std::uint8_t arrow = 0;  // of Figure 5
  Rule rule = Rule::None;
  std::string reset_reason;  // Linux's word for why it sent a RST
  int error = 0;             // errno
  TraceCall call;
  std::shared_ptr<const TraceCode> code;  // null: no call, or nobody asked
  bool inferred = false;  // no tracepoint tells of it: it follows from others, a timer, a look
};

using OnTraceEvent = std::function<void(const TraceEvent&)>;

}  // namespace estab::observe
