#include "wire/pcapng.h"

#include <string>

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

std::uint32_t little32(const std::vector<std::uint8_t>& v, std::size_t at) {
  return v[at] | static_cast<std::uint32_t>(v[at + 1]) << 8 |
         static_cast<std::uint32_t>(v[at + 2]) << 16 | static_cast<std::uint32_t>(v[at + 3]) << 24;
}

// Both lengths of each block agree, and the blocks are the whole.
void expect_blocks(const std::vector<std::uint8_t>& v, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0; --count) {
    ASSERT_LE(at + 12, v.size());
    const std::uint32_t length = little32(v, at + 4);
    ASSERT_EQ(length % 4, 0u);
    ASSERT_LE(at + length, v.size());
    ASSERT_EQ(little32(v, at + length - 4), length);
    at += length;
  }
  EXPECT_EQ(at, v.size());
}

TEST(Pcapng, section_byte_by_byte) {
  std::vector<std::uint8_t> out;
  pcapng_section(out, {.application = "estab", .os = "x", .comment = ""});
  EXPECT_EQ(out, bytes_of("0a0d0d0a 34000000 4d3c2b1a 0100 0000 ffffffffffffffff"
                          "0300 0100 78000000"           // shb_os
                          "0400 0500 6573746162 000000"  // shb_userappl
                          "0000 0000 34000000"));
}

TEST(Pcapng, interface_byte_by_byte) {
  std::vector<std::uint8_t> out;
  pcapng_interface(out, {.link = PcapngLink::kRaw, .name = "tun0", .snaplen = 96});
  EXPECT_EQ(out, bytes_of("01000000 28000000 6500 0000 60000000"
                          "0200 0400 74756e30"  // if_name
                          "0900 0100 09000000"  // if_tsresol: 10^-9 s
                          "00000000 28000000"));
}

TEST(Pcapng, packet_byte_by_byte_with_and_without_comment) {
  std::vector<std::uint8_t> out;
  const auto data = bytes_of("45 00 01 02 03");
  pcapng_packet(
      out, {.interface = 1, .timestamp = 0x0102030405060708, .original_length = 60, .comment = ""},
      data);
  EXPECT_EQ(out, bytes_of("06000000 28000000 01000000 04030201 08070605 05000000 3c000000"
                          "4500010203 000000 28000000"));
  out.clear();
  pcapng_packet(out, {.interface = 0, .timestamp = 0, .original_length = 5, .comment = "ESTAB"},
                data);
  EXPECT_EQ(out, bytes_of("06000000 38000000 00000000 00000000 00000000 05000000 05000000"
                          "4500010203 000000 0100 0500 4553544142 000000 00000000 38000000"));
}

TEST(Pcapng, pieces_are_written_one_after_the_other) {
  const auto a = bytes_of("01 02 03");
  const auto b = bytes_of("04 05 06 07");
  const auto both = bytes_of("01 02 03 04 05 06 07");
  std::vector<std::uint8_t> whole, pieces;
  const PcapngPacket packet{.interface = 0, .timestamp = 7, .original_length = 7, .comment = ""};
  pcapng_packet(whole, packet, both);
  const Bytes parts[] = {a, {}, b};
  pcapng_packet(pieces, packet, parts);
  EXPECT_EQ(whole, pieces);
}

TEST(Pcapng, blocks_follow_each_other_and_their_lengths_agree) {
  std::vector<std::uint8_t> out;
  pcapng_section(out, {.application = "a", .os = "b", .comment = "c"});
  pcapng_interface(out, {.link = PcapngLink::kEthernet, .name = "", .snaplen = 0});
  for (std::size_t size = 0; size < 9; ++size) {
    const std::vector<std::uint8_t> data(size, 1);
    pcapng_packet(out,
                  {.interface = 0,
                   .timestamp = size,
                   .original_length = 9,
                   .comment = std::string(size, 'x')},
                  data);
  }
  expect_blocks(out, 11);
}

TEST(Pcapng, a_comment_too_long_is_cut_between_characters) {
  std::string comment(65534, 'x');
  comment += "\xc3\xa9";  // one character of two bytes, of which one would fit
  std::vector<std::uint8_t> out;
  pcapng_packet(out, {.interface = 0, .timestamp = 0, .original_length = 0, .comment = comment},
                Bytes{});
  expect_blocks(out, 1);
  EXPECT_EQ(little32(out, 28), 65534u << 16 | 1u);
}

}  // namespace
}  // namespace estab::wire
