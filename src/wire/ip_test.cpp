#include "wire/ip.h"

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// A SYN as Linux sent it, 20 + 40 bytes.
const auto kSyn = bytes_of(
    "4500003c 87ab4000 40069efc 0a090001 0a090002 8c7e1f90 66519a16 00000000 a002faf0 651f0000"
    "020405b4 0402080a b5d2718f 00000000 0103030a");

std::vector<std::uint8_t> with_sum(std::vector<std::uint8_t> packet) {
  store16(packet.data() + 10, 0);
  const Bytes header = Bytes(packet).first(std::size_t{packet[0] & 0x0fu} * 4);
  store16(packet.data() + 10, checksum_fold(checksum_add(0, header)));
  return packet;
}

IpPacket fields(std::uint8_t protocol = 6) {
  IpPacket p;
  p.source = kA4;
  p.destination = kB4;
  p.protocol = protocol;
  return p;
}

std::vector<std::uint8_t> with_options(std::string_view hex) {
  const auto options = bytes_of(hex);
  IpPacket p = fields();
  p.options = options;
  return packet_of(p, std::vector<std::uint8_t>(4));
}

TEST(Ipv4, parses_and_builds_what_linux_sends) {
  const auto p = parse_ip(kSyn);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->source, kA4);
  EXPECT_EQ(p->destination, kB4);
  EXPECT_EQ(p->protocol, 6);
  EXPECT_EQ(p->ttl, 64);
  EXPECT_TRUE(p->dont_fragment);
  EXPECT_FALSE(p->is_fragment());
  EXPECT_EQ(p->identification, 0x87abu);
  EXPECT_EQ(p->header_length, 20);
  EXPECT_EQ(p->total_length, 60u);
  EXPECT_EQ(p->payload.size(), 40u);
  EXPECT_EQ(packet_of(*p, p->payload), kSyn);
}

TEST(Ipv4, ethernet_padding_is_not_payload) {
  auto padded = kSyn;
  padded.resize(100, 0xee);
  EXPECT_EQ(parse_ip(padded)->payload.size(), 40u);
}

TEST(Ip, version_is_4_or_6) {
  for (unsigned version = 0; version < 16; ++version) {
    auto packet = kSyn;
    packet[0] = static_cast<std::uint8_t>(version << 4 | 5);
    if (version == 4 || version == 6) continue;
    EXPECT_EQ(parse_ip(packet).error(), Counter::EstabIpBadVersion) << version;
  }
  EXPECT_EQ(parse_ip({}).error(), Counter::EstabIpTruncated);
}

TEST(Ipv4, each_length_that_cannot_be_has_its_name) {
  EXPECT_EQ(parse_ip(Bytes(kSyn).first(19)).error(), Counter::EstabIpTruncated);
  EXPECT_EQ(parse_ip(Bytes(kSyn).first(59)).error(), Counter::EstabIpTruncated);
  auto packet = kSyn;
  packet[0] = 0x44;
  EXPECT_EQ(parse_ip(with_sum(packet)).error(), Counter::EstabIpBadHeaderLength);
  packet[0] = 0x4f;
  EXPECT_EQ(parse_ip(Bytes(packet).first(40)).error(), Counter::EstabIpTruncated);
  packet = kSyn;
  store16(packet.data() + 2, 19);
  EXPECT_EQ(parse_ip(with_sum(packet)).error(), Counter::EstabIpBadTotalLength);
}

TEST(Ipv4, any_changed_bit_of_the_header_is_caught) {
  for (std::size_t bit = 0; bit < 160; ++bit) {
    auto packet = kSyn;
    packet[bit / 8] ^= static_cast<std::uint8_t>(0x80u >> bit % 8);
    EXPECT_FALSE(parse_ip(packet)) << bit;
  }
  auto packet = kSyn;
  packet[8] = 63;
  EXPECT_EQ(parse_ip(packet).error(), Counter::EstabIpBadChecksum);
}

// proves: MUST-50
TEST(Ipv4, options_that_nobody_knows_are_kept_and_passed_over) {
  const auto packet = with_options("01 94 04 0000 1e 05 aabbcc");  // nop, router alert, unknown
  const auto p = parse_ip(packet);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->header_length, 32);
  EXPECT_TRUE(std::ranges::equal(p->options, bytes_of("01 94 04 0000 1e 05 aabbcc 0000")));
  EXPECT_EQ(p->payload.size(), 4u);
}

TEST(Ipv4, options_of_illegal_length_cost_the_packet) {
  for (const char* options : {
           "1e 00 0000",               // no length
           "1e 01 0000",               // less than itself
           "01 01 01 1e",              // no room for a length
           "1e 05 0000",               // beyond the end
           "83 06 04 00 0000",         // source route that is not whole addresses
           "83 02 0000",               // without a pointer
           "89 07 03 0a000001 00",     // pointer before the first address
           "07 07 05 0a000001 00",     // pointer into an address
           "44 03 05 00",              // time stamp without its flags
           "83 03 04 89 03 04 00 00",  // two source routes
       }) {
    EXPECT_EQ(parse_ip(with_options(options)).error(), Counter::EstabIpBadOption) << options;
  }
  // Behind the end of the list anything may stand.
  EXPECT_TRUE(parse_ip(with_options("00 1e 00 ff")));
}

TEST(Ipv4, fragments) {
  IpPacket p = fields();
  p.more_fragments = true;
  p.fragment_offset = 1480;
  p.identification = 0xbeef;
  const auto packet = packet_of(p, std::vector<std::uint8_t>(8));
  EXPECT_EQ(load16(packet.data() + 6), 0x2000 | 185);
  const auto again = parse_ip(packet);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->is_fragment());
  EXPECT_TRUE(again->more_fragments);
  EXPECT_EQ(again->fragment_offset, 1480);
  EXPECT_EQ(again->identification, 0xbeefu);
  p.more_fragments = false;
  EXPECT_TRUE(parse_ip(packet_of(p, std::vector<std::uint8_t>(1)))->is_fragment());
}

TEST(Ipv4, a_quotation_may_be_cut_and_changed_on_its_way) {
  auto quoted = kSyn;
  quoted[8] = 1;  // a router has counted the TTL down, and the checksum no longer fits
  quoted.resize(28);
  EXPECT_FALSE(parse_ip(quoted));
  const auto p = parse_quoted_ip(quoted);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->total_length, 60u);
  EXPECT_EQ(p->payload.size(), 8u);
  const auto tcp = parse_quoted_tcp(p->payload);
  ASSERT_TRUE(tcp);
  EXPECT_EQ(tcp->source.value, 0x8c7e);
  EXPECT_EQ(tcp->destination.value, 8080);
  EXPECT_EQ(tcp->seq.value, 0x66519a16u);
  EXPECT_EQ(parse_quoted_ip(Bytes(quoted).first(19)).error(), Counter::EstabIpTruncated);
  EXPECT_EQ(parse_quoted_tcp(Bytes(quoted).first(7)).error(), Counter::IcmpInErrors);
}

TEST(Ip, room_for_the_largest_header) {
  const std::vector<std::uint8_t> options(40, 1);
  IpPacket p = fields();
  p.options = options;
  EXPECT_EQ(ip_header_size(p), kMaxIpHeader);
  EXPECT_EQ(parse_ip(packet_of(p, {}))->header_length, 60);
}

}  // namespace
}  // namespace estab::wire
