// CUBIC (RFC 9438): the window as a cubic function of the time since the last reduction, flat around
// the window at which it came; HyStart++ (RFC 9406) ends slow start. Integers and choices as Linux's.
#pragma once
#include "tcp/congestion_window.h"
#include "tcp/hystart.h"

namespace estab::tcp {

class Cubic {
 public:
  void on_ack(CongestionWindow& w, const AckedSegments& acked, Counters& counters);
  void on_round_trip(CongestionWindow& w, const AckedSegments& acked, Counters& counters);
  std::uint32_t threshold(const CongestionWindow& w, std::uint32_t flight);
  void on_timeout();
  void on_restart(Duration idle);

 private:
  void update(const CongestionWindow& w, const AckedSegments& acked);
  std::uint32_t target(Duration since_epoch) const;

  Instant epoch_{};    // when this growth began
  Instant updated_{};  // when per_ was computed
  HyStart hystart_;
  float k_ = 0;               // seconds from epoch_ to w_max_
  std::uint32_t w_max_ = 0;   // the window at the last reduction, lowered by fast convergence
  std::uint32_t origin_ = 0;  // the flat part's height
  std::uint32_t per_ = 0;     // acknowledged segments for one more
  std::uint32_t w_est_ = 0;   // Reno's window, had it been here (4.3)
  std::uint32_t est_acked_ = 0;
  std::uint32_t updated_cwnd_ = 0;
  bool growing_ = false;  // epoch_ is set
  bool found_ = false;    // slow start was ended by delay
};

}  // namespace estab::tcp
