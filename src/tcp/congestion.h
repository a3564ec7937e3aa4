// Congestion control (RFC 5681, MUST-19) behind one small interface: the connection says what
// happened, the algorithm owns cwnd and ssthresh. Others than Reno join the variant.
#pragma once
#include <cstdint>
#include <variant>

#include "tcp/settings.h"

namespace estab::tcp {

// Slow start and congestion avoidance as RFC 5681 has them, counting bytes (RFC 3465, L = 2), with
// NewReno's response (RFC 6582). All in bytes.
class Reno {
 public:
  void on_ack(std::int64_t acked, std::int64_t mss, bool cwnd_limited);
  void on_congestion(std::int64_t flight, std::int64_t mss);  // loss seen by duplicates or ECN
  void on_timeout(std::int64_t flight, std::int64_t mss, bool first);
  void on_idle(std::int64_t initial_window);                // RFC 5681 4.1
  void on_smaller_mss(std::int64_t from, std::int64_t to);  // RFC 5681 3.1: cwnd in segments stays
  void on_undo();                                           // the loss was none
  std::int64_t cwnd = 0;
  std::int64_t ssthresh = std::int64_t{1} << 40;

 private:
  std::int64_t acked_in_avoidance_ = 0;
  std::int64_t prior_cwnd_ = 0;
  std::int64_t prior_ssthresh_ = 0;
};

class Congestion {
 public:
  // RFC 6928: tcp_init_cwnd segments; one when the SYN was lost (RFC 5681 3.1).
  void start(Algorithm algorithm, std::int64_t initial_window) {
    (void)algorithm;  // one algorithm so far: the enumeration and the variant grow together
    which_ = Reno{};
    std::visit([&](auto& a) { a.cwnd = initial_window; }, which_);
  }
  std::int64_t cwnd() const {
    return std::visit([](const auto& a) { return a.cwnd; }, which_);
  }
  std::int64_t ssthresh() const {
    return std::visit([](const auto& a) { return a.ssthresh; }, which_);
  }
  bool in_slow_start() const { return cwnd() < ssthresh(); }
  // `acked` bytes left the network for good, outside of recovery. Grows only a window that was used
  // (RFC 7661's reason).
  void on_ack(std::int64_t acked, std::int64_t mss, bool cwnd_limited) {
    std::visit([&](auto& a) { a.on_ack(acked, mss, cwnd_limited); }, which_);
  }
  void on_congestion(std::int64_t flight, std::int64_t mss) {
    std::visit([&](auto& a) { a.on_congestion(flight, mss); }, which_);
  }
  // `first`: the first timeout for this data; ssthresh falls once (RFC 5681 3.1, (4)).
  void on_timeout(std::int64_t flight, std::int64_t mss, bool first) {
    std::visit([&](auto& a) { a.on_timeout(flight, mss, first); }, which_);
  }
  void on_idle(std::int64_t initial_window) {
    std::visit([&](auto& a) { a.on_idle(initial_window); }, which_);
  }
  void on_smaller_mss(std::int64_t from, std::int64_t to) {
    std::visit([&](auto& a) { a.on_smaller_mss(from, to); }, which_);
  }
  void on_undo() {
    std::visit([](auto& a) { a.on_undo(); }, which_);
  }

 private:
  std::variant<Reno> which_;
};

}  // namespace estab::tcp
