// The TCP connection state machine: RFC 9293 section 3.3.2, Figure 5, as data.
//
// Hold the figure beside kFigure5: one row per arrow, in the figure's reading order (top to
// bottom, left to right), with the words above the bar in `on` and those below it in `then`.
// Nothing else in the tree decides a next state. A segment never reaches this file as a segment:
// segment_arrives.cpp walks the eight steps of section 3.10.7.4 and raises at most one Event per
// step, which is how Note 2 (FIN-WAIT-1 to TIME-WAIT) falls out of rows 14 and 16.
//
// With sockets LISTEN is an object of its own: arrow 6 is walked by a child (a SYN-queue record),
// and arrow 5 ends the child while the listener stays.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "estab/event.h"
#include "estab/state.h"

namespace estab::tcp {

enum class Action : std::uint8_t {
  CreateTcb = 1,
  DeleteTcb = 2,
  SndSyn = 4,
  SndSynAck = 8,
  SndAck = 16,
  SndFin = 32,
  SndRst = 64,
};

// Which OPEN made this connection. MUST-11: a connection has to remember it; Note 1 turns on it.
enum class Opened : std::uint8_t { Passively, Actively };
enum class When : std::uint8_t { Always, IfPassive, IfActive };

struct Actions {
  std::uint8_t bits = 0;
  constexpr Actions() = default;
  template <class... A>  // so that a row of the table can say {A::SndAck}
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Actions(A... a) : bits(static_cast<std::uint8_t>((static_cast<unsigned>(a) | ...))) {}
  constexpr bool has(Action a) const { return (bits & static_cast<std::uint8_t>(a)) != 0; }
  friend constexpr bool operator==(Actions, Actions) = default;
};

struct Arrow {  // one arrow of Figure 5
  std::uint8_t n;
  State from;
  Event on;
  When when;
  Actions then;
  State to;
};

struct StateSet {  // for the rows outside the figure
  std::uint16_t bits = 0;
  template <class... S>  // likewise: {S::Closed, S::Listen}
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr StateSet(S... s)
      : bits(static_cast<std::uint16_t>(((1u << static_cast<unsigned>(s)) | ... | 0u))) {}
  constexpr bool has(State s) const { return ((bits >> static_cast<unsigned>(s)) & 1) != 0; }
};
constexpr StateSet operator+(StateSet a, StateSet b) {
  a.bits |= b.bits;
  return a;
}
constexpr StateSet operator-(StateSet a, StateSet b) {
  a.bits &= static_cast<std::uint16_t>(~b.bits);
  return a;
}

enum class Decision : std::uint8_t { Move, Stay, Error, Unreachable };

struct Clause {  // what the prose says that the figure does not draw
  StateSet from;
  Event on;
  When when;
  Decision decision;
  Actions then;
  State to;  // read only when decision is Move
  std::string_view rfc;
};

// clang-format off
namespace rows {
using S = State; using E = Event; using A = Action; using W = When; using D = Decision;

inline constexpr std::array kFigure5{
  //      n  from            event           when          then                        to
  Arrow{  1, S::Closed,      E::PassiveOpen, W::Always,    {A::CreateTcb},             S::Listen      },
  Arrow{  2, S::Listen,      E::Close,       W::Always,    {A::DeleteTcb},             S::Closed      },
  Arrow{  3, S::Closed,      E::ActiveOpen,  W::Always,    {A::CreateTcb, A::SndSyn},  S::SynSent     },
  Arrow{  4, S::SynSent,     E::Close,       W::Always,    {A::DeleteTcb},             S::Closed      },
  Arrow{  5, S::SynReceived, E::RcvRst,      W::IfPassive, {},                         S::Listen      },  // note 1
  Arrow{  6, S::Listen,      E::RcvSyn,      W::Always,    {A::SndSynAck},             S::SynReceived },
  Arrow{  7, S::Listen,      E::Send,        W::Always,    {A::SndSyn},                S::SynSent     },
  Arrow{  8, S::SynSent,     E::RcvSyn,      W::Always,    {A::SndSynAck},             S::SynReceived },
  Arrow{  9, S::SynReceived, E::RcvAckOfSyn, W::Always,    {},                         S::Established },
  Arrow{ 10, S::SynSent,     E::RcvSynAck,   W::Always,    {A::SndAck},                S::Established },
  Arrow{ 11, S::SynReceived, E::Close,       W::Always,    {A::SndFin},                S::FinWait1    },
  Arrow{ 12, S::Established, E::Close,       W::Always,    {A::SndFin},                S::FinWait1    },
  Arrow{ 13, S::Established, E::RcvFin,      W::Always,    {A::SndAck},                S::CloseWait   },
  Arrow{ 14, S::FinWait1,    E::RcvAckOfFin, W::Always,    {},                         S::FinWait2    },
  Arrow{ 15, S::FinWait1,    E::RcvFin,      W::Always,    {A::SndAck},                S::Closing     },
  Arrow{ 16, S::FinWait2,    E::RcvFin,      W::Always,    {A::SndAck},                S::TimeWait    },
  Arrow{ 17, S::Closing,     E::RcvAckOfFin, W::Always,    {},                         S::TimeWait    },
  Arrow{ 18, S::CloseWait,   E::Close,       W::Always,    {A::SndFin},                S::LastAck     },
  Arrow{ 19, S::LastAck,     E::RcvAckOfFin, W::Always,    {},                         S::Closed      },
  Arrow{ 20, S::TimeWait,    E::Timeout2Msl, W::Always,    {A::DeleteTcb},             S::Closed      },
};

inline constexpr StateSet kSynchronized{S::Established, S::FinWait1, S::FinWait2, S::CloseWait, S::Closing, S::LastAck, S::TimeWait};
inline constexpr StateSet kHalfOpen{S::SynSent, S::SynReceived};
inline constexpr StateSet kAny = kSynchronized + kHalfOpen + StateSet{S::Closed, S::Listen};

inline constexpr std::array kProse{
  // user calls
  Clause{ {S::Listen},                               E::ActiveOpen,  W::Always,    D::Move,  {A::SndSyn},    S::SynSent, "3.10.1 LISTEN" },
  Clause{ kAny - StateSet{S::Closed, S::Listen},     E::ActiveOpen,  W::Always,    D::Error, {},             S::Closed,  "3.10.1 connection already exists" },
  Clause{ kAny - StateSet{S::Closed},                E::PassiveOpen, W::Always,    D::Error, {},             S::Closed,  "3.10.1 connection already exists" },
  Clause{ kHalfOpen + StateSet{S::Established,S::CloseWait}, E::Send, W::Always,   D::Stay,  {},             S::Closed,  "3.10.2 queue or segmentize" },
  Clause{ {S::Closed,S::FinWait1,S::FinWait2,S::Closing,S::LastAck,S::TimeWait},
                                                     E::Send,        W::Always,    D::Error, {},             S::Closed,  "3.10.2" },
  Clause{ {S::Closed,S::FinWait1,S::FinWait2,S::Closing,S::LastAck,S::TimeWait},
                                                     E::Close,       W::Always,    D::Error, {},             S::Closed,  "3.10.4" },
  Clause{ {S::Closed},                               E::Abort,       W::Always,    D::Error, {},             S::Closed,  "3.10.5 CLOSED" },
  Clause{ {S::Listen,S::SynSent,S::Closing,S::LastAck,S::TimeWait},
                                                     E::Abort,       W::Always,    D::Move,  {A::DeleteTcb}, S::Closed,  "3.10.5" },
  Clause{ {S::SynReceived,S::Established,S::FinWait1,S::FinWait2,S::CloseWait},
                                                     E::Abort,       W::Always,    D::Move,  {A::SndRst, A::DeleteTcb}, S::Closed, "3.10.5" },
  // arriving segments; "raised only by ..." rows are Unreachable by the order of the steps
  Clause{ {S::Closed,S::Listen},                     E::RcvRst,      W::Always,    D::Stay,  {},             S::Closed,  "3.10.7.1, 3.10.7.2 ignore" },
  Clause{ {S::SynSent},                              E::RcvRst,      W::Always,    D::Move,  {A::DeleteTcb}, S::Closed,  "3.10.7.3 second" },
  Clause{ {S::SynReceived},                          E::RcvRst,      W::IfActive,  D::Move,  {A::DeleteTcb}, S::Closed,  "3.10.7.4 second, note 1" },
  Clause{ kSynchronized,                             E::RcvRst,      W::Always,    D::Move,  {A::DeleteTcb}, S::Closed,  "3.10.7.4 second, note 3" },
  Clause{ {S::Closed},                               E::RcvSyn,      W::Always,    D::Stay,  {A::SndRst},    S::Closed,  "3.10.7.1" },
  Clause{ {S::SynReceived},                          E::RcvSyn,      W::IfPassive, D::Move,  {},             S::Listen,  "3.10.7.4 fourth" },
  Clause{ {S::SynReceived},                          E::RcvSyn,      W::IfActive,  D::Stay,  {A::SndAck},    S::Closed,  "3.10.7.4 fourth, RFC 5961 4" },
  Clause{ kSynchronized,                             E::RcvSyn,      W::Always,    D::Stay,  {A::SndAck},    S::Closed,  "3.10.7.4 fourth, RFC 5961 4" },
  Clause{ kAny - StateSet{S::SynSent},               E::RcvSynAck,   W::Always,    D::Unreachable, {},       S::Closed,  "raised only by 3.10.7.3" },
  Clause{ kAny - StateSet{S::SynReceived},           E::RcvAckOfSyn, W::Always,    D::Unreachable, {},       S::Closed,  "raised only by 3.10.7.4 fifth, SYN-RECEIVED" },
  Clause{ {S::Closed,S::Listen,S::SynSent,S::SynReceived}, E::RcvFin, W::Always,   D::Unreachable, {},       S::Closed,  "3.10.7.4 eighth: SEG.SEQ cannot be validated" },
  Clause{ {S::CloseWait,S::Closing,S::LastAck,S::TimeWait}, E::RcvFin, W::Always,  D::Stay,  {A::SndAck},    S::Closed,  "3.10.7.4 eighth: remain; TIME-WAIT restarts 2MSL" },
  Clause{ kAny - StateSet{S::FinWait1,S::Closing,S::LastAck}, E::RcvAckOfFin, W::Always, D::Unreachable, {}, S::Closed,  "no FIN of ours is unacknowledged here" },
  // timeouts
  Clause{ kAny - StateSet{S::TimeWait},              E::Timeout2Msl, W::Always,    D::Unreachable, {},       S::Closed,  "armed only in TIME-WAIT" },
  Clause{ {S::Closed},                               E::UserTimeout, W::Always,    D::Unreachable, {},       S::Closed,  "no TCB, no timer" },
  Clause{ kAny - StateSet{S::Closed},                E::UserTimeout, W::Always,    D::Move,  {A::DeleteTcb}, S::Closed,  "3.10.8 user timeout" },
};
}  // namespace rows
// clang-format on

using rows::kFigure5;
using rows::kProse;
using rows::kSynchronized;

constexpr bool holds(When w, Opened o) {
  return w == When::Always || (w == When::IfPassive) == (o == Opened::Passively);
}

struct Step {
  Decision decision = Decision::Unreachable;
  State to = State::Closed;
  Actions then{};
  std::uint8_t arrow = 0;    // 1..20 when Figure 5 draws it, else 0
  std::uint8_t matches = 0;  // rows that claim this cell; the proof below wants exactly 1
};

constexpr Step look_up(State from, Event on, Opened opened) {
  Step r;
  for (const Arrow& a : kFigure5) {
    if (a.from == from && a.on == on && holds(a.when, opened)) {
      r = {Decision::Move, a.to, a.then, a.n, static_cast<std::uint8_t>(r.matches + 1)};
    }
  }
  for (const Clause& c : kProse) {
    if (c.from.has(from) && c.on == on && holds(c.when, opened)) {
      r = {c.decision, c.decision == Decision::Move ? c.to : from, c.then, r.arrow,
           static_cast<std::uint8_t>(r.matches + 1)};
    }
  }
  return r;
}

using Table = std::array<std::array<std::array<Step, 2>, kEvents>, kStates>;
inline constexpr Table kTable = [] {
  Table t{};
  for (int s = 0; s < kStates; ++s) {
    for (int e = 0; e < kEvents; ++e) {
      for (int o = 0; o < 2; ++o) {
        t[s][e][o] = look_up(static_cast<State>(s), static_cast<Event>(e), static_cast<Opened>(o));
      }
    }
  }
  return t;
}();

constexpr const Step& step(State from, Event on, Opened opened) {
  return kTable[static_cast<unsigned>(from)][static_cast<unsigned>(on)]
               [static_cast<unsigned>(opened)];
}

// --- what the compiler proves -------------------------------------------------------------------
consteval bool every_cell_claimed_exactly_once() {
  for (const auto& by_event : kTable) {
    for (const auto& by_open : by_event) {
      for (const auto& s : by_open) {
        if (s.matches != 1) return false;
      }
    }
  }
  return true;
}
consteval bool arrows_numbered_in_order() {
  for (std::size_t i = 0; i < kFigure5.size(); ++i) {
    if (kFigure5[i].n != i + 1) return false;
  }
  return true;
}
consteval bool every_state_reachable_along_the_figure() {
  unsigned seen = 1;  // CLOSED
  for (int round = 0; round < kStates; ++round) {
    for (const Arrow& a : kFigure5) {
      if (((seen >> static_cast<unsigned>(a.from)) & 1) != 0) {
        seen |= 1u << static_cast<unsigned>(a.to);
      }
    }
  }
  return seen == (1u << kStates) - 1;
}
static_assert(kFigure5.size() == 20, "Figure 5 draws twenty arrows");
static_assert(arrows_numbered_in_order());
static_assert(every_cell_claimed_exactly_once(),
              "a (state, event, opened) cell is unclaimed or claimed twice");
static_assert(every_state_reachable_along_the_figure());

}  // namespace estab::tcp
