#include "tcp/congestion.h"

#include <algorithm>

#include "base/defence.h"

namespace estab::tcp {

void Reno::on_ack(std::int64_t acked, std::int64_t mss, bool cwnd_limited) {
  if (!cwnd_limited) return;
  if (!defended(Defence::ByteCounting)) acked = mss;  // as if each ACK were of a segment
  if (cwnd < ssthresh) {
    // RFC 5681 3.1: at most one MSS for each ACK; an ACK that covers a batch counts as its
    // segments did (RFC 3465 2.3 without its limit, as Linux counts).
    const std::int64_t grow = std::min(acked, ssthresh - cwnd);
    cwnd += std::max(grow, std::int64_t{0});
    acked -= grow;
  }
  acked_in_avoidance_ += std::max(acked, std::int64_t{0});
  if (cwnd >= ssthresh && acked_in_avoidance_ >= cwnd) {  // RFC 5681 3.1 (3): one MSS a window
    acked_in_avoidance_ -= cwnd;
    cwnd += mss;
  }
}

void Reno::on_congestion(std::int64_t flight, std::int64_t mss) {
  prior_cwnd_ = cwnd;
  prior_ssthresh_ = ssthresh;
  ssthresh = std::max(flight / 2, 2 * mss);  // RFC 5681 3.1 (4)
  cwnd = ssthresh;
  acked_in_avoidance_ = 0;
}

void Reno::on_timeout(std::int64_t flight, std::int64_t mss, bool first) {
  if (first) {
    prior_cwnd_ = cwnd;
    prior_ssthresh_ = ssthresh;
    ssthresh = std::max(flight / 2, 2 * mss);
  }
  cwnd = mss;  // RFC 5681 3.1: the loss window
  acked_in_avoidance_ = 0;
}

void Reno::on_idle(std::int64_t initial_window) { cwnd = std::min(cwnd, initial_window); }

void Reno::on_smaller_mss(std::int64_t from, std::int64_t to) {
  cwnd = std::max(cwnd / from * to, std::min(cwnd, to));
}

void Reno::on_undo() {
  cwnd = std::max(cwnd, prior_cwnd_);
  ssthresh = std::max(ssthresh, prior_ssthresh_);
}

}  // namespace estab::tcp
