#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include <set>

#include "base/prefix_limiter.h"

namespace estab {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{};

int taken(TokenBucket& bucket, Instant now, Rate rate, int tries) {
  int n = 0;
  for (int i = 0; i < tries; ++i) n += bucket.take(now, rate) ? 1 : 0;
  return n;
}

TEST(TokenBucket, allows_the_burst_and_then_the_rate) {
  TokenBucket bucket;
  const Rate rate{100, 10};
  EXPECT_EQ(taken(bucket, kStart, rate, 50), 10);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(9), rate, 50), 0);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(10), rate, 50), 1);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(65), rate, 50), 5);
  EXPECT_EQ(taken(bucket, kStart + milliseconds(70), rate, 50), 1) << "fractions are kept";
  EXPECT_EQ(taken(bucket, kStart + hours(24 * 365 * 100), rate, 50), 10);
  EXPECT_EQ(taken(bucket, kStart, rate, 50), 0) << "time does not go back";
}

TEST(TokenBucket, the_ends_of_the_range) {
  TokenBucket none;
  EXPECT_FALSE(none.take(kStart, Rate::per_second(0)));
  EXPECT_FALSE(none.take(kStart + hours(1), Rate::per_second(0)));
  TokenBucket most;
  EXPECT_EQ(taken(most, kStart, Rate::per_second(0x7fffffff), 10'000), 10'000);
  EXPECT_TRUE(most.take(Instant::max(), Rate::per_second(0x7fffffff)));
  TokenBucket early;
  EXPECT_TRUE(early.take(Instant::min(), Rate::per_second(1)));
  EXPECT_FALSE(early.take(Instant::min() + milliseconds(999), Rate::per_second(1)));
  EXPECT_TRUE(early.take(Instant::min() + seconds(1), Rate::per_second(1)));
}

TEST(TokenBucket, takes_a_lowered_rate_at_once) {
  TokenBucket bucket;
  EXPECT_EQ(taken(bucket, kStart, Rate::per_second(1000), 1), 1);
  EXPECT_EQ(taken(bucket, kStart, Rate::per_second(10), 100), 10);
}

// RFC 5961 7's limit, made unreadable (CVE-2016-5696).
TEST(TokenBucket, with_jitter_the_count_of_a_second_cannot_be_foretold) {
  Random random(5);
  TokenBucket bucket;
  std::set<int> counts;
  long total = 0;
  for (int s = 0; s < 200; ++s) {
    int n = 0;
    while (bucket.take(kStart + seconds(2 * s), Rate::per_second(1000), random)) ++n;
    EXPECT_GE(n, 500);
    EXPECT_LE(n, 1500);
    counts.insert(n);
    total += n;
  }
  EXPECT_GT(counts.size(), 100u);
  EXPECT_NEAR(static_cast<double>(total) / 200, 1000, 100);
}

TEST(PrefixLimiter, a_noisy_prefix_does_not_use_up_the_others) {
  Random random(6);
  PrefixLimiter limiter{SipKey{{1, 2}}};
  const auto ask = [&](IpAddress a) {
    return limiter.allow(kStart, a, Rate::per_second(10'000), Rate::per_second(100), random);
  };
  int allowed = 0;
  for (int i = 0; i < 5000; ++i) {
    allowed += ask(IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i))) == Allowance::kAllowed;
  }
  EXPECT_GE(allowed, 50);
  EXPECT_LE(allowed, 150);
  EXPECT_EQ(ask(IpAddress::v4(10, 0, 0, 77)), Allowance::kPrefixSpent);
  EXPECT_EQ(ask(IpAddress::v4(10, 0, 1, 77)), Allowance::kAllowed);
  EXPECT_EQ(ask(IpAddress::any_v6()), Allowance::kAllowed);
}

TEST(PrefixLimiter, an_ipv6_prefix_is_64_bits) {
  Random random(6);
  PrefixLimiter limiter{SipKey{{1, 2}}};
  const auto ask = [&](std::string_view a) {
    return limiter.allow(kStart, *IpAddress::parse(a), Rate::per_second(10'000),
                         Rate::per_second(1), random);
  };
  EXPECT_EQ(ask("2001:db8::1"), Allowance::kAllowed);
  EXPECT_EQ(ask("2001:db8::ffff:1"), Allowance::kPrefixSpent);
  EXPECT_EQ(ask("2001:db8:0:1::1"), Allowance::kAllowed);
}

TEST(PrefixLimiter, a_flood_of_forged_prefixes_gets_no_more_than_the_stack_allows) {
  Random random(7);
  PrefixLimiter limiter{SipKey{{1, 2}}, 64};
  const std::size_t bytes = limiter.bytes();
  int allowed = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const auto verdict = limiter.allow(kStart, IpAddress::v4(0x0a000000 + (i << 8)),
                                       Rate::per_second(1000), Rate::per_second(100), random);
    ASSERT_NE(verdict, Allowance::kPrefixSpent);
    allowed += verdict == Allowance::kAllowed ? 1 : 0;
  }
  EXPECT_GE(allowed, 500);
  EXPECT_LE(allowed, 1500);
  EXPECT_EQ(limiter.bytes(), bytes);
}

TEST(PrefixLimiter, what_is_given_back_can_be_had_again) {
  Random random(8);
  PrefixLimiter limiter{SipKey{{1, 2}}};
  const IpAddress here = IpAddress::v4(10, 0, 0, 1);
  const auto ask = [&] {
    return limiter.allow(kStart, here, Rate::per_second(20), Rate::per_second(10), random);
  };
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(ask(), Allowance::kAllowed);
    limiter.give_back(here);
  }
  for (int i = 0; i < 1000; ++i) limiter.give_back(here);  // more than was taken
  int allowed = 0;
  for (int i = 0; i < 100; ++i) allowed += ask() == Allowance::kAllowed ? 1 : 0;
  EXPECT_LE(allowed, 15);
  limiter.give_back(IpAddress::v4(10, 9, 9, 9));  // of which it knows nothing
  EXPECT_EQ(ask(), Allowance::kPrefixSpent);
}

}  // namespace
}  // namespace estab
