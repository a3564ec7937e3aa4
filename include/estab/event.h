// The record of a connection's life: one fixed-size entry for each change of state and for each
// rule of practice that fired. What `estab ss`, `trace` and the ladder show is made from these.
#pragma once
#include <cstdint>
#include <string_view>

#include "estab/address.h"
#include "estab/state.h"
#include "estab/time.h"

namespace estab {

// What makes the state machine move (RFC 9293 3.10).
enum class Event : std::uint8_t {
  PassiveOpen,
  ActiveOpen,
  Send,
  Close,
  Abort,  // user calls, 3.10.1 to 3.10.6
  RcvSyn,
  RcvSynAck,
  RcvAckOfSyn,
  RcvFin,
  RcvAckOfFin,
  RcvRst,  // steps of 3.10.7
  Timeout2Msl,
  UserTimeout,  // timeouts, 3.10.8
};
inline constexpr int kEvents = 13;
std::string_view event_name(Event e);  // "passive OPEN", "CLOSE", "rcv SYN,ACK" ...

// The rules of practice L1-L23 (docs/lifecycle.md): what operators know and the diagram omits.
enum class Rule : std::uint8_t {
  None,
  L1_SynRetriesSpent,
  L2_SynUnreachable,
  L3_SynRefused,
  L4_SynAckRetriesSpent,
  L5_AcceptQueueFull,
  L6_SynQueueFull,
  L7_ListenerClosed,
  L8_FinWait2Timeout,
  L9_HalfCloseWaits,
  L10_FinAgain,
  L11_OldSegment,
  L11r_RstIgnored,
  L12_Reopened,
  L12b_ReturnedToTimeWait,
  L13_ReusedByConnect,
  L14_TooManyTimeWait,
  L15_Reset,
  L16_Challenge,
  L17_Aborted,
  L18_ClosedWithUnreadData,
  L19_DataAfterClose,
  L20_TimedOut,
  L21_OrphanLimit,
  L22_ClosingBounded,
  L23_NoConnection,
};
std::string_view rule_name(Rule r);     // "L12b"
std::string_view rule_meaning(Rule r);  // "the reopening SYN proved old: back to TIME-WAIT"

struct LifecycleEvent {
  Instant at;
  Duration in_state{0};          // time spent in `from`
  std::uint64_t connection = 0;  // the stack's id for it; 0 when there is none
  FourTuple tuple;
  State from = State::Closed;
  State to = State::Closed;    // equal to `from` when a rule fired without a move
  Event event = Event::Close;  // read only when from != to
  std::uint8_t arrow = 0;      // 1..20 of Figure 5, else 0
  Rule rule = Rule::None;
  std::uint8_t segment_flags = 0;  // of the segment that caused it, 0 when a call or a timer did
  int error = 0;                   // errno handed to the application, 0 when none
};

}  // namespace estab
