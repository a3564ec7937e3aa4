#include "dev/entropy.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace estab::dev {
namespace {

// getrandom(2), the kernel's generator, is what RFC 4086 6 and 7 ask for.
// proves: RFC6528-4-1
TEST(Entropy, no_two_draws_are_alike) {
  std::set<std::array<std::uint8_t, 16>> drawn;
  std::array<std::uint8_t, 256> seen{};
  for (int i = 0; i < 1000; ++i) {
    std::array<std::uint8_t, 16> key{};
    fill_entropy(key);
    drawn.insert(key);
    for (const std::uint8_t b : key) seen[b] = 1;
  }
  EXPECT_EQ(drawn.size(), 1000u);
  EXPECT_EQ(std::set<std::uint8_t>(seen.begin(), seen.end()), std::set<std::uint8_t>{1});
}

}  // namespace
}  // namespace estab::dev
