#include "base/token_bucket.h"

#include <algorithm>

namespace estab {
namespace {

constexpr std::int64_t kToken = 1'000'000'000;

std::int64_t second_of(Instant t) {
  return std::chrono::floor<std::chrono::seconds>(t.time_since_epoch()).count();
}

}  // namespace

bool TokenBucket::take(Instant now, Rate rate) { return take_scaled(now, rate, 1000); }

bool TokenBucket::take(Instant now, Rate rate, Random& jitter) {
  if (thousandths_ == 0 || second_of(now) > second_of(last_)) {
    thousandths_ = static_cast<std::uint32_t>(500 + jitter.below(1001));
  }
  return take_scaled(now, rate, thousandths_);
}

void TokenBucket::give_back() {
  if (credit_ >= 0) credit_ += kToken;  // take() cuts it to the burst
}

bool TokenBucket::take_scaled(Instant now, Rate rate, std::int64_t thousandths) {
  constexpr std::int64_t kLargest = 0x7fffffff;
  if (rate.tokens_per_second <= 0 || rate.burst <= 0) return false;
  const auto scaled = [&](std::int64_t n) {
    return std::clamp<std::int64_t>(std::min(n, kLargest) * thousandths / 1000, 1, kLargest);
  };
  const std::int64_t per_second = scaled(rate.tokens_per_second);
  const std::int64_t full = scaled(rate.burst) * kToken;
  if (credit_ < 0) {
    credit_ = full;
    last_ = now;
  } else if (now > last_) {
    // As much time as fills any bucket is as good as more, and keeps the product within 63 bits.
    const std::int64_t enough = full / per_second + 1;
    const std::int64_t elapsed = now - last_ > Duration{enough} ? enough : (now - last_).count();
    credit_ = std::min(credit_ + elapsed * per_second, full);
    last_ = now;
  }
  credit_ = std::min(credit_, full);
  if (credit_ < kToken) return false;
  credit_ -= kToken;
  return true;
}

}  // namespace estab
