#include "tcp/congestion.h"

namespace estab::tcp {

void Congestion::decay(Duration idle, Duration rto, std::int64_t least) {
  window_.ssthresh = static_cast<std::uint32_t>(threshold_to_keep());
  const auto floor = std::min(window_.cwnd, static_cast<std::uint32_t>(least));
  for (idle -= rto; idle > Duration{0} && window_.cwnd > floor; idle -= rto) window_.cwnd /= 2;
  window_.cwnd = std::max(window_.cwnd, floor);
}

void Congestion::approach(std::int64_t used) {
  if (used >= window_.cwnd) return;
  window_.ssthresh = static_cast<std::uint32_t>(threshold_to_keep());
  window_.cwnd = (window_.cwnd + static_cast<std::uint32_t>(used)) / 2;
}

}  // namespace estab::tcp
