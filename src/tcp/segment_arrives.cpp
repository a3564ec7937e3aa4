// SEGMENT ARRIVES: RFC 9293 3.10.7, in its order. Each step raises at most one event; the state
// machine says where it leads.
#include <algorithm>

#include "base/defence.h"
#include "tcp/acceptable.h"
#include "tcp/connection.h"
#include "tcp/isn.h"
#include "tcp/mss.h"
#include "tcp/output.h"

namespace estab::tcp {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;
using wire::kUrg;

namespace {
constexpr Duration kTimestampAge = std::chrono::hours(24 * 24);  // RFC 7323 5.5
}  // namespace

bool Connection::on_segment(const wire::Segment& segment, Context& context) {
  bool passed = false;
  segs_in_ += static_cast<std::uint32_t>(segment.count());
  cause_ = segment.flags;
  switch (state_) {
    case State::Closed:
      answer_closed(segment, context);
      break;
    case State::Listen:
      arrives_in_listen(segment, context);
      break;
    case State::SynSent:
      arrives_in_syn_sent(segment, context);
      break;
    case State::TimeWait:
      arrives_in_time_wait(segment, context);
      break;
    case State::SynReceived:
    case State::Established:
    case State::FinWait1:
    case State::FinWait2:
    case State::CloseWait:
    case State::Closing:
    case State::LastAck:
      passed = passes_first_four(segment, context) && check_ack(segment, context);
      if (passed) {
        check_urgent(segment, context);
        process_text(segment, context);
        check_fin(segment, context);
      }
      break;
  }
  cause_ = 0;
  return passed;
}

// --- 3.10.7.2 LISTEN ----------------------------------------------------------------------------

void Connection::arrives_in_listen(const wire::Segment& segment, Context& context) {
  switch (classify_for_listener(segment)) {
    case ListenVerdict::Ignore:
      return;
    case ListenVerdict::Reset:
      answer_closed(segment, context);
      return;
    case ListenVerdict::Syn:
      break;
  }
  tuple_.remote = segment.tuple.remote;
  tuple_.local = segment.tuple.local;
  our_mss_ = mss_for_mtu(path_.our_mtu, tuple_.local.address.is_v4());
  adopt_syn(segment, context);
  syn_due_ = true;
  context.counters.add(Counter::TcpPassiveOpens);
  apply(Event::RcvSyn, context);  // arrow 6; text with the SYN will be sent again
}

// Takes over what the peer's SYN says: its sequence space and its options.
void Connection::adopt_syn(const wire::Segment& segment, Context& context) {
  const Tuning& tuning = context.tuning;
  irs_ = SeqNum::first(segment.seq);
  rcv_nxt_ = rcv_up_ = last_ack_sent_ = irs_ + 1;
  receive_queue_.start(rcv_nxt_);
  rcv_adv_ =
      rcv_nxt_ + std::min<std::int64_t>(static_cast<std::int64_t>(settings_.receive_buffer), 65535);
  peer_mss_ = peer_mss_of(segment, tuning);
  ts_ok_ = tuning.tcp_timestamps != 0 && segment.options.timestamps.has_value();
  if (ts_ok_) {
    ts_recent_ = segment.options.timestamps->value;
    ts_recent_at_ = context.now;
  }
  sack_ok_ = tuning.tcp_sack != 0 && segment.options.sack_permitted;
  ecn_.agree(segment.has(kAck) ? tuning.tcp_ecn == 1 && Ecn::agrees(segment)
                               : Ecn::asks(segment, tuning.tcp_ecn));
  wscale_ok_ = tuning.tcp_window_scaling != 0 && segment.options.window_scale.has_value();
  snd_wnd_shift_ = wscale_ok_ ? std::min<std::uint8_t>(*segment.options.window_scale, 14)
                              : std::uint8_t{0};  // RFC 7323 2.3
  rcv_wnd_shift_ = wscale_ok_ ? window_shift_for(tuning) : std::uint8_t{0};
  snd_wnd_ = segment.window;  // RFC 7323 2.2: never scaled on a SYN
  max_snd_wnd_ = std::max(max_snd_wnd_, snd_wnd_);
  snd_wl1_ = irs_;
  snd_wl2_ = segment.has(kAck) ? SeqNum::unwrap(segment.ack, snd_una_) : iss_;
}

// --- 3.10.7.3 SYN-SENT --------------------------------------------------------------------------

void Connection::arrives_in_syn_sent(const wire::Segment& segment, Context& context) {
  // First: the ACK bit.
  const SeqNum ack = SeqNum::unwrap(segment.ack, snd_una_);
  if (segment.has(kAck) && (ack <= iss_ || ack > snd_nxt_)) {
    context.counters.add(Counter::EstabAckOutOfRange);
    answer_closed(segment, context);
    return;
  }
  // An echo of a timestamp that we never sent: not an answer to our SYN (RFC 7323 5.3's spirit).
  if (segment.has(kAck) && !segment.has(kRst) && segment.options.timestamps && ts_ok_ &&
      segment.options.timestamps->echo != 0 &&
      timestamp_before(timestamp_clock(context.now) + ts_offset_,
                       segment.options.timestamps->echo)) {
    context.counters.add(Counter::TcpExtPAWSActive);
    answer_closed(segment, context);
    return;
  }
  // Second: the RST bit.
  if (segment.has(kRst)) {
    if (!segment.has(kAck)) {
      context.counters.add(Counter::EstabRstIgnored);
      return;
    }
    end(Event::RcvRst, Rule::L3_SynRefused, ECONNREFUSED, context);  // L3
    return;
  }
  // Third: security; none. Fourth: the SYN bit. Fifth: neither SYN nor RST.
  if (!segment.has(kSyn)) {
    context.counters.add(Counter::EstabTcpBadFlags);
    return;
  }
  adopt_syn(segment, context);
  if (!segment.has(kAck)) {  // arrow 8: both opened at once (MUST-10)
    syn_due_ = true;
    retries_ = backoff_ = 0;
    retransmit_at_ = kNever;
    context.counters.add(Counter::EstabSimultaneousOpens);
    if (!defended(Defence::ConnectedAfterAck)) was_connected_ = true;
    apply(Event::RcvSyn, context);
    return;
  }
  apply(Event::RcvSynAck, context);  // arrow 10
  ack_due_ = true;
  become_established(segment, context);
  check_urgent(segment, context);
  process_text(segment, context);
  check_fin(segment, context);
}

// --- TIME-WAIT: the record's rules, so that both forms answer alike -----------------------------

void Connection::arrives_in_time_wait(const wire::Segment& segment, Context& context) {
  TimeWait record = time_wait();
  record.has_acked = answered_ ? 1 : 0;
  record.last_ack_at = to_millis(last_answer_);
  // Nothing listens inside one connection: a SYN is never taken here.
  const TimeWaitVerdict verdict = tcp::on_segment(record, tuple_, segment, false, context);
  answered_ = record.has_acked != 0;
  if (answered_) last_answer_ = from_millis(record.last_ack_at, context.now);
  ts_recent_ = record.ts_recent;
  ts_recent_at_ = from_millis(record.ts_recent_at, context.now);
  if (verdict == TimeWaitVerdict::Restart) {
    state_at_ = context.now + time_wait_length(context.tuning);
  } else if (verdict == TimeWaitVerdict::End) {
    end(Event::RcvRst, Rule::None, 0, context);
  }
}

// --- 3.10.7.4: the first four checks ------------------------------------------------------------

bool Connection::passes_first_four(const wire::Segment& segment, Context& context) {
  const Expectation expected{.state = state_,
                             .opened = opened_,
                             .rcv_nxt = rcv_nxt_,
                             .rcv_wnd = std::max<std::int64_t>(rcv_adv_ - rcv_nxt_, 0),
                             .ts_ok = ts_ok_,
                             .ts_required = context.tuning.tcp_timestamps_required != 0,
                             .ts_recent = ts_recent_,
                             .ts_recent_valid = context.now - ts_recent_at_ < kTimestampAge};
  const Verdict v = check_first_four(expected, segment);
  if (v.why != Counter::kCount) context.counters.add(v.why);
  switch (v.check) {
    case Check::Pass:
      last_heard_ = context.now;
      if (keep_probes_ > 0 || keep_alive_at_ != kNever) restart_keep_alive(context);
      return true;
    case Check::Drop:
      return false;
    case Check::Unacceptable:
      answer_unacceptable(segment, context);
      return false;
    case Check::Challenge:
      challenge(context);
      return false;
    case Check::Reset:
      on_reset(context);
      return false;
    case Check::Listen:
      context.counters.add(Counter::TcpAttemptFails);
      apply(Event::RcvSyn, context);
      return false;
  }
  return false;
}

void Connection::on_reset(Context& context) {
  if (state_ == State::SynReceived) {
    // Arrow 5, or a refusal of what we opened (note 1).
    const int error = opened_ == Opened::Actively ? ECONNREFUSED : 0;
    end(Event::RcvRst, Rule::L15_Reset, error, context);
    return;
  }
  const int error = state_ == State::CloseWait ? EPIPE : ECONNRESET;  // Linux's choice (L15)
  end(Event::RcvRst, Rule::L15_Reset, error, context);                // MUST-12
}

// L16, RFC 5961: say where we are, so that a genuine peer can answer with an exact RST.
void Connection::challenge(Context& context) {
  if (!may_answer(answered_, last_answer_, context)) {
    context.counters.add(Counter::TcpExtTCPACKSkippedChallenge);
    return;
  }
  if (!challenge_allowed(context)) return;
  context.counters.add(Counter::TcpExtTCPChallengeACK);
  note(Rule::L16_Challenge, context);
  send_ack(context);
}

// First check failed: acknowledge and drop. Data that came again is answered each time, or its
// sender would wait for a timeout; anything else is rate limited, or two confused ends would talk
// for ever.
void Connection::answer_unacceptable(const wire::Segment& segment, Context& context) {
  const SeqNum seq = sequence_of(segment, rcv_nxt_);
  const SeqNum end = seq + segment.length();
  if (!segment.payload.empty() && end <= rcv_nxt_) {
    context.counters.add(Counter::TcpExtDelayedACKLost);
    if (sack_ok_ && context.tuning.tcp_dsack != 0) {
      dsack_ = wire::SackBlock{seq.wire(), end.wire()};
      context.counters.add(Counter::TcpExtTCPDSACKOldSent);
    }
    ack_due_ = true;
    return;
  }
  if (segment.has(kFin) && end <= rcv_nxt_) {  // our ACK of the FIN was lost
    ack_due_ = true;
    return;
  }
  if (!segment.payload.empty() && rcv_adv_ == rcv_nxt_) {  // a probe of our closed window
    context.counters.add(Counter::TcpExtTCPZeroWindowDrop);
    ack_due_ = true;
    return;
  }
  if (!may_answer(answered_, last_answer_, context)) {
    context.counters.add(Counter::TcpExtTCPACKSkippedSeq);
    return;
  }
  send_ack(context);
}

// --- sixth: URG ---------------------------------------------------------------------------------

void Connection::check_urgent(const wire::Segment& segment, Context& context) {
  if (!segment.has(kUrg)) return;
  const bool receiving =
      state_ == State::Established || state_ == State::FinWait1 || state_ == State::FinWait2;
  // RFC 6093 4, RFC 9293 3.8.5: the pointer names the octet after the urgent data.
  const SeqNum up = sequence_of(segment, rcv_nxt_) + segment.urgent;
  const bool ahead = (up - 1 >= receive_queue_.read_position() && segment.urgent != 0) ||
                     !defended(Defence::UrgentBounds);
  const bool newer = !urgent_received_ || up > rcv_up_;
  if (!receiving || !ahead || !newer || fin_received_) {
    if (!ahead || !receiving) context.counters.add(Counter::EstabUrgentIgnored);
    return;
  }
  rcv_up_ = up;  // MUST-31, MUST-32: told through kUrgent, again when the pointer advances
  urgent_received_ = true;
  urgent_read_ = false;
}

// --- eighth: FIN --------------------------------------------------------------------------------

void Connection::check_fin(const wire::Segment& segment, Context& context) {
  (void)segment;  // process_text() noted where the FIN stands; it may have come out of order
  if (!peer_fin_ || receive_queue_.next() != *peer_fin_) return;
  if (fin_received_ || state_ == State::Closed) return;  // CLOSE-WAIT, CLOSING, LAST-ACK: remain
  fin_received_ = true;
  rcv_nxt_ = *peer_fin_ + 1;
  rcv_adv_ = std::max(rcv_adv_, rcv_nxt_);
  ack_due_ = true;
  switch (state_) {
    case State::Established:
    case State::FinWait1:
    case State::FinWait2:
      apply(Event::RcvFin, context);
      break;  // arrows 13, 15, 16
    case State::Closed:
    case State::Listen:
    case State::SynSent:
    case State::SynReceived:
    case State::CloseWait:
    case State::Closing:
    case State::LastAck:
    case State::TimeWait:
      break;
  }
}

}  // namespace estab::tcp
