// The fifth step of RFC 9293 3.10.7.4: the ACK field, and what an acceptable ACK does to the send
// side.
//
//            SND.UNA              SND.NXT           SND.UNA+SND.WND
//   -- acked --|--- in flight -------|--- may be sent ---|--- must wait ---
#include <algorithm>

#include "base/defence.h"
#include "tcp/acceptable.h"
#include "tcp/connection.h"
#include "tcp/isn.h"
#include "tcp/output.h"

namespace estab::tcp {

using wire::kAck;

bool Connection::check_ack(const wire::Segment& segment, Context& context) {
  if (!segment.has(kAck)) {  // "if the ACK bit is off, drop the segment and return"
    context.counters.add(Counter::EstabTcpBadFlags);
    return false;
  }
  const SeqNum ack = SeqNum::unwrap(segment.ack, snd_una_);
  if (snd_una_ == iss_) {  // SYN-RECEIVED, or closed from there: our SYN is not acknowledged yet
    if ((ack <= snd_una_ || ack > snd_nxt_) && defended(Defence::HandshakeAck)) {
      context.counters.add(Counter::EstabAckOutOfRange);
      answer_closed(segment, context);  // <SEQ=SEG.ACK><CTL=RST>, and stay
      return false;
    }
    if (state_ == State::SynReceived) apply(Event::RcvAckOfSyn, context);  // arrow 9
    take_timestamp(segment, context);
    become_established(segment, context);
    return state_ != State::Closed;
  }
  // RFC 5961 5 (MAY-12), with the lower bound that does not believe in bytes never sent
  // (CVE-2023-52881).
  std::int64_t reach = std::min<std::int64_t>(max_snd_wnd_, snd_una_ - iss_ - 1);
  if (!defended(Defence::AckFloor)) reach = max_snd_wnd_;
  if (!defended(Defence::AckRange)) reach = std::int64_t{1} << 31;  // RFC 793: any duplicate
  const bool unsent = ack > snd_nxt_ && defended(Defence::AckOfUnsent);
  if (ack < snd_una_ - reach || unsent) {
    context.counters.add(Counter::EstabAckOutOfRange);
    challenge(context);
    return false;
  }
  take_timestamp(segment, context);
  acknowledge(segment, context);
  return state_ != State::Closed && state_ != State::TimeWait;
}

// RFC 7323 4.3, for a segment whose ACK was found good.
void Connection::take_timestamp(const wire::Segment& segment, const Context& context) {
  if (!ts_ok_ || !segment.options.timestamps) return;
  const SeqNum seq = sequence_of(segment, rcv_nxt_);
  if (seq > last_ack_sent_ && defended(Defence::TimestampInOrder)) return;
  if (timestamp_before(segment.options.timestamps->value, ts_recent_)) return;
  ts_recent_ = segment.options.timestamps->value;
  ts_recent_at_ = context.now;
}

// The handshake is done: SND.WND, WL1, WL2 from this segment, and both sides may send.
void Connection::become_established(const wire::Segment& segment, Context& context) {
  was_connected_ = true;
  if (syn_due_) {  // our SYN,ACK had not left when the peer's came: an ACK says it all
    syn_due_ = false;
    ack_due_ = true;
  }
  const bool repeated = retries_ > 0;
  if (repeated) rtt_.doubt_initial();
  rcv_mss_ = std::min<std::uint32_t>(rcv_mss_, our_mss_);
  quick_acks_ = 16;
  snd_wl1_ = sequence_of(segment, rcv_nxt_) - 1;  // so that this segment's window counts
  // RFC 5681 3.1: a lost SYN means one segment to start with.
  const std::int64_t window = repeated ? 1 : context.tuning.tcp_init_cwnd;
  congestion_.start(settings_.congestion, window);
  acknowledge(segment, context);
  send_accounting_.grow(sender(context.tuning));  // for the initial window
  small_seq_ = snd_una_;
  last_data_sent_ = last_data_received_ = context.now;
  restart_keep_alive(context);
  if (close_when_established_) {  // 3.10.4 SYN-RECEIVED
    close_when_established_ = false;
    apply(Event::Close, context);
  }
}

void Connection::acknowledge(const wire::Segment& segment, Context& context) {
  const SeqNum ack = std::min(SeqNum::unwrap(segment.ack, snd_una_), snd_nxt_);
  const SeqNum seq = sequence_of(segment, rcv_nxt_);
  AckNews news = before_ack();
  last_ack_received_ = context.now;
  was_acked_ = true;
  // MSG_MORE holds for the call alone: when an ACK asks what may go, Nagle decides.
  if (more_hint_ && !settings_.cork) {
    more_hint_ = false;
    hold_until_ = kNever;
  }
  const bool window_moved = update_send_window(segment, seq, ack, context);
  if (ts_ok_ && segment.options.timestamps) news.echo = segment.options.timestamps->echo;
  news.ece = ecn_.echoed(segment);
  if (sack_ok_ && segment.options.sack_count > 0) record_sacks(segment.options, ack, news, context);
  if (ack > snd_una_) advance_una(ack, news, context);
  // RFC 5681 2: what counts as a duplicate.
  news.duplicate =
      ack == news.una && news.segments > 0 && segment.length() == 0 && !window_moved && !news.dsack;
  measure(segment, news, context);
  react(ack, news, context);
  after_ack_of_fin(context);
}

// Is it the congestion window that holds the sender back? In slow start half of it in use is enough.
bool Connection::window_limits() const {
  return window_was_full_ ||
         (congestion_.in_slow_start() && congestion_.cwnd() < 2 * std::int64_t{most_in_flight_});
}

// Returns whether the window changed (a duplicate ACK has the same).
bool Connection::update_send_window(const wire::Segment& segment, SeqNum seq, SeqNum ack,
                                    Context& context) {
  if (ack < snd_una_) return false;
  const bool newer = snd_wl1_ < seq || (snd_wl1_ == seq && snd_wl2_ <= ack);
  if (!newer) return false;
  // MUST-1: unsigned. RFC 7323 2.3: scaled, but on a SYN.
  const std::uint8_t shift = segment.has(wire::kSyn) ? std::uint8_t{0} : snd_wnd_shift_;
  const std::uint32_t window = std::uint32_t{segment.window} << shift;
  const bool changed = window != snd_wnd_;
  if (snd_wnd_ == 0 && window > 0 && in_flight() > 0) send_all_again(context);  // the probe's octet
  snd_wnd_ = window;
  max_snd_wnd_ = std::max(max_snd_wnd_, window);
  snd_wl1_ = seq;
  snd_wl2_ = ack;
  if (window > 0 && probes_ > 0) probes_ = backoff_ = 0;
  if (window > 0) persist_at_ = kNever;
  return changed;
}

void Connection::advance_una(SeqNum ack, AckNews& news, Context& context) {
  const std::size_t queued = send_queue_.size();
  news.advanced = true;
  snd_una_ = ack;
  send_queue_.acknowledge(ack);
  send_accounting_.acknowledge(ack);
  if (send_queue_.empty() || ack - progress_una_ >= effective_mss()) {
    progress_una_ = ack;
    progress_at_ = context.now;
  }
  bytes_acked_ += queued - send_queue_.size();
  forget_acked(ack, news, context);
  scoreboard_.acknowledge(ack);
  if (urgent_pending_ && snd_una_ >= snd_up_) urgent_pending_ = false;
  retries_ = backoff_ = 0;
  retry_since_ = context.now;
  soft_error_ = 0;
}

// Arrows 14, 17, 19.
void Connection::after_ack_of_fin(Context& context) {
  if (!fin_acked()) return;
  switch (state_) {
    case State::FinWait1:
      apply(Event::RcvAckOfFin, context);
      if (!orphan_) {
        note(Rule::L9_HalfCloseWaits, context);
      } else if (state_at_ <= context.now) {  // TCP_LINGER2 of 0 or less: nobody waits
        context.counters.add(Counter::TcpExtTCPAbortOnLinger);
        send_reset(context);
        end(Event::Abort, Rule::L8_FinWait2Timeout, 0, context);
      }
      break;
    case State::Closing:
    case State::LastAck:
      apply(Event::RcvAckOfFin, context);
      break;
    case State::Closed:
    case State::Listen:
    case State::SynSent:
    case State::SynReceived:
    case State::Established:
    case State::FinWait2:
    case State::CloseWait:
    case State::TimeWait:
      break;
  }
}

}  // namespace estab::tcp
