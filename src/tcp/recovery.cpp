// Loss: how it is seen and what is sent again. RFC 6675 where SACK was agreed on, RFC 5681 and
// RFC 6582 (NewReno) where it was not; both in the same three numbers:
//
//   lost_edge_   everything below it that is not SACKed is lost
//   high_rxt_    everything below it was sent again in this recovery
//   pipe()       what is believed to be on its way (RFC 6675 4)
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"

namespace estab::tcp {

std::int64_t Connection::pipe() const {
  const SeqNum resent = std::max(high_rxt_, snd_una_);
  std::int64_t n = 0;
  if (scoreboard_.empty()) {
    n = in_flight() - std::max<std::int64_t>(lost_edge_ - resent, 0);
    if (!sack_ok_) n -= counted_duplicates() * effective_mss();  // each says that one has arrived
  } else {
    n = scoreboard_.holes(snd_una_, snd_nxt_) - scoreboard_.holes(resent, lost_edge_);
  }
  return std::max<std::int64_t>(n, 0);
}

// A duplicate ACK says that a segment has arrived, and lets another one go. A receiver who forges
// them would have us send without end (Savage 1999), so between two ACKs that move SND.UNA no more
// of them count than segments were under way at the first (RFC 5681 3.2 (4)'s MAY).
std::int64_t Connection::counted_duplicates() const {
  if (phase_ != Phase::Recovery || !defended(Defence::DuplicateBound)) return dup_acks_;
  return std::min(dup_acks_, dup_limit_);
}

void Connection::detect_loss(std::int64_t newly_acked, std::int64_t newly_sacked, bool duplicate,
                             Context& context) {
  const std::int64_t mss = effective_mss();
  if (newly_acked > 0) {
    if (phase_ != Phase::Open && snd_una_ >= recovery_point_) {
      phase_ = Phase::Open;  // RFC 6582 3.2 (3): a full acknowledgment
      dup_acks_ = 0;
      lost_edge_ = high_rxt_ = snd_una_;
    } else if (phase_ == Phase::Recovery && !sack_ok_) {
      // RFC 6582 3.2 (3): a partial acknowledgment; the next segment is lost too.
      dup_acks_ = std::max<std::int64_t>(dup_acks_ - (newly_acked + mss - 1) / mss + 1, 0);
      lost_edge_ = std::min(snd_una_ + mss, snd_nxt_);
      high_rxt_ = std::max(high_rxt_, snd_una_);
      dup_limit_ = (in_flight() + mss - 1) / mss;
    } else if (phase_ == Phase::Open) {
      dup_acks_ = 0;
    }
  }
  if (duplicate || newly_sacked > 0) ++dup_acks_;
  if (phase_ == Phase::Loss) return;  // everything below recovery_point_ is marked already
  if (!scoreboard_.empty()) {
    lost_edge_ = std::max(lost_edge_, scoreboard_.lost_edge(snd_una_, mss, reordering_));
  }
  if (phase_ != Phase::Open) return;
  // RFC 6675 5 (1), (2); RFC 5681 3.2 (2).
  const bool enough = dup_acks_ >= reordering_ && in_flight() > 0;
  if (enough) lost_edge_ = std::max(lost_edge_, std::min(snd_una_ + mss, snd_nxt_));
  if (lost_edge_ > snd_una_ && high_rxt_ < lost_edge_) enter_recovery(context);
}

// FlightSize for ssthresh. What limited transmit sent beyond cwnd is no part of it (RFC 5681 3.2 (2)),
// and a loss while cwnd is already reduced reduces it again (4.3).
std::int64_t Connection::flight_within_cwnd() const {
  return std::min(in_flight(), congestion_.cwnd());
}

void Connection::enter_recovery(Context& context) {
  // RFC 6582 4: not twice for one window of data.
  if (snd_una_ < recovery_point_ && !sack_ok_) return;
  phase_ = Phase::Recovery;
  recovery_point_ = snd_nxt_;
  high_rxt_ = snd_una_;
  dup_limit_ = (in_flight() + effective_mss() - 1) / effective_mss();
  congestion_.on_congestion(flight_within_cwnd(), effective_mss());
  tail_probe_at_ = kNever;
  tail_probing_ = false;
  context.counters.add(sack_ok_ ? Counter::TcpExtTCPSackRecovery : Counter::TcpExtTCPRenoRecovery);
}

// Everything in flight that was not SACKed has to be sent again, as windows allow.
void Connection::mark_all_lost() {
  // RFC 2018 8: a peer may take a SACK back; that its first hole is SACKed proves that it did.
  if (scoreboard_.contains(snd_una_)) scoreboard_.clear();
  lost_edge_ = snd_nxt_;
  high_rxt_ = snd_una_;
  recovery_point_ = snd_nxt_;
  dup_acks_ = 0;
}

}  // namespace estab::tcp
