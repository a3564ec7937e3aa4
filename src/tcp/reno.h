// Congestion avoidance of RFC 5681, with NewReno's response (RFC 6582).
#pragma once
#include "tcp/congestion_window.h"

namespace estab::tcp {

class Reno {
 public:
  void on_ack(CongestionWindow& w, const AckedSegments& acked, Counters& counters) {
    (void)counters;
    std::uint32_t n = acked.count;
    if (w.in_slow_start()) n = w.slow_start(n);
    if (n > 0) w.grow_one_per(w.cwnd, n);  // RFC 5681 3.1 (3): one a window
  }
  void on_round_trip(CongestionWindow& w, const AckedSegments& acked, Counters& counters) {
    (void)w, (void)acked, (void)counters;
  }
  // RFC 5681 3.1 (4): half of what is under way. A window beyond that was not used.
  std::uint32_t threshold(const CongestionWindow& w, std::uint32_t flight) {
    return std::max(std::min(w.cwnd, flight) / 2, 2U);
  }
  void on_timeout() {}
  void on_restart(Duration idle) { (void)idle; }
};

}  // namespace estab::tcp
