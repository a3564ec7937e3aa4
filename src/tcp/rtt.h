// Round-trip time and retransmission timeout: RFC 6298. Karn's algorithm (MUST-18) is the caller's:
// it never samples a segment that was sent twice, unless timestamps tell which copy was answered.
#pragma once
#include <algorithm>

#include "base/seq.h"
#include "estab/time.h"
#include "estab/tuning.h"

namespace estab::tcp {

class RttEstimator {
 public:
  // Sampled by each ACK. RFC 6298's weights are for one sample a round trip: with many, the variance
  // would be forgotten within one. So, as Linux has it, the largest of a round trip counts (`una`,
  // `nxt`: SND.UNA, SND.NXT), and decays by a quarter a round.
  void sample(Duration r, SeqNum una, SeqNum nxt, const Tuning& tuning) {
    r = std::max(r, Duration{1});
    const Duration floor = milliseconds_of(tuning.tcp_rto_min_ms);
    if (!measured_) {  // RFC 6298 2.2
      measured_ = true;
      srtt_ = r;
      deviation_ = 2 * r;  // four times R/2
      margin_ = most_ = std::max(deviation_, floor);
      round_end_ = nxt;
      return;
    }
    Duration error = r - srtt_;
    srtt_ += error / 8;  // RFC 6298 2.3
    if (error < Duration{0}) {
      // A shorter round trip is no reason for a longer timeout: it counts for an eighth.
      error = -error - deviation_ / 4;
      if (error > Duration{0}) error /= 8;
      deviation_ += error;
    } else {
      deviation_ += error - deviation_ / 4;
    }
    if (deviation_ > most_) {
      most_ = deviation_;
      margin_ = std::max(margin_, most_);
    }
    if (una > round_end_) {
      if (most_ < margin_) margin_ -= (margin_ - most_) / 4;
      round_end_ = nxt;
      most_ = floor;
    }
  }
  void least(Duration r) { min_ = min_ == Duration{0} ? r : std::min(min_, r); }
  // Before back-off. Linux's lower bound is on the variance's share, which keeps a delayed ACK of
  // 200 ms from looking like a loss on a path of any length.
  Duration rto(const Tuning& tuning) const {
    if (!measured_) return initial_;
    const Duration rto = srtt_ + std::max(margin_, milliseconds_of(tuning.tcp_rto_min_ms));
    return std::min(rto, milliseconds_of(tuning.tcp_rto_max_ms));
  }
  // RFC 6298 5.7: after a repeated SYN, data starts with 3 s.
  void doubt_initial() { initial_ = std::chrono::seconds(3); }

  bool measured() const { return measured_; }
  Duration srtt() const { return srtt_; }
  Duration rttvar() const { return deviation_ / 4; }
  Duration min() const { return min_; }

 private:
  Duration srtt_{0}, min_{0};
  // Four times RFC 6298's RTTVAR; its largest in this round trip; and what the timeout adds to SRTT.
  Duration deviation_{0}, most_{0}, margin_{0};
  SeqNum round_end_;
  Duration initial_ = std::chrono::seconds(1);  // RFC 6298 2.1
  bool measured_ = false;
};

}  // namespace estab::tcp
