#include "tcp/cubic.h"

#include <cmath>

namespace estab::tcp {
namespace {

constexpr double kC = 0.4;                               // RFC 9438 4.6's constant, s^-3
constexpr std::uint32_t kBeta = 717, kBetaScale = 1024;  // 0.7
constexpr std::uint32_t kSlowest = 20;                   // Linux: 5% a round trip, before any loss
constexpr Duration kUpdate = std::chrono::milliseconds(1);         // of per_, at most so often
constexpr Duration kUnchanged = std::chrono::microseconds(31250);  // and with the window unchanged
constexpr Duration kSettle = std::chrono::seconds(1);

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

// 4.6, and 4.7: a window that is reduced before it came back leaves room for others.
std::uint32_t Cubic::threshold(const CongestionWindow& w, std::uint32_t flight) {
  (void)flight;  // cwnd grows only where it is used, so that it says as much
  growing_ = false;
  w_max_ = w.cwnd < w_max_ ? w.cwnd * (kBetaScale + kBeta) / (2 * kBetaScale) : w.cwnd;
  return std::max(w.cwnd * kBeta / kBetaScale, 2U);
}

// 4.8: begin anew.
void Cubic::on_timeout() { *this = Cubic{}; }

// 5.8 and RFC 7661: an idle time is none in which the window grew.
void Cubic::on_restart(Duration idle) {
  if (growing_) epoch_ += idle;
}

void Cubic::on_round_trip(CongestionWindow& w, const AckedSegments& acked, Counters& counters) {
  if (found_ || !w.in_slow_start() || acked.rtt <= Duration{0}) return;
  if (growing_ && acked.now - epoch_ < kSettle) return;  // a queue that a recovery left
  if (w.cwnd < HyStart::kLowWindow && !hystart_.conservative()) return;
  if (hystart_.sample(acked.rtt, acked.min_rtt, acked.una, acked.nxt, acked.css_rounds) !=
      HyStart::Verdict::Leave) {
    return;
  }
  found_ = true;
  w.ssthresh = w.cwnd;
  counters.add(Counter::TcpExtTCPHystartDelayDetect);
  counters.add(Counter::TcpExtTCPHystartDelayCwnd, w.cwnd);
}

void Cubic::on_ack(CongestionWindow& w, const AckedSegments& acked, Counters& counters) {
  (void)counters;
  AckedSegments rest = acked;
  if (w.in_slow_start()) {
    if (hystart_.conservative()) {  // RFC 9406 4.2: a quarter of slow start's growth
      w.grow_one_per(HyStart::kGrowthDivisor, rest.count);
      return;
    }
    rest.count = w.slow_start(rest.count);
    if (rest.count == 0) return;
  }
  update(w, rest);
  w.grow_one_per(per_, rest.count);
}

// 4.2: W_cubic(t) = C (t - K)^3 + W_max
std::uint32_t Cubic::target(Duration since_epoch) const {
  const double t = seconds(since_epoch) - static_cast<double>(k_);
  const double w = kC * t * t * t + origin_;
  return static_cast<std::uint32_t>(std::clamp(w, 0.0, 1e9));
}

void Cubic::update(const CongestionWindow& w, const AckedSegments& acked) {
  est_acked_ += acked.count;
  const Duration age = acked.now - updated_;
  if (growing_ && updated_cwnd_ == w.cwnd && age <= kUnchanged) return;
  if (!growing_ || age >= kUpdate) {
    updated_cwnd_ = w.cwnd;
    updated_ = acked.now;
    if (!growing_) {
      growing_ = true;
      epoch_ = acked.now;
      est_acked_ = acked.count;
      w_est_ = w.cwnd;
      const bool below = w_max_ > w.cwnd;
      k_ = below ? static_cast<float>(std::cbrt((w_max_ - w.cwnd) / kC)) : 0.0F;  // 4.2, Figure 2
      origin_ = below ? w_max_ : w.cwnd;
    }
    const std::uint32_t goal = target(acked.now - epoch_ + acked.min_rtt);
    per_ = goal > w.cwnd ? w.cwnd / (goal - w.cwnd) : 100 * w.cwnd;
    if (w_max_ == 0) per_ = std::min(per_, kSlowest);
  }
  // 4.3: alpha = 3 (1 - beta) / (1 + beta) segments a window: one for each 15/8 of it, as Linux rounds.
  const std::uint32_t window = std::max(w.cwnd * 15 / 8, 1U);
  w_est_ += est_acked_ / window;
  est_acked_ %= window;
  if (w_est_ > w.cwnd) per_ = std::min(per_, w.cwnd / (w_est_ - w.cwnd));
  per_ = std::max(per_, 2U);  // 4.4: at most half of it in a round trip
}

}  // namespace estab::tcp
