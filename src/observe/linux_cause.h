// Why a Linux socket changed its state, in the words of the lifecycle's table: the arrow of Figure
// 5 where there is one, else the rule of practice that the error or the RST tells of.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "estab/event.h"

namespace estab::observe {

struct Cause {
  std::optional<Event> event;
  std::uint8_t arrow = 0;
  Rule rule = Rule::None;
};

// A move that Figure 5 draws. LAST-ACK to CLOSED is one; other moves to CLOSED need closing_cause().
Cause arrow_cause(State from, State to);

struct Closing {
  State from = State::Closed;
  int error = 0;                   // sk_err: why Linux ended it, 0: by a call
  bool orphan = false;             // no process holds it
  bool owner_is_listener = false;  // nobody has accepted it
};
Cause closing_cause(const Closing& closing);

// The RST that went out with it. Linux's numbers (enum sk_rst_reason); 0: none, or not specified.
Cause reset_cause(const Closing& closing, std::uint32_t reason);

// "NO_SOCKET", "TCP_ABORT_ON_CLOSE" ...; "" for 0 and for numbers that are not known.
std::string_view reset_reason_name(std::uint32_t reason);

// The call of a process makes these moves; all others come with packets and timers, under whatever
// process happens to run.
bool moved_by_call(State from, State to);

}  // namespace estab::observe
