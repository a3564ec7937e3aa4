#include "ip/path_mtu.h"

#include <gtest/gtest.h>

#include "ip/packet_id.h"
#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using testing::address;
using namespace std::chrono_literals;

struct PathMtuTest : ::testing::Test {
  Tuning tuning;
  Counters counters;
  PathMtuCache cache{tuning, counters, KeyedHash{SipKey{{3, 4}}}};
  Instant now = Instant{} + 5s;
  const IpAddress v4 = address("192.0.2.1");
  const IpAddress v6 = address("2001:db8::1");
};

TEST(PathMtuPlateau, is_the_next_below) {
  EXPECT_EQ(plateau_below(1500), 1492u);
  EXPECT_EQ(plateau_below(1492), 1280u);
  EXPECT_EQ(plateau_below(65535), 32000u);
  EXPECT_EQ(plateau_below(68), 68u);
  EXPECT_EQ(plateau_below(0), 68u);
}

// proves: RFC8201-4-4, RFC8201-4-6, RFC8201-4-7, RFC8201-5.3-1
TEST_F(PathMtuTest, only_goes_down_and_expires) {
  EXPECT_EQ(cache.learn(v4, 1400, 1500, now), 1400u);
  EXPECT_EQ(cache.find(v4, now)->mtu, 1400u);
  EXPECT_FALSE(cache.learn(v4, 1450, 1400, now));
  EXPECT_FALSE(cache.learn(v4, 1400, 1400, now));
  EXPECT_EQ(counters[Counter::EstabPmtuIgnored], 2u);
  EXPECT_EQ(cache.find(v4, now)->mtu, 1400u);
  EXPECT_EQ(cache.find(v4, now + 599s)->mtu, 1400u);
  EXPECT_FALSE(cache.find(v4, now + 600s));
  EXPECT_FALSE(cache.find(v6, now));
}

TEST_F(PathMtuTest, below_min_pmtu_is_not_believed_but_df_goes) {
  EXPECT_EQ(cache.learn(v4, 100, 1500, now), 552u);
  EXPECT_EQ(cache.find(v4, now)->mtu, 552u);
  EXPECT_TRUE(cache.find(v4, now)->may_fragment);
  EXPECT_FALSE(cache.learn(v4, 100, 552, now));
}

// proves: RFC8201-4-2, RFC8201-4-3
TEST_F(PathMtuTest, below_1280_is_discarded_in_v6) {
  EXPECT_FALSE(cache.learn(v6, 1279, 1500, now));
  EXPECT_FALSE(cache.find(v6, now));
  EXPECT_EQ(counters[Counter::EstabPmtuIgnored], 1u);
  EXPECT_EQ(cache.learn(v6, 1280, 1500, now), 1280u);
  EXPECT_FALSE(cache.find(v6, now)->may_fragment);
}

TEST_F(PathMtuTest, is_bounded) {
  for (std::uint32_t i = 0; i < PathMtuCache::kMaxPaths + 10; ++i) {
    cache.learn(IpAddress::v4(0x0b000000 + i), 1400, 1500, now);
  }
  EXPECT_EQ(cache.list(now).size(), PathMtuCache::kMaxPaths);
  EXPECT_FALSE(cache.find(IpAddress::v4(0x0b000000), now));
}

TEST(PacketIds, count_for_each_destination_and_start_apart) {
  PacketIds ids{SipKey{{1, 2}}};
  const std::uint32_t first = ids.next(address("192.0.2.1"));
  const std::uint32_t other = ids.next(address("192.0.2.2"));
  EXPECT_EQ(ids.next(address("192.0.2.1")), first + 1);
  EXPECT_EQ(ids.next(address("192.0.2.2")), other + 1);
  EXPECT_NE(other, first);
  // A forgotten destination does not start where it did before.
  for (std::uint32_t i = 0; i < PacketIds::kMaxDestinations; ++i) {
    ids.next(IpAddress::v4(0x0b000000 + i));
  }
  EXPECT_NE(ids.next(address("192.0.2.1")), first + 2);
}

}  // namespace
}  // namespace estab::ip
