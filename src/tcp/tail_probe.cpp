// Tail loss probes: RFC 8985 7. When the last segments of a flight are lost, no duplicate tells of
// it; so, well before the retransmission timeout, one segment more is sent, whose SACK does.
#include <algorithm>

#include "tcp/connection.h"

namespace estab::tcp {
namespace {

constexpr Duration kSlack = std::chrono::milliseconds(2);  // of timers on both sides
constexpr Duration kUnmeasured = std::chrono::seconds(1);  // 7.2: without an SRTT

}  // namespace

// 7.2: after new data went out and after each ACK that advances.
void Connection::arm_tail_probe(Context& context) {
  tail_probe_at_ = kNever;
  const bool disorder = phase_ != Phase::Open || dup_acks_ > 0 || !scoreboard_.empty();
  if (context.tuning.tcp_early_retrans == 0 || !sack_ok_ || disorder || tail_probing_) return;
  if (in_flight() == 0 || snd_una_ == iss_ || snd_wnd_ == 0) return;
  Duration wait = kUnmeasured;
  if (rtt_.measured()) {
    // A lone segment's ACK may be delayed (7.2's WCDelAckT).
    const bool alone = in_flight() <= effective_mss();
    wait = 2 * rtt_.srtt() + (alone ? milliseconds_of(context.tuning.tcp_rto_min_ms) : kSlack);
  }
  tail_probe_at_ = std::min(context.now + wait, retransmit_at_);
}

// 7.3: new data if there is any, even beyond the congestion window; else the last segment again.
void Connection::probe_tail(Context& context) {
  tail_probe_at_ = kNever;
  const std::int64_t window = snd_una_ + snd_wnd_ - snd_nxt_;
  // SHLD-16: nothing beyond a window that has shrunk; the timeout sees to that.
  if (phase_ != Phase::Open || in_flight() == 0 || snd_wnd_ == 0 || window < 0) return;
  tail_probe_flight_ = in_flight();
  const auto unsent = static_cast<std::int64_t>(unsent_bytes());
  const std::int64_t fresh = segment_length(snd_nxt_, unsent);
  tail_probe_is_new_ = fresh > 0 && window >= fresh;
  if (tail_probe_is_new_) {
    send_range(snd_nxt_, fresh, false, false, context);
  } else {
    const bool fin = fin_sent_ && snd_nxt_ == fin_seq() + 1;
    const SeqNum end = snd_nxt_ - (fin ? 1 : 0);
    // The path may have become narrower since that segment went.
    const SeqNum from = std::max({tail_seq_, snd_una_, end - effective_mss()});
    send_range(from, end - from, fin, true, context);
  }
  tail_probing_ = true;
  tail_probe_end_ = snd_nxt_;
  context.counters.add(Counter::TcpExtTCPLossProbes);
  retransmit_at_ = context.now + backed_off(context);
}

// 7.4.2: did the probe repair a loss? Then the congestion window has to hear of it: FlightSize is what
// was under way when the loss was suspected, not the little that is now. Fast recovery, when it is
// what the probe brought about, has reduced the window already.
void Connection::judge_tail_probe(SeqNum ack, bool dsack, bool duplicate, Context& context) {
  if (!tail_probing_ || ack < tail_probe_end_) return;
  if (tail_probe_is_new_ || dsack || duplicate) {
    tail_probing_ = false;  // nothing was lost: both copies arrived
  } else if (ack > tail_probe_end_) {
    tail_probing_ = false;
    const std::int64_t flight = std::min(tail_probe_flight_, congestion_.cwnd());
    congestion_.on_congestion(flight, effective_mss());
    context.counters.add(Counter::TcpExtTCPLossProbeRecovery);
  }
}

}  // namespace estab::tcp
