// The seventh step of RFC 9293 3.10.7.4: segment text, and when to acknowledge it (3.8.6.3).
#include <algorithm>

#include "tcp/acceptable.h"
#include "tcp/connection.h"
#include "tcp/output.h"

namespace estab::tcp {

void Connection::process_text(const wire::Segment& segment, Context& context) {
  const bool receiving =
      state_ == State::Established || state_ == State::FinWait1 || state_ == State::FinWait2;
  if (!receiving) return;
  // SYN takes the number before the text.
  const SeqNum seq = sequence_of(segment, rcv_nxt_) + (segment.has(wire::kSyn) ? 1 : 0);
  const SeqNum end = seq + static_cast<std::int64_t>(segment.payload.size());
  // A FIN beyond RCV.NXT tells of text as well: of that which is missing.
  const bool fresh = end > rcv_nxt_ && segment.length() > 0;
  if (fresh && !may_read_on() && fin_queued_) {
    // L19: closed both ways by the application; nobody will read this (MAY-1, SHLD-3). The RST has the
    // number that the sender of this segment waits for, so that it is exact (RFC 5961 3.2).
    context.counters.add(Counter::TcpExtTCPAbortOnData);
    answer_closed(segment, context);
    end_by_late_data(context);
    return;
  }
  if (segment.has(wire::kFin) && !peer_fin_ && end <= rcv_adv_) peer_fin_ = end;
  if (segment.payload.empty()) {
    if (segment.has(wire::kFin) && end > rcv_nxt_) schedule_ack(true, context);  // data is missing
    if (segment.length() == 0) context.counters.add(Counter::TcpExtTCPPureAcks);
    return;
  }
  data_segs_in_ += static_cast<std::uint32_t>(segment.count());
  last_data_received_ = context.now;
  if (ecn_.received(segment)) quick_acks_ = std::max(quick_acks_, 2);
  queue_text(segment, seq, context);
}

void Connection::end_by_late_data(Context& context) {
  end(Event::Abort, Rule::L19_DataAfterClose, orphan_ ? 0 : ECONNRESET, context);
}

void Connection::queue_text(const wire::Segment& segment, SeqNum seq, Context& context) {
  // Only what lies inside the window that we offered, and before the FIN, if we know where it is.
  SeqNum limit = rcv_adv_;
  if (peer_fin_) limit = std::min(limit, *peer_fin_);
  const auto size = static_cast<std::int64_t>(segment.payload.size());
  const std::int64_t room = std::clamp<std::int64_t>(limit - seq, 0, size);
  if (room == 0) {
    context.counters.add(rcv_adv_ == rcv_nxt_ ? Counter::TcpExtTCPZeroWindowDrop
                                              : Counter::TcpExtTCPRcvQDrop);
    schedule_ack(true, context);
    return;
  }
  const Slices text =
      room == size ? segment.payload : segment.payload.sub(0, static_cast<std::size_t>(room));
  const bool had_gap = receive_queue_.has_gap();
  const auto inserted = receive_queue_.insert(
      seq, text, static_cast<std::size_t>(context.tuning.tcp_max_reordering_pieces));
  if (inserted.coalesced) context.counters.add(Counter::TcpExtTCPRcvCoalesce);
  if (inserted.merged) context.counters.add(Counter::TcpExtTCPOFOMerge);
  if (inserted.duplicate && sack_ok_ && context.tuning.tcp_dsack != 0) {
    dsack_ = inserted.duplicate;
    context.counters.add(seq < rcv_nxt_ ? Counter::TcpExtTCPDSACKOldSent
                                        : Counter::TcpExtTCPDSACKOfoSent);
  }
  bytes_received_ += static_cast<std::uint64_t>(inserted.fresh);
  switch (inserted.outcome) {
    case ReceiveQueue::Outcome::InOrder:
      rcv_nxt_ = receive_queue_.next();
      unacked_received_ += inserted.fresh;
      rcv_mss_ =
          std::max(rcv_mss_, static_cast<std::uint32_t>(std::min<std::int64_t>(size, our_mss_)));
      // RFC 5681 4.2: a segment that fills a gap is acknowledged at once.
      schedule_ack(had_gap || inserted.duplicate.has_value(), context);
      break;
    case ReceiveQueue::Outcome::OutOfOrder:
      ++rcv_ooopack_;
      context.counters.add(Counter::TcpExtTCPOFOQueue);
      schedule_ack(true, context);  // MAY-13: a duplicate ACK tells the sender of the gap
      break;
    case ReceiveQueue::Outcome::Full:
      context.counters.add(Counter::TcpExtTCPOFODrop);
      schedule_ack(true, context);
      break;
    case ReceiveQueue::Outcome::Duplicate:
      schedule_ack(true, context);
      break;
  }
}

// RFC 9293 3.8.6.3: an ACK for at least every second full-sized segment (SHLD-19), and never later
// than half a second (MUST-40). A new connection acknowledges at once for a while, so that the
// peer's slow start is not held up.
void Connection::schedule_ack(bool at_once, Context& context) {
  if (settings_.quick_ack) {
    at_once = at_once || *settings_.quick_ack;
  } else if (quick_acks_ > 0) {
    --quick_acks_;
    at_once = true;
  }
  if (at_once || unacked_received_ >= 2 * std::int64_t{rcv_mss_}) {
    ack_due_ = true;
    return;
  }
  if (delayed_ack_at_ == kNever) {
    const Tuning& t = context.tuning;
    delayed_ack_at_ =
        context.now + milliseconds_of(std::min(t.tcp_delack_min_ms, t.tcp_delack_max_ms));
  }
}

}  // namespace estab::tcp
