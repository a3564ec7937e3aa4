// Round-trip time and retransmission timeout: RFC 6298. Karn's algorithm (MUST-18) is the caller's:
// it never samples a segment that was sent twice, unless timestamps tell which copy was answered.
#pragma once
#include <algorithm>

#include "estab/time.h"
#include "estab/tuning.h"

namespace estab::tcp {

class RttEstimator {
 public:
  // Once a round trip: the estimator's memory is one of round trips (RFC 7323 4.2).
  void sample(Duration r) {
    r = std::max(r, Duration{1});
    if (!measured_) {  // RFC 6298 2.2
      srtt_ = r;
      rttvar_ = r / 2;
      measured_ = true;
      return;
    }
    const Duration error = srtt_ > r ? srtt_ - r : r - srtt_;  // RFC 6298 2.3
    rttvar_ = (3 * rttvar_ + error) / 4;
    srtt_ = (7 * srtt_ + r) / 8;
  }
  void least(Duration r) { min_ = min_ == Duration{0} ? r : std::min(min_, r); }
  // Before back-off. Linux's lower bound is on the variance's share, which keeps a delayed ACK of
  // 200 ms from looking like a loss on a path of any length.
  Duration rto(const Tuning& tuning) const {
    if (!measured_) return initial_;
    const Duration rto = srtt_ + std::max(4 * rttvar_, milliseconds_of(tuning.tcp_rto_min_ms));
    return std::min(rto, milliseconds_of(tuning.tcp_rto_max_ms));
  }
  // RFC 6298 5.7: after a repeated SYN, data starts with 3 s.
  void doubt_initial() { initial_ = std::chrono::seconds(3); }

  bool measured() const { return measured_; }
  Duration srtt() const { return srtt_; }
  Duration rttvar() const { return rttvar_; }
  Duration min() const { return min_; }

 private:
  Duration srtt_{0}, rttvar_{0}, min_{0};
  Duration initial_ = std::chrono::seconds(1);  // RFC 6298 2.1
  bool measured_ = false;
};

}  // namespace estab::tcp
