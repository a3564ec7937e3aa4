// HyStart++ (RFC 9406): leaves slow start when a round's round trips grow, before anything is lost;
// first into Conservative Slow Start, back out of it when they shrink again.
#pragma once
#include <cstdint>

#include "base/seq.h"
#include "estab/time.h"

namespace estab::tcp {

class HyStart {
 public:
  enum class Verdict : std::uint8_t { SlowStart, Conservative, Leave };

  // A round trip measured in slow start, in an ACK of all below `una`. `rounds`: of CSS before slow
  // start is left; 0: at the first sign of delay, as Linux's HyStart does.
  // `least`: the shortest round trip of the connection, what the first round is measured by.
  Verdict sample(Duration rtt, Duration least, SeqNum una, SeqNum nxt, std::int64_t rounds);
  bool conservative() const { return css_rounds_ > 0; }
  void reset() { *this = HyStart{}; }

  static constexpr std::uint32_t kGrowthDivisor = 4;  // RFC 9406 4.3: CSS_GROWTH_DIVISOR
  static constexpr std::uint32_t kLowWindow = 16;     // Linux: below, delay is no sign of a queue

 private:
  static std::uint32_t micros(Duration d);
  void begin_round(SeqNum nxt);

  static constexpr std::uint32_t kNone = 0xffffffff;
  // Microseconds.
  std::uint32_t last_round_ = kNone, this_round_ = kNone, baseline_ = kNone;
  SeqNum window_end_;
  std::uint8_t samples_ = 0, css_rounds_ = 0;  // rounds of CSS, this one counted
};

}  // namespace estab::tcp
