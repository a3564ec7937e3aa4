#include "wire/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "wire/bytes.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// RFC 1071 1, word by word, as it is written there.
std::uint16_t naive(Bytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? bytes[i + 1] : 0u;
    sum += bytes[i] * 256u + low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> random_bytes(Random& random, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random.next());
  return bytes;
}

void expect_all_ways_agree(Bytes bytes) {
  const std::uint16_t expected = naive(bytes);
  ASSERT_EQ(checksum_fold(checksum_add(0, bytes)), expected) << bytes.size();
  ASSERT_EQ(checksum_fold(detail::checksum_add_scalar(0, bytes)), expected) << bytes.size();
  if (detail::has_wide_checksum()) {
    ASSERT_EQ(checksum_fold(detail::checksum_add_wide(0, bytes)), expected) << bytes.size();
  }
}

TEST(Checksum, example_of_rfc_1071) {
  const auto bytes = bytes_of("00 01 f2 03 f4 f5 f6 f7");
  EXPECT_EQ(checksum_fold(checksum_add(0, bytes)), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Checksum, agrees_with_the_naive_sum_at_each_length_and_offset) {
  Random random(1);
  const auto bytes = random_bytes(random, 256);
  const std::vector<std::uint8_t> ones(256, 0xff);  // the most carries
  for (std::size_t offset = 0; offset <= 8; ++offset) {
    for (std::size_t length = 0; length <= 200; ++length) {
      expect_all_ways_agree(Bytes(bytes).subspan(offset, length));
      expect_all_ways_agree(Bytes(ones).subspan(offset, length));
    }
  }
}

TEST(Checksum, agrees_with_the_naive_sum_on_big_ones) {
  Random random(2);
  const auto bytes = random_bytes(random, 70000);
  const std::vector<std::uint8_t> ones(70000, 0xff);
  for (int i = 0; i < 300; ++i) {
    const std::size_t offset = random.below(64);
    const std::size_t length = random.below(bytes.size() - offset);
    expect_all_ways_agree(Bytes(bytes).subspan(offset, length));
    expect_all_ways_agree(Bytes(ones).subspan(offset, length));
  }
}

TEST(Checksum, goes_on_from_any_partial_sum) {
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const auto bytes = random_bytes(random, 2 + random.below(300));
    const std::size_t cut = random.below(bytes.size()) / 2 * 2;
    const std::uint64_t first = checksum_add(0, Bytes(bytes).first(cut));
    ASSERT_EQ(checksum_fold(checksum_add(first, Bytes(bytes).subspan(cut))), naive(bytes));
  }
  // No carry is lost at the top either.
  const auto one = bytes_of("00 01");
  EXPECT_EQ(checksum_fold(checksum_add(~std::uint64_t{0}, one)),
            static_cast<std::uint16_t>(~std::uint16_t{1}));
}

TEST(Checksum, pieces_of_odd_size_count_as_one_run) {
  Random random(4);
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t header = checksum_add(0, bytes_of("12 34 56 78"));
    std::vector<std::uint8_t> whole = bytes_of("12 34 56 78");
    Slices pieces;
    for (std::uint64_t n = random.below(7); n > 0; --n) {
      const auto bytes = random_bytes(random, random.below(random.chance(0.1) ? 700 : 9));
      append(whole, bytes);
      pieces.append(Slice::copy_of(bytes));
    }
    ASSERT_EQ(checksum_fold(checksum_add(header, pieces)), naive(whole));
  }
}

TEST(Checksum, pseudo_header_of_each_family) {
  const auto v4 = bytes_of("0a090001 0a090002 0006 0123");
  EXPECT_EQ(checksum_fold(pseudo_header_sum(kA4, kB4, 6, 0x123)), naive(v4));
  const auto v6 = bytes_of(
      "fd000000000000000000000000000001 fd000000000000000000000000000002 00012345 0000003a");
  EXPECT_EQ(checksum_fold(pseudo_header_sum(kA6, kB6, 58, 0x12345)), naive(v6));
}

// proves: MUST-2, MUST-3
TEST(Checksum, what_was_stored_verifies_and_any_changed_bit_does_not) {
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    auto bytes = random_bytes(random, 20 + random.below(40));
    store16(bytes.data() + 16, 0);
    store16(bytes.data() + 16, checksum_fold(checksum_add(0, bytes)));
    ASSERT_EQ(checksum_fold(checksum_add(0, bytes)), 0);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      ASSERT_NE(checksum_fold(checksum_add(0, bytes)), 0) << bit;
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
  }
}

}  // namespace
}  // namespace estab::wire
