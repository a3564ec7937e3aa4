// A segment out of nowhere: for each state, each combination of SYN, FIN, RST and ACK, each place
// against the window, each kind of acknowledgment, with text and without: the answer and the next
// state that RFC 9293 3.10.7 gives. The oracle below is written from that section alone; it shares
// no line with the code under test.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

enum class Answer { None, Ack, Rst, RstAck, SynAck };

struct Expected {
  State to;
  Answer answer;
  friend bool operator==(const Expected&, const Expected&) = default;
};

struct Case {
  State state;
  wire::Flags flags;
  std::int64_t offset;  // of SEG.SEQ from RCV.NXT
  std::int64_t ack;     // of SEG.ACK from SND.UNA
  std::int64_t text;
};

struct Known {           // what the oracle may know of the connection
  std::int64_t window;   // RCV.WND
  std::int64_t flight;   // SND.NXT - SND.UNA
  std::int64_t max_wnd;  // MAX.SND.WND, no more than was ever acknowledged
};

bool acceptable(const Case& c, const Known& k) {  // Table 6
  const std::int64_t length = c.text + ((c.flags & kSyn) != 0) + ((c.flags & kFin) != 0);
  const auto inside = [&](std::int64_t n) { return 0 <= n && n < k.window; };
  return inside(c.offset) || (length > 0 && inside(c.offset + length - 1));
}

// 3.10.7.1 to 3.10.7.3
Expected before_synchronized(const Case& c, const Known& k) {
  const bool syn = c.flags & kSyn, rst = c.flags & kRst, ack = c.flags & kAck;
  const bool fin = c.flags & kFin;
  if (c.state == State::Closed) {
    if (rst) return {State::Closed, Answer::None};
    return {State::Closed, ack ? Answer::Rst : Answer::RstAck};
  }
  if (c.state == State::Listen) {
    if (rst) return {State::Listen, Answer::None};
    if (ack) return {State::Listen, Answer::Rst};
    if (syn) return {State::SynReceived, Answer::SynAck};
    return {State::Listen, Answer::None};
  }
  const bool good_ack = ack && c.ack > 0 && c.ack <= k.flight;
  if (ack && !good_ack) return {State::SynSent, rst ? Answer::None : Answer::Rst};
  if (rst) return {good_ack ? State::Closed : State::SynSent, Answer::None};
  if (!syn) return {State::SynSent, Answer::None};
  if (!good_ack) return {State::SynReceived, Answer::SynAck};
  return {fin ? State::CloseWait : State::Established, Answer::Ack};
}

// 3.10.7.4 from the fifth step
Expected from_the_ack(const Case& c, const Known& k) {
  State s = c.state;
  const bool fin = c.flags & kFin;
  const bool covers_all = c.ack == k.flight;
  if (s == State::SynReceived) {
    if (!(c.ack > 0 && c.ack <= k.flight)) return {s, Answer::Rst};
    s = State::Established;
  } else {
    if (c.ack < -k.max_wnd || c.ack > k.flight) return {s, Answer::Ack};
    if (s == State::FinWait1 && covers_all) s = State::FinWait2;
    if (s == State::Closing && covers_all) return {State::TimeWait, Answer::None};
    if (s == State::LastAck && covers_all) return {State::Closed, Answer::None};
  }
  if (s == State::TimeWait) {  // an ACK where the FIN ended is all that needs no answer
    return {s, c.text > 0 || fin || c.offset != 0 ? Answer::Ack : Answer::None};
  }
  if (s == State::CloseWait || s == State::Closing || s == State::LastAck) {
    return {s, Answer::None};  // nothing more can come after the peer's FIN
  }
  if (!fin) return {s, c.text > 0 ? Answer::Ack : Answer::None};
  const std::int64_t fin_at = c.offset + c.text;
  const bool in_order = c.offset <= 0 && fin_at >= 0;
  if (!in_order) return {s, Answer::Ack};
  if (s == State::Established) return {State::CloseWait, Answer::Ack};
  if (s == State::FinWait1) return {State::Closing, Answer::Ack};
  return {State::TimeWait, Answer::Ack};
}

Expected oracle(const Case& c, const Known& k) {
  if (c.state == State::Closed || c.state == State::Listen || c.state == State::SynSent) {
    return before_synchronized(c, k);
  }
  const bool syn = c.flags & kSyn, rst = c.flags & kRst, ack = c.flags & kAck;
  const Expected stay_silent{c.state, Answer::None}, stay_ack{c.state, Answer::Ack};
  if (rst) {                                             // RFC 5961 3.2
    if (c.state == State::TimeWait) return stay_silent;  // RFC 1337: L11r
    if (c.offset < 0 || c.offset >= k.window) return stay_silent;
    if (c.offset != 0) return stay_ack;
    return {c.state == State::SynReceived ? State::Listen : State::Closed, Answer::None};
  }
  if (syn && c.state != State::SynReceived) return stay_ack;  // RFC 5961 4.2
  if (!acceptable(c, k)) {
    // RFC 9293 A.2: a repeated FIN whose ACK takes ours with it must not start an ACK war.
    const std::int64_t length = c.text + ((c.flags & kFin) != 0);
    const bool closing = c.state == State::Closing || c.state == State::LastAck;
    if (closing && (c.flags & kFin) && ack && c.offset + length == 0) return from_the_ack(c, k);
    return stay_ack;
  }
  if (syn) return {State::Listen, Answer::None};  // opened passively
  if (!ack) return stay_silent;
  return from_the_ack(c, k);
}

