#include "stack/ephemeral.h"

#include <gtest/gtest.h>

#include <set>

namespace estab::stack {
namespace {

const IpAddress kLocal = IpAddress::v4(10, 0, 0, 1);
const Endpoint kRemote{IpAddress::v4(10, 0, 0, 2), {80}};

TEST(Ephemeral, every_port_of_the_range_once_before_any_again) {
  Random random(1);
  EphemeralPorts ports({{1, 2}}, random);
  std::set<std::uint16_t> seen;
  int asked = 0;
  for (int i = 0; i < 28232; ++i) {
    const auto port = ports.choose(kLocal, kRemote, 32768, 60999, [&](Port) {
      ++asked;
      return true;
    });
    ASSERT_TRUE(port);
    ASSERT_TRUE(seen.insert(port->value).second);
  }
  EXPECT_EQ(asked, 28232);  // one question each: not quadratic
  EXPECT_EQ(*seen.begin(), 32768);
  EXPECT_EQ(*seen.rbegin(), 60999);
  EXPECT_FALSE(ports.choose(kLocal, kRemote, 32768, 60999, [](Port) { return false; }));
}

// RFC 6056 3.3.4: where a destination begins says nothing about where another does.
TEST(Ephemeral, destinations_begin_anywhere) {
  Random random(1);
  EphemeralPorts ports({{1, 2}}, random);
  std::array<int, 16> tally{};
  for (std::uint16_t p = 1; p <= 4096; ++p) {
    const auto port = ports.choose(kLocal, {kRemote.address, {p}}, 32768, 32768 + 16383,
                                   [](Port) { return true; });
    ++tally[(port->value - 32768) / 1024];
  }
  double chi_square = 0;
  for (const int n : tally) chi_square += (n - 256.0) * (n - 256.0) / 256.0;
  EXPECT_LT(chi_square, 37.7);  // 15 degrees of freedom, 0.1 %
}

TEST(Ephemeral, keys_decide) {
  Random random(1);
  Random same(1);
  EphemeralPorts a({{1, 2}}, random);
  EphemeralPorts b({{1, 3}}, same);
  int equal = 0;
  for (std::uint16_t p = 1; p <= 100; ++p) {
    const Endpoint to{kRemote.address, {p}};
    const auto any = [](Port) { return true; };
    equal += a.choose(kLocal, to, 32768, 60999, any) == b.choose(kLocal, to, 32768, 60999, any);
  }
  EXPECT_LT(equal, 5);
}

TEST(Ephemeral, an_empty_range_has_no_port) {
  Random random(1);
  EphemeralPorts ports({{1, 2}}, random);
  EXPECT_FALSE(ports.choose(kLocal, kRemote, 10, 9, [](Port) { return true; }));
  EXPECT_EQ(ports.choose(kLocal, kRemote, 9, 9, [](Port) { return true; }), Port{9});
  EXPECT_EQ(ports.choose(kLocal, kRemote, 65535, 65535, [](Port) { return true; }), Port{65535});
}

}  // namespace
}  // namespace estab::stack
