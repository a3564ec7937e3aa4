// The two numbers of congestion control, in segments, and how they grow: by what is acknowledged and
// never by the number of ACKs (RFC 3465), so that nobody gains by dividing them (Savage 1999).
#pragma once
#include <algorithm>
#include <cstdint>

#include "base/seq.h"
#include "estab/counters.h"
#include "estab/time.h"

namespace estab::tcp {

inline constexpr std::uint32_t kNoThreshold = 0x7fffffff;

struct CongestionWindow {
  std::uint32_t cwnd = 0;
  std::uint32_t ssthresh = kNoThreshold;
  std::uint32_t counted = 0;  // acknowledged since the window grew last

  bool in_slow_start() const { return cwnd < ssthresh; }
  // RFC 5681 3.1, one for one, up to ssthresh. Returns what is left of `acked`.
  std::uint32_t slow_start(std::uint32_t acked) {
    const std::uint32_t grow = std::min(acked, ssthresh - cwnd);
    cwnd += grow;
    return acked - grow;
  }
  // One segment more for each `per` that are acknowledged.
  void grow_one_per(std::uint32_t per, std::uint32_t acked) {
    if (counted >= per) {  // the rate rose: what was counted at a slower one is worth one
      counted = 0;
      ++cwnd;
    }
    counted += acked;
    cwnd += counted / per;
    counted %= per;
  }
};

// What one ACK brought.
struct AckedSegments {
  std::uint32_t count = 0;  // newly delivered
  Instant now{};
  Duration rtt{0};  // of the newest of them; zero: not known
  Duration min_rtt{0};
  SeqNum una, nxt;
  std::int64_t css_rounds = 5;  // tcp_hystart_css_rounds
};

}  // namespace estab::tcp
