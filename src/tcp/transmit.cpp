// What to send, and when: RFC 9293 3.7.4 (Nagle), 3.8.6 (windows, silly-window avoidance),
// RFC 5681 (congestion window), in one loop that the driver starts after each batch of input.
#include <algorithm>
#include <utility>

#include "tcp/connection.h"
#include "tcp/isn.h"
#include "tcp/output.h"

namespace estab::tcp {

using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;
using wire::kUrg;

void Connection::transmit(Context& context) {
  if (syn_due_) send_syn(context);
  if (can_send_data()) {
    restart_after_idle(context);
    const bool on_trial = std::exchange(recovery_.new_first, false);  // RFC 5682 2.1 step 2b
    while (!on_trial && retransmit_one(false, context)) {
    }
    send_new(context);
    if (on_trial && snd_nxt_ <= recovery_.high) {  // nothing new could go
      recovery_.frto = false;
      while (retransmit_one(false, context)) {
      }
    }
    send_accounting_.sent(snd_nxt_);
    if (std::exchange(was_acked_, false)) {
      if (send_accounting_.make_room(wants_room_, sender(context.tuning))) wants_room_ = false;
    }
    if (in_flight() > 0 && persist_at_ == kNever) arm_retransmit(context);
    arm_persist(context);
  }
  send_limits_.now_by(limited_by(), context.now);
  if (ack_due_ || window_update_due()) send_ack(context);
}

// A burst ends with PSH, as Linux's super-segments do: its receiver need not wait for more. Not
// where the application says that more follows.
void Connection::send_new(Context& context) {
  int sent = 0;
  while (send_one(context)) ++sent;
  if (sent > 1 && !more_hint_ && !settings_.cork) context.segments.back().flags |= kPsh;
  push_now_ = false;
  note_usage(sent > 0, context);
  if (sent == 0) return;
  arm_retransmit(context);
  (void)arm_tail_probe(false, context);
}

// Data goes out after a pause: RFC 5681 4.1, RFC 2861 3.
void Connection::restart_after_idle(Context& context) {
  if (in_flight() != 0 || send_queue_.size() == 0) return;
  const Duration idle = context.now - last_data_sent_;
  const Duration rto = rtt_.rto(context.tuning);
  if (context.tuning.tcp_slow_start_after_idle == 0 || idle <= rto) return;
  congestion_.decay(idle, rto, context.tuning.tcp_init_cwnd);
  usage_at_ = context.now;
  most_used_ = 0;
}

// As Linux's tcp_cwnd_validate(): the strongest sign of use in a window of data counts for all of it.
// A window that was not used for an RTO comes half of the way down to what was (RFC 2861 3, RFC 7661
// 4.4's reason).
void Connection::note_usage(bool sent, Context& context) {
  const bool full = unsent_bytes() > 0 && pipe() >= congestion_.cwnd();
  if (!sent && !full) return;
  const std::uint32_t under_way = sent_.segments();
  if (snd_una_ >= usage_end_ || full || (!window_was_full_ && under_way > most_in_flight_)) {
    window_was_full_ = full;
    most_in_flight_ = under_way;
    usage_end_ = snd_nxt_;
  }
  if (window_limits()) {
    most_used_ = 0;
    usage_at_ = context.now;
    return;
  }
  most_used_ = std::max(most_used_, under_way);
  if (context.tuning.tcp_slow_start_after_idle == 0) return;
  if (context.now - usage_at_ < rtt_.rto(context.tuning)) return;
  if (recovery_.state == CaState::Open && !wants_room_) {
    congestion_.approach(std::max<std::int64_t>(most_used_, context.tuning.tcp_init_cwnd));
  }
  most_used_ = 0;
  usage_at_ = context.now;
}

SendLimits::Kind Connection::limited_by() const {
  if (send_queue_.empty() || !can_send_data()) return SendLimits::Kind::Idle;
  const auto unsent = static_cast<std::int64_t>(unsent_bytes());
  const std::int64_t window = snd_una_ + snd_wnd_ - snd_nxt_;
  const bool path_full = sent_.segments() >= congestion_.cwnd();
  if (path_full) return SendLimits::Kind::Path;
  if (unsent > 0 && window < std::min(unsent, effective_mss())) return SendLimits::Kind::Window;
  if (unsent == 0 && wants_room_) return SendLimits::Kind::Buffer;
  return SendLimits::Kind::Path;
}

bool Connection::can_send_data() const {
  switch (state_) {
    case State::Established:
    case State::CloseWait:
    case State::FinWait1:
    case State::Closing:
    case State::LastAck:
      return true;
    case State::SynReceived:
    case State::Closed:
    case State::Listen:
    case State::SynSent:
    case State::FinWait2:
    case State::TimeWait:
      return false;
  }
  return false;
}

// One segment of what is lost; `forced`: whatever the congestion window says, as after a timeout.
bool Connection::retransmit_one(bool forced, Context& context) {
  const SentSegments::Index i = sent_.next_lost();
  if (i == sent_.end()) return false;
  if (!forced && pipe() >= congestion_.cwnd()) return false;
  // SHLD-16: only what lies within the window; a closed one is probed by its timer.
  const SeqNum begin = std::max(sent_.begin_of(i), snd_una_);
  const std::int64_t window = snd_una_ + snd_wnd_ - begin;
  if (window <= 0) return false;
  const bool fin = fin_sent_ && sent_[i].end == fin_seq() + 1;
  std::int64_t most = std::min(effective_mss() + (fin ? 1 : 0), window);
  if (sent_[i].end - begin > most) sent_.split(i, begin + most);
  most = send_accounting_.cut(begin, sent_[i].end) - begin;  // MSG_EOR
  if (sent_[i].end - begin > most) sent_.split(i, begin + most);
  join_following(i, begin, window);
  context.counters.add(recovery_.state == CaState::Loss ? Counter::TcpExtTCPSlowStartRetrans
                                                        : Counter::TcpExtTCPFastRetrans);
  const bool head = i == sent_.begin();
  send_again(i, context);
  if (recovery_.reducing()) recovery_.prr.sent(1);
  // The first one has a whole timeout again.
  if (head && timer_ != Timer::Reordering) restart_timeout(context);
  return true;
}

// Small segments go again as one, as far as one has room (RFC 9293 3.8.6.2, as Linux does).
void Connection::join_following(SentSegments::Index i, SeqNum begin, std::int64_t window) {
  if (sent_[i].end - begin >= effective_mss()) return;
  const SeqNum data_end = fin_sent_ ? fin_seq() : snd_nxt_;
  const SeqNum most = std::min(data_end, begin + std::min(effective_mss(), window));
  SeqNum edge = send_accounting_.cut(begin, most);  // MSG_EOR
  if (fin_sent_ && edge == fin_seq() && window > edge - begin) edge += 1;
  sent_.join(i, edge);
}

// The next segment of new data, with the FIN when it follows at once.
bool Connection::send_one(Context& context) {
  if (snd_nxt_ == iss_) return false;  // the SYN goes first
  const std::int64_t available = send_queue_.end() - std::min(snd_nxt_, send_queue_.end());
  const bool fin_pending = fin_queued_ && !fin_sent_ && state_ != State::SynReceived;
  if (available == 0 && !fin_pending) return false;
  const std::int64_t mss = effective_mss();
  const std::int64_t window = snd_una_ + snd_wnd_ - snd_nxt_;  // may be negative (MUST-34)
  if (window <= 0) return false;
  // A FIN alone is no burden on the path.
  if (available > 0 && pipe() >= congestion_.cwnd()) return false;
  const std::int64_t wanted = segment_length(snd_nxt_, available);
  const std::int64_t length = std::min(wanted, window);
  const bool fin = fin_pending && length == available && window > length;
  const bool whole_record = length == wanted && wanted < available;
  if (!fin && length < mss && !whole_record && !may_send_part(length, available, context)) {
    return false;
  }
  if (length == 0 && !fin) return false;
  send_fresh(length, fin, context);
  if (recovery_.reducing()) recovery_.prr.sent(1);
  if (length < mss) small_seq_ = snd_nxt_;
  return true;
}

// A segment that is not full: RFC 9293 3.8.6.2.1 (MUST-38) and 3.7.4 (SHLD-7).
bool Connection::may_send_part(std::int64_t length, std::int64_t available, Context& context) {
  if (urgent_pending_ && snd_nxt_ < snd_up_) return true;
  if (length < available) {
    // The window cut it: worth sending at half of the largest window ever seen, rule (3).
    return length >= std::int64_t{max_snd_wnd_} / 2;
  }
  if (push_now_) return true;
  if (settings_.cork || more_hint_) {
    if (held_long_enough_) {
      held_long_enough_ = false;
      pushed_ = true;
      return true;
    }
    // tcp(7): 200 ms; like Linux, as long as an RTO, of which that is the least.
    if (hold_until_ == kNever) hold_until_ = context.now + backed_off(context);
    return false;
  }
  if (settings_.no_delay) return true;  // MUST-17
  // Nagle, in Minshall's form as Linux has it: one unacknowledged small segment at a time.
  return in_flight() == 0 || small_seq_ <= snd_una_;
}

// How much of the `available` bytes at `from` one segment takes.
std::int64_t Connection::segment_length(SeqNum from, std::int64_t available) const {
  const std::int64_t most = std::min(available, effective_mss());
  return send_accounting_.cut(from, from + most) - from;
}

// New data, and a record of it.
void Connection::send_fresh(std::int64_t length, bool fin, Context& context) {
  const SeqNum begin = snd_nxt_;
  if (in_flight() == 0) {
    retry_since_ = context.now;
    congestion_.on_restart(context.now - last_data_sent_);
  }
  send_range(begin, length, fin, false, context);
  sent_.push(begin, snd_nxt_, context.now);
}

void Connection::send_again(SentSegments::Index i, Context& context) {
  const SeqNum begin = std::max(sent_.begin_of(i), snd_una_);
  const bool fin = fin_sent_ && sent_[i].end == fin_seq() + 1;
  const std::int64_t length = sent_[i].end - begin - (fin ? 1 : 0);
  sent_.resend(i, context.now);
  recovery_.undo.resent(timestamp_clock(context.now) + ts_offset_);
  count_copy(length);
  send_range(begin, length, fin, true, context);
}

void Connection::count_copy(std::int64_t length) {
  ++total_retrans_;
  bytes_retrans_ += static_cast<std::uint64_t>(length);
}

// Sends [seq, seq + length) and perhaps the FIN behind it.
void Connection::send_range(SeqNum seq, std::int64_t length, bool fin, bool again,
                            Context& context) {
  wire::Flags flags = kAck;
  if (fin) flags |= kFin;
  const SeqNum end = seq + length;
  // MUST-61: the last that we have, unless its SEND said that more follows.
  if (length > 0 && end == send_queue_.end() && pushed_) flags |= kPsh;
  // Each chunk ends so, too, as Linux's super-segments do.
  const bool held = more_hint_ || settings_.cork;
  if (length > 0 && !held && send_accounting_.ends_chunk(seq, end)) flags |= kPsh;
  wire::Segment s = blank(flags, seq, context);
  if (length > 0) s.payload = send_queue_.at(seq, length);
  if (urgent_pending_ && snd_up_ > seq) {  // MUST-30
    s.flags |= kUrg;
    s.urgent = static_cast<std::uint16_t>(std::min<std::int64_t>(snd_up_ - seq, 65535));
  }
  const SeqNum last = end + (fin ? 1 : 0);
  snd_nxt_ = std::max(snd_nxt_, last);
  if (fin) fin_sent_ = true;
  if (length > 0) {
    ++data_segs_out_;
    bytes_sent_ += static_cast<std::uint64_t>(length);
  }
  last_data_sent_ = context.now;
  add_sack(s);
  ecn_.mark(s, length > 0 && !again);
  emit(std::move(s), context, again);
}

void Connection::send_syn(Context& context) {
  syn_due_ = false;
  const bool answer = state_ == State::SynReceived || state_ == State::FinWait1;
  const bool again = snd_nxt_ > iss_ && retries_ > 0;
  wire::Segment s = blank(static_cast<wire::Flags>(answer ? kSyn | kAck : kSyn), iss_, context);
  if (!answer) s.flags |= Ecn::in_syn(context.tuning.tcp_ecn, again);
  if (answer && ecn_.agreed()) s.flags |= wire::kEce;
  const std::int64_t offered =
      answer ? rcv_adv_ - rcv_nxt_ : static_cast<std::int64_t>(settings_.receive_buffer);
  s.window = static_cast<std::uint16_t>(std::clamp<std::int64_t>(offered, 0, 65535));
  s.options.mss = our_mss_;  // MUST-14, SHLD-5, MUST-65
  s.options.sack_permitted = sack_ok_;
  if (wscale_ok_) s.options.window_scale = rcv_wnd_shift_;
  snd_nxt_ = std::max(snd_nxt_, iss_ + 1);
  syn_timed_ = !again;
  if (again) {
    ++total_retrans_;
    context.counters.add(Counter::TcpExtTCPSynRetrans);
  } else {
    retry_since_ = context.now;
  }
  emit(std::move(s), context, again);
  arm_retransmit(context);
}

void Connection::send_ack(Context& context) {
  wire::Segment s = blank(kAck, snd_nxt_, context);
  add_sack(s);
  ecn_.mark(s, false);
  emit(std::move(s), context, false);
}

// ABORT, and every end that the peer has to hear of. It carries an ACK, as every segment of a
// synchronized connection does.
void Connection::send_reset(Context& context) {
  wire::Flags flags = kRst;
  if (state_ != State::SynSent) flags |= kAck;
  wire::Segment s = blank(flags, snd_nxt_, context);
  emit(std::move(s), context, false);  // RFC 7323 3.2: with timestamps, where they are agreed on
}

// The header fields that every segment of this connection has.
wire::Segment Connection::blank(wire::Flags flags, SeqNum seq, Context& context) {
  const bool acks = (flags & kAck) != 0;
  wire::Segment s =
      make_segment(tuple_, flags, seq.wire(), acks ? rcv_nxt_.wire() : WireSeq{}, context.tuning);
  s.tos = settings_.tos & ~kEcnMask;  // MUST-48, SHLD-22: as it is now; ECN's bits are ours
  s.dont_fragment = settings_.dont_fragment();
  if (settings_.ttl != 0) s.ttl = settings_.ttl;
  if (acks && (flags & kSyn) == 0) s.window = offer_window(context);
  if (ts_ok_) {
    s.options.timestamps =
        wire::Timestamps{timestamp_clock(context.now) + ts_offset_, acks ? ts_recent_ : 0};
  }
  return s;
}

// RFC 2018 3, RFC 2883 4: a D-SACK goes first, then the runs that changed last.
void Connection::add_sack(wire::Segment& segment) {
  if (!sack_ok_ || (!dsack_ && !receive_queue_.has_gap())) return;
  std::size_t room = segment.options.timestamps ? 3 : 4;
  std::size_t n = 0;
  if (dsack_) {
    segment.options.sack[n++] = *dsack_;
    --room;
    dsack_.reset();
  }
  std::array<wire::SackBlock, 4> blocks{};
  const std::size_t found = receive_queue_.sack_blocks(blocks, room);
  for (std::size_t i = 0; i < found; ++i) segment.options.sack[n++] = blocks[i];
  segment.options.sack_count = static_cast<std::uint8_t>(n);
}

void Connection::emit(wire::Segment&& segment, Context& context, bool again) {
  ++segs_out_;
  if (segment.has(kAck)) {
    ack_due_ = false;
    read_since_ack_ = false;
    delayed_ack_at_ = kNever;
    unacked_received_ = 0;
    last_ack_sent_ = rcv_nxt_;
  }
  push(std::move(segment), context, again);
}

// --- the window that we offer -------------------------------------------------------------------

// RFC 9293 3.8.6.2.2: opens only by a worthwhile step (MUST-39), never shrinks (SHLD-14).
std::uint16_t Connection::offer_window(Context& context) {
  const auto buffer = static_cast<std::int64_t>(settings_.receive_buffer);
  const std::int64_t used = static_cast<std::int64_t>(receive_queue_.readable());
  const SeqNum could = rcv_nxt_ + std::max<std::int64_t>(buffer - used, 0);
  const bool was_closed = rcv_adv_ <= rcv_nxt_;
  SeqNum edge = std::max(rcv_adv_, rcv_nxt_);
  if (could - edge >= std::min<std::int64_t>(buffer / 2, our_mss_)) {
    edge = could;
  } else if (could < edge && could <= rcv_nxt_) {
    context.counters.add(Counter::TcpExtTCPWantZeroWindowAdv);
  }
  const std::int64_t unit = std::int64_t{1} << rcv_wnd_shift_;
  const bool growing = edge > rcv_adv_;
  // Rounding must not take back what was offered.
  std::int64_t units = growing ? (edge - rcv_nxt_) / unit : (edge - rcv_nxt_ + unit - 1) / unit;
  units = std::min<std::int64_t>(units, 65535);
  rcv_adv_ = std::max(rcv_adv_, rcv_nxt_ + units * unit);
  const bool closed = units == 0;
  if (closed && !was_closed) context.counters.add(Counter::TcpExtTCPToZeroWindowAdv);
  if (!closed && was_closed) context.counters.add(Counter::TcpExtTCPFromZeroWindowAdv);
  return static_cast<std::uint16_t>(units);
}

// The application has read: tell the peer when the window can grow by half the buffer or by two
// segments at least, and it is nearly used up (3.8.6.2.2; MUST-37's other end).
bool Connection::window_update_due() const {
  switch (state_) {
    case State::Established:
    case State::FinWait1:
    case State::FinWait2:
      break;
    case State::Closed:
    case State::Listen:
    case State::SynSent:
    case State::SynReceived:
    case State::CloseWait:
    case State::Closing:
    case State::LastAck:
    case State::TimeWait:
      return false;
  }
  // As much as the header can say: without scaling a large buffer never shows.
  const std::int64_t most = std::min<std::int64_t>(
      static_cast<std::int64_t>(settings_.receive_buffer), std::int64_t{65535} << rcv_wnd_shift_);
  const std::int64_t left = rcv_adv_ - rcv_nxt_;
  const std::int64_t could = std::min(static_cast<std::int64_t>(settings_.receive_buffer) -
                                          static_cast<std::int64_t>(receive_queue_.readable()),
                                      most);
  const std::int64_t step = std::min<std::int64_t>(most / 2, 2 * std::int64_t{our_mss_});
  return read_since_ack_ && could - left >= step && left <= most / 4;
}

}  // namespace estab::tcp
