#include "base/ring.h"

#include <gtest/gtest.h>

#include <array>

namespace estab {
namespace {

TEST(Ring, a_reader_that_keeps_up_loses_nothing) {
  Ring<int> ring{4};
  std::array<int, 3> out{};
  EXPECT_EQ(ring.read(0, out).count, 0u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ring.push(i), static_cast<std::uint64_t>(i));
  auto got = ring.read(0, out);
  EXPECT_EQ(got.count, 3u);
  EXPECT_EQ(got.lost, 0u);
  EXPECT_EQ(out, (std::array{0, 1, 2}));
  got = ring.read(got.next, out);
  EXPECT_EQ(got.count, 1u);
  EXPECT_EQ(got.next, ring.next());
}

TEST(Ring, a_reader_that_falls_behind_learns_how_many_it_lost) {
  Ring<int> ring{4};
  for (int i = 0; i < 10; ++i) ring.push(i);
  EXPECT_EQ(ring.oldest(), 6u);
  EXPECT_EQ(ring.overwritten(), 6u);
  EXPECT_EQ(ring.size(), 4u);
  std::array<int, 8> out{};
  const auto got = ring.read(2, out);
  EXPECT_EQ(got.lost, 4u);
  EXPECT_EQ(got.count, 4u);
  EXPECT_EQ(out[0], 6);
  EXPECT_EQ(got.next, 10u);
  EXPECT_EQ(ring.at(5), nullptr);
  EXPECT_EQ(*ring.at(6), 6);
  EXPECT_EQ(ring.at(10), nullptr);
}

TEST(Ring, reading_the_future_reads_nothing) {
  Ring<int> ring{2};
  ring.push(1);
  std::array<int, 2> out{};
  const auto got = ring.read(5, out);
  EXPECT_EQ(got.count, 0u);
  EXPECT_EQ(got.lost, 0u);
  EXPECT_EQ(got.next, 5u);
}

}  // namespace
}  // namespace estab
