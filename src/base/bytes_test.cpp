#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>

namespace estab {
namespace {

TEST(Reader, reads_big_endian_and_stops_at_the_end) {
  const std::uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  Reader r{data};
  std::uint8_t a = 0;
  std::uint16_t b = 0;
  std::uint32_t c = 0;
  std::uint64_t d = 0;
  ASSERT_TRUE(r.u8(a) && r.u16(b) && r.u32(c) && r.u64(d));
  EXPECT_EQ(a, 1u);
  EXPECT_EQ(b, 0x0203u);
  EXPECT_EQ(c, 0x04050607u);
  EXPECT_EQ(d, 0x08090a0b0c0d0e0fu);
  EXPECT_EQ(r.remaining(), 1u);
  EXPECT_EQ(r.position(), 15u);
  Bytes rest;
  EXPECT_FALSE(r.u16(b) || r.u32(c) || r.u64(d) || r.skip(2) || r.take(2, rest));
  EXPECT_EQ(b, 0x0203u) << "a failed call changes nothing";
  ASSERT_TRUE(r.take(1, rest));
  EXPECT_EQ(rest[0], 16u);
  EXPECT_TRUE(r.at_end());
  EXPECT_FALSE(r.u8(a));
  EXPECT_TRUE(r.skip(0) && r.take(0, rest));
}

TEST(Reader, a_huge_length_does_not_wrap) {
  const std::uint8_t data[] = {1, 2};
  Reader r{data};
  Bytes out;
  ASSERT_TRUE(r.skip(1));
  EXPECT_FALSE(r.skip(static_cast<std::size_t>(-1)));
  EXPECT_FALSE(r.take(static_cast<std::size_t>(-1), out));
  EXPECT_EQ(r.remaining(), 1u);
}

TEST(Reader, of_nothing_reads_nothing) {
  Reader r{Bytes{}};
  std::uint8_t a = 0;
  EXPECT_FALSE(r.u8(a));
  EXPECT_TRUE(r.copy(MutableBytes{}));
}

TEST(Writer, writes_what_a_reader_reads) {
  std::array<std::uint8_t, 20> room{};
  Writer w{room};
  const std::uint8_t tail[] = {7, 8};
  EXPECT_TRUE(w.u8(1) && w.u16(0x0203) && w.u32(0x04050607) && w.u64(0x08090a0b0c0d0e0f));
  EXPECT_TRUE(w.bytes(tail) && w.fill(2, 0xff));
  EXPECT_EQ(w.size(), 19u);
  Reader r{w.written()};
  std::uint64_t d = 0;
  std::array<std::uint8_t, 4> end{};
  ASSERT_TRUE(r.skip(7) && r.u64(d) && r.copy(end));
  EXPECT_EQ(d, 0x08090a0b0c0d0e0fu);
  EXPECT_EQ(end, (std::array<std::uint8_t, 4>{7, 8, 0xff, 0xff}));
}

TEST(Writer, remembers_that_something_did_not_fit) {
  std::array<std::uint8_t, 3> room{};
  Writer w{room};
  EXPECT_TRUE(w.u16(1));
  EXPECT_FALSE(w.u16(2));
  EXPECT_FALSE(w.u8(3)) << "what follows a gap is not written";
  EXPECT_FALSE(w.ok());
  EXPECT_EQ(w.size(), 2u);
}

}  // namespace
}  // namespace estab
