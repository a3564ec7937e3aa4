#include "tcp/hystart.h"

#include <algorithm>

namespace estab::tcp {
namespace {

// RFC 9406 4.3
constexpr std::uint8_t kSamples = 8;                                     // N_RTT_SAMPLE
constexpr std::uint32_t kLeastThreshold = 4000, kMostThreshold = 16000;  // microseconds
constexpr std::uint32_t kDivisor = 8;                                    // MIN_RTT_DIVISOR

}  // namespace

std::uint32_t HyStart::micros(Duration d) {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(d / std::chrono::microseconds(1), 1, kNone - 1));
}

void HyStart::begin_round(SeqNum nxt) {
  window_end_ = nxt;
  last_round_ = this_round_;
  this_round_ = kNone;
  samples_ = 0;
  if (css_rounds_ > 0) ++css_rounds_;
}

HyStart::Verdict HyStart::sample(Duration rtt, Duration least, SeqNum una, SeqNum nxt,
                                 std::int64_t rounds) {
  if (una > window_end_) begin_round(nxt);
  if (last_round_ == kNone) last_round_ = micros(least);
  this_round_ = std::min(this_round_, micros(rtt));
  if (css_rounds_ > rounds) return Verdict::Leave;
  if (samples_ < kSamples) {
    ++samples_;
    return conservative() ? Verdict::Conservative : Verdict::SlowStart;
  }
  if (conservative()) {
    if (this_round_ < baseline_) css_rounds_ = 0;  // 4.2: slow start goes on
    return conservative() ? Verdict::Conservative : Verdict::SlowStart;
  }
  const std::uint32_t threshold =
      std::clamp(last_round_ / kDivisor, kLeastThreshold, kMostThreshold);
  if (this_round_ < last_round_ + threshold) return Verdict::SlowStart;
  baseline_ = this_round_;
  css_rounds_ = 1;
  return rounds == 0 ? Verdict::Leave : Verdict::Conservative;
}

}  // namespace estab::tcp