Answer answer_of(const std::vector<wire::Segment>& out) {
  if (out.empty()) return Answer::None;
  switch (out.front().flags & (kSyn | kRst | kAck)) {
    case kRst:
      return Answer::Rst;
    case kRst | kAck:
      return Answer::RstAck;
    case kSyn | kAck:
      return Answer::SynAck;
    default:
      return Answer::Ack;
  }
}

std::string describe(const Case& c) {
  return std::string(rfc_name(c.state)) + " <- " + wire::flags_text(c.flags) + " at RCV.NXT" +
         (c.offset < 0 ? "" : "+") + std::to_string(c.offset) + " ack SND.UNA" +
         (c.ack < 0 ? "" : "+") + std::to_string(c.ack) + " text " + std::to_string(c.text);
}

// Returns a description of the difference, empty when there is none.
std::string run(Case c, bool relative_to_window, bool relative_to_flight) {
  OneEnd end;
  end.world.tuning.tcp_invalid_ratelimit = 0;
  end.reach(c.state);
  const tcp::Info info = end.c.info(end.world.tuning, end.world.now);
  const bool has_window =
      c.state != State::Closed && c.state != State::Listen && c.state != State::SynSent;
  const bool fin_flies =
      c.state == State::FinWait1 || c.state == State::Closing || c.state == State::LastAck;
  const bool syn_flies = c.state == State::SynSent || c.state == State::SynReceived;
  const Known k{.window = has_window ? std::int64_t{info.rcv_wnd} : 0,
                .flight = fin_flies || syn_flies ? 1 : 0,
                .max_wnd = c.state == State::TimeWait   ? std::int64_t{1} << 30  // "hard-coded"
                           : c.state == State::FinWait2 ? 1
                                                        : 0};
  if (relative_to_window) c.offset += k.window;
  if (relative_to_flight) c.ack += k.flight;
  const std::uint32_t una = OneEnd::kIss + (syn_flies ? 0 : 1) +
                            (c.state == State::FinWait2 || c.state == State::TimeWait ? 1 : 0);
  end.inject({.flags = c.flags,
              .seq = end.peer_next + static_cast<std::uint32_t>(c.offset),
              .ack = (c.flags & kAck) != 0 ? una + static_cast<std::uint32_t>(c.ack) : 0,
              .size = static_cast<std::size_t>(c.text)});
  const Expected want = oracle(c, k);
  const auto out = end.take();
  const Expected got{end.c.state(), answer_of(out)};
  if (got == want && out.size() <= 1) return {};
  return describe(c) + ": want " + std::string(rfc_name(want.to)) + " answer " +
         std::to_string(static_cast<int>(want.answer)) + ", got " + std::string(rfc_name(got.to)) +
         "\n" + OneEnd::print(out);
}

// proves: MUST-57, SHLD-31, MAY-12
// proves: RFC5961-3.2-1, RFC5961-3.2-2, RFC5961-3.2-3, RFC5961-3.2-4, RFC5961-3.2-5, RFC5961-4.2-1
// proves: RFC5961-4.2-2, RFC5961-5.2-2
TEST(SegmentArrives, every_state_flag_place_and_acknowledgment) {
  int cases = 0, wrong = 0;
  for (int s = 0; s < kStates; ++s) {
    for (int f = 0; f < 16; ++f) {
      wire::Flags flags = 0;
      if (f & 1) flags |= kSyn;
      if (f & 2) flags |= kFin;
      if (f & 4) flags |= kRst;
      if (f & 8) flags |= kAck;
      for (const auto& [offset, from_edge] :
           std::vector<std::pair<std::int64_t, bool>>{{-1000, false},
                                                      {-1, false},
                                                      {0, false},
                                                      {100, false},
                                                      {-1, true},
                                                      {0, true},
                                                      {100, true}}) {
        for (const auto& [ack, from_flight] : std::vector<std::pair<std::int64_t, bool>>{
                 {-70000, false}, {0, false}, {0, true}, {1, true}, {70000, true}}) {
          for (const std::int64_t text : {0, 10}) {
            ++cases;
            const Case c{static_cast<State>(s), flags, offset, ack, text};
            const std::string difference = run(c, from_edge, from_flight);
            if (!difference.empty() && ++wrong <= 20) ADD_FAILURE() << difference;
          }
        }
      }
    }
  }
  EXPECT_EQ(wrong, 0) << "of " << cases;
  EXPECT_EQ(cases, 11 * 16 * 7 * 5 * 2);
}

}  // namespace
}  // namespace estab::testing
