// Rate limits by token bucket, in the caller's time: O(1), 24 bytes a bucket, the rate given at
// each call so that a knob can change it live. A bucket starts full. With a Random the amount that
// a second allows is drawn anew each second between half and one and a half times the rate, so that
// nobody off the path can count what others used of it (the side channel of RFC 5961's challenge
// ACK limit, CVE-2016-5696).
//
//   if (!challenge_acks.take(now, Rate::per_second(limit), random)) return skip();
#pragma once
#include <cstdint>

#include "base/random.h"
#include "estab/time.h"

namespace estab {

// Nothing passes at a rate of 0. Both numbers at most 2^31 - 1.
struct Rate {
  std::int64_t tokens_per_second = 0;
  std::int64_t burst = 0;  // the most that can be saved up
  static constexpr Rate per_second(std::int64_t n) { return {n, n}; }
};

class TokenBucket {
 public:
  // Takes one token, or says that there is none. A `now` before the last one counts as the last.
  bool take(Instant now, Rate rate);
  bool take(Instant now, Rate rate, Random& jitter);
  // Takes back what the last take() cost: what it stood for turned out to be harmless.
  void give_back();
  Instant last_used() const { return last_; }

 private:
  bool take_scaled(Instant now, Rate rate, std::int64_t thousandths);

  std::int64_t credit_ = -1;  // in 10^-9 tokens; -1: never used, which means full
  Instant last_{};
  std::uint32_t thousandths_ = 0;  // of the rate, in the second of last_; 0: not drawn yet
};

}  // namespace estab
