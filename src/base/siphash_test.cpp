#include "base/siphash.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace estab {
namespace {

constexpr SipKey kKey{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};

TEST(SipHash, agrees_with_the_paper) {  // Aumasson and Bernstein 2012, appendix A
  std::array<std::uint8_t, 15> message;
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(siphash(kKey, message), 0xa129ca6149be45e5u);
}

TEST(SipHash, agrees_with_the_reference_vectors) {
  const std::uint64_t expected[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                    0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                    0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
  const std::uint8_t message[] = {0, 1, 2, 3, 4, 5, 6, 7};
  for (std::size_t n = 0; n <= 8; ++n)
    EXPECT_EQ(siphash(kKey, Bytes{message, n}), expected[n]) << n;
}

// Kept over restarts (ISNs, timestamp offsets): the bytes that are hashed are part of the format.
TEST(SipHash, a_four_tuple_is_its_36_bytes_in_network_order) {
  const FourTuple t{{IpAddress::v4(10, 1, 2, 3), Port{0x1234}},
                    {*IpAddress::parse("fd00::1:2"), Port{0xabcd}}};
  std::vector<std::uint8_t> bytes;
  for (const Endpoint* end : {&t.local, &t.remote}) {
    bytes.insert(bytes.end(), end->address.bytes().begin(), end->address.bytes().end());
    bytes.push_back(static_cast<std::uint8_t>(end->port.value >> 8));
    bytes.push_back(static_cast<std::uint8_t>(end->port.value));
  }
  EXPECT_EQ(siphash(kKey, t), siphash(kKey, bytes));
}

TEST(SipHash, every_part_of_a_four_tuple_counts) {
  const Endpoint a{IpAddress::v4(10, 0, 0, 1), Port{80}};
  const Endpoint b{IpAddress::v4(10, 0, 0, 2), Port{81}};
  std::set<std::uint64_t> seen;
  for (const FourTuple& t :
       {FourTuple{a, b}, FourTuple{b, a}, FourTuple{{a.address, b.port}, b}, FourTuple{a, a},
        FourTuple{a, {b.address, a.port}}, FourTuple{{IpAddress::any_v6(), a.port}, b}}) {
    seen.insert(siphash(kKey, t));
  }
  EXPECT_EQ(seen.size(), 6u);
  EXPECT_NE(siphash(kKey, FourTuple{a, b}), siphash(SipKey{{1, 2}}, FourTuple{a, b}));
}

}  // namespace
}  // namespace estab
