// Tail loss probes: RFC 8985 7. When the last segments of a flight are lost, no duplicate tells of
// it; so, well before the retransmission timeout, one segment more is sent, whose SACK does.
#include <algorithm>

#include "tcp/connection.h"

namespace estab::tcp {
namespace {

constexpr Duration kSlack = std::chrono::milliseconds(2);  // of timers on both sides
constexpr Duration kUnmeasured = std::chrono::seconds(1);  // 7.2: without an SRTT

}  // namespace

// 7.2: after new data went out (`restart` false) and after each ACK that advances. False: none is due.
bool Connection::arm_tail_probe(bool restart, Context& context) {
  const bool calm = recovery_.state == CaState::Open || recovery_.state == CaState::Cwr;
  if (context.tuning.tcp_early_retrans == 0 || !sack_ok_ || !calm) return false;
  if (sent_.empty() || snd_una_ == iss_ || snd_wnd_ == 0) return false;
  if (!restart && timer_ == Timer::Reordering && retransmit_at_ != kNever) return false;
  Duration wait = kUnmeasured;
  if (rtt_.measured()) {
    // A lone segment's ACK may be delayed (7.2's WCDelAckT).
    const bool alone = sent_.segments() == 1;
    wait = 2 * rtt_.srtt() + (alone ? milliseconds_of(context.tuning.tcp_rto_min_ms) : kSlack);
  }
  const Duration timeout = restart ? backed_off(context) : until_timeout(context);
  if (timeout > Duration{0}) wait = std::min(wait, timeout);
  timer_ = Timer::Probe;
  retransmit_at_ = context.now + wait;
  return true;
}

// 7.3: new data if there is any, even beyond the congestion window; else the last segment again. One
// at a time.
void Connection::probe_tail(Context& context) {
  retransmit_at_ = kNever;
  timer_ = Timer::Retransmit;
  const std::int64_t window = snd_una_ + snd_wnd_ - snd_nxt_;
  // SHLD-16: nothing beyond a window that has shrunk; the timeout sees to that.
  const bool calm = recovery_.state == CaState::Open || recovery_.state == CaState::Cwr;
  if (calm && !sent_.empty() && snd_wnd_ > 0 && window >= 0 && !recovery_.probing) {
    const std::uint32_t in_flight_then = sent_.segments();
    const auto unsent = static_cast<std::int64_t>(unsent_bytes());
    const std::int64_t fresh = segment_length(snd_nxt_, unsent);
    recovery_.probe_new = fresh > 0 && window >= fresh;
    if (recovery_.probe_new) {
      send_fresh(fresh, false, context);
    } else {
      // The path may have become narrower since that segment went.
      const SentSegments::Index last = sent_.end() - 1;
      const std::int64_t most = effective_mss() + (fin_sent_ && snd_nxt_ == fin_seq() + 1 ? 1 : 0);
      if (sent_[last].end - sent_.begin_of(last) > most) {
        sent_.split(last, sent_[last].end - most);
      }
      send_again(sent_.end() - 1, context);
    }
    recovery_.probing = true;
    recovery_.probe_flight = in_flight_then;
    recovery_.probe_end = snd_nxt_;
    context.counters.add(Counter::TcpExtTCPLossProbes);
  }
  restart_timeout(context);
}

// 7.4.2: did the probe repair a loss? Then the congestion window has to hear of it. Fast recovery, when
// it is what the probe brought about, has reduced the window already.
void Connection::judge_tail_probe(SeqNum ack, const AckNews& news, Context& context) {
  Recovery& r = recovery_;
  if (!r.probing || ack < r.probe_end) return;
  const bool plain_duplicate = news.duplicate && !news.sacked;
  if (r.probe_new || news.dsack_of_probe || (ack == r.probe_end && plain_duplicate)) {
    r.probing = false;  // nothing was lost: both copies arrived
  } else if (ack > r.probe_end) {
    begin_reduction(r.probe_flight);
    set_state(CaState::Cwr);
    end_reduction();
    keep_open();
    context.counters.add(Counter::TcpExtTCPLossProbeRecovery);
  }
}

}  // namespace estab::tcp
