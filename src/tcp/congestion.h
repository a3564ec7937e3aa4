// Congestion control (RFC 5681, MUST-19) behind one interface: the connection says what happened,
// the algorithm owns the window's growth and how far it falls. In segments, as RFC 9438 and Linux
// count: many small segments are no smaller burden on the path than as many large ones.
#pragma once
#include <variant>

#include "tcp/congestion_window.h"
#include "tcp/cubic.h"
#include "tcp/reno.h"
#include "tcp/settings.h"

namespace estab::tcp {

class Congestion {
 public:
  // RFC 6928: tcp_init_cwnd segments; one when the SYN was lost (RFC 5681 3.1).
  void start(Algorithm algorithm, std::int64_t initial_window) {
    window_ = CongestionWindow{};
    window_.cwnd = static_cast<std::uint32_t>(initial_window);
    choose(algorithm);
  }
  // TCP_CONGESTION: from now on; the window stays.
  void choose(Algorithm algorithm) {
    if (algorithm == Algorithm::Reno) which_ = Reno{};
    if (algorithm == Algorithm::Cubic) which_ = Cubic{};
  }
  std::int64_t cwnd() const { return window_.cwnd; }
  std::int64_t ssthresh() const { return window_.ssthresh; }  // kNoThreshold: none yet
  bool in_slow_start() const { return window_.in_slow_start(); }

  // `acked` segments left the network for good, and the window was used.
  void on_ack(const AckedSegments& acked, Counters& counters) {
    std::visit([&](auto& a) { a.on_ack(window_, acked, counters); }, which_);
  }
  // A round trip was measured, also by an ACK that lets nothing grow.
  void on_round_trip(const AckedSegments& acked, Counters& counters) {
    std::visit([&](auto& a) { a.on_round_trip(window_, acked, counters); }, which_);
  }
  // Loss, or ECN's mark: ssthresh falls; the window follows at the pace of prr.h, or at once.
  void on_congestion(std::int64_t flight) {
    prior_cwnd_ = window_.cwnd;
    window_.ssthresh = std::visit(
        [&](auto& a) { return a.threshold(window_, static_cast<std::uint32_t>(flight)); }, which_);
    window_.counted = 0;
  }
  void on_timeout() {
    window_.counted = 0;
    std::visit([](auto& a) { a.on_timeout(); }, which_);
  }
  void set_cwnd(std::int64_t segments) {
    window_.cwnd = static_cast<std::uint32_t>(std::max<std::int64_t>(segments, 1));
  }
  // The reduction had no cause (RFC 4015): as before it. `ssthresh`: what it was.
  void undo(std::int64_t ssthresh) {
    window_.cwnd = std::max(window_.cwnd, prior_cwnd_);
    window_.ssthresh = std::max(window_.ssthresh, static_cast<std::uint32_t>(ssthresh));
  }
  // Nothing was under way for `idle`; data goes out now.
  void on_restart(Duration idle) {
    std::visit([&](auto& a) { a.on_restart(idle); }, which_);
  }
  // RFC 2861 3, RFC 7661 4.4: after `idle`, half of the window is gone with each RTO, down to `least`.
  void decay(Duration idle, Duration rto, std::int64_t least);
  // RFC 2861 3: in an RTO the application used `used` of it.
  void approach(std::int64_t used);
  // What ssthresh would be if this window had not been reduced: it remembers three quarters.
  std::int64_t threshold_to_keep() const {
    return std::max(window_.ssthresh, window_.cwnd / 2 + window_.cwnd / 4);
  }

 private:
  CongestionWindow window_;
  std::uint32_t prior_cwnd_ = 0;
  std::variant<Cubic, Reno> which_;
};

}  // namespace estab::tcp
