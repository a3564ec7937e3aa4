#include "wire/ip6_extensions.h"

#include "wire/bytes.h"
#include "wire/icmp.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kHop = 0, kRoute = 43, kFrag = 44, kDest = 60;

std::vector<std::uint8_t> packet(std::uint8_t next, std::string_view behind) {
  IpPacket p;
  p.source = kA6;
  p.destination = kB6;
  p.protocol = next;
  return packet_of(p, bytes_of(behind));
}

Counter reason(std::uint8_t next, std::string_view behind) {
  const auto p = parse_ip(packet(next, behind));
  return p ? Counter::kCount : p.error();
}

void expect_problem(std::uint8_t next, std::string_view behind, Icmpv6ParameterProblem code,
                    std::uint32_t pointer, bool multicast) {
  const auto problem = ip6_parameter_problem(packet(next, behind));
  ASSERT_TRUE(problem) << behind;
  EXPECT_EQ(problem->code, static_cast<std::uint8_t>(code)) << behind;
  EXPECT_EQ(problem->pointer, pointer) << behind;
  EXPECT_EQ(problem->also_if_multicast, multicast) << behind;
}

TEST(Ipv6, parses_and_builds_the_fixed_header) {
  IpPacket p;
  p.source = kA6;
  p.destination = kB6;
  p.protocol = 58;
  p.ttl = 255;
  p.tos = 0xb9;
  const auto bytes = packet_of(p, bytes_of("0102030405060708"));
  EXPECT_TRUE(
      std::ranges::equal(bytes, bytes_of("6b900000 0008 3a ff fd000000000000000000000000000001"
                                         "fd000000000000000000000000000002 0102030405060708")));
  const auto again = parse_ip(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->source, kA6);
  EXPECT_EQ(again->destination, kB6);
  EXPECT_EQ(again->protocol, 58);
  EXPECT_EQ(again->ttl, 255);
  EXPECT_EQ(again->tos, 0xb9);
  EXPECT_EQ(again->header_length, 40);
  EXPECT_EQ(again->total_length, 48u);
  EXPECT_FALSE(again->is_v4());
}

TEST(Ipv6, lengths) {
  auto bytes = packet(kTcp, "01020304");
  EXPECT_EQ(parse_ip(Bytes(bytes).first(39)).error(), Counter::EstabIpTruncated);
  EXPECT_EQ(parse_ip(Bytes(bytes).first(43)).error(), Counter::EstabIpTruncated);
  bytes.resize(60);  // padding of a frame
  EXPECT_EQ(parse_ip(bytes)->payload.size(), 4u);
  const auto empty = parse_ip(packet(kNoNextHeader, ""));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->payload.empty());
  EXPECT_EQ(empty->unknown_header_at, 0);
}

TEST(Ipv6, the_largest_packet_is_more_than_16_bits) {
  IpPacket p;
  p.source = kA6;
  p.destination = kB6;
  p.protocol = kTcp;
  const auto again = parse_ip(packet_of(p, std::vector<std::uint8_t>(65535)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->total_length, 65575u);
  EXPECT_EQ(again->payload.size(), 65535u);
}

TEST(Ipv6, jumbograms_are_refused) {
  auto bytes = packet(kHop, "06 00 c2 04 00010000");
  store16(bytes.data() + 4, 0);
  EXPECT_EQ(parse_ip(bytes).error(), Counter::EstabIpBadTotalLength);
  // The option beside a length that is not 0 (RFC 2675 3).
  EXPECT_EQ(reason(kHop, "06 00 c2 04 00010000"), Counter::EstabIp6BadExtension);
}

TEST(Ipv6, mapped_addresses_are_martians) {
  auto bytes = packet(kTcp, "");
  const auto mapped = bytes_of("00000000000000000000ffff0a000001");
  std::copy(mapped.begin(), mapped.end(), bytes.begin() + 8);
  EXPECT_EQ(parse_ip(bytes).error(), Counter::EstabIpMartianSource);
  bytes = packet(kTcp, "");
  std::copy(mapped.begin(), mapped.end(), bytes.begin() + 24);
  EXPECT_EQ(parse_ip(bytes).error(), Counter::EstabIpMartianDestination);
}

TEST(Ipv6, every_known_extension_header_is_passed_over) {
  const auto bytes = packet(kHop,
                            "3c00 0502 0000 0100"  // hop-by-hop: router alert, padding
                            "2b01 0104 00000000 0106 000000000000"
                            "2c00 0500 00000000"  // routing, no segments left
                            "0600 0000 00000009"  // a fragment that is alone
                            "aabbccdd");
  const auto p = parse_ip(bytes);
  ASSERT_TRUE(p);
  EXPECT_EQ(p->protocol, kTcp);
  EXPECT_EQ(p->header_length, 80);
  EXPECT_EQ(p->unknown_header_at, 0);
  EXPECT_TRUE(std::ranges::equal(p->payload, bytes_of("aabbccdd")));
}

// RFC 6946
TEST(Ipv6, an_atomic_fragment_is_a_whole_packet) {
  const auto p = parse_ip(packet(kFrag, "06 00 0000 00000007 01020304"));
  ASSERT_TRUE(p);
  EXPECT_FALSE(p->is_fragment());
  EXPECT_EQ(p->identification, 7u);
  EXPECT_EQ(p->payload.size(), 4u);
}

TEST(Ipv6, a_fragments_payload_begins_behind_its_header) {
  IpPacket fields;
  fields.source = kA6;
  fields.destination = kB6;
  fields.protocol = kDest;
  fields.more_fragments = true;
  fields.fragment_offset = 1448;
  fields.identification = 0x12345678;
  const auto bytes = packet_of(fields, std::vector<std::uint8_t>(16));
  EXPECT_EQ(bytes[6], kFrag);
  EXPECT_TRUE(std::ranges::equal(Bytes(bytes).subspan(40, 8), bytes_of("3c00 05a9 12345678")));
  const auto p = parse_ip(bytes);
  ASSERT_TRUE(p);
  EXPECT_TRUE(p->is_fragment());
  EXPECT_EQ(p->fragment_offset, 1448);
  EXPECT_TRUE(p->more_fragments);
  EXPECT_EQ(p->identification, 0x12345678u);
  EXPECT_EQ(p->protocol, kDest);  // not walked: it is the middle of something
  EXPECT_EQ(p->payload.size(), 16u);
  EXPECT_EQ(p->unknown_header_at, 0);
}

TEST(Ipv6, fragments_that_rfc_8200_refuses) {
  // Not a multiple of 8, and more to come.
  EXPECT_EQ(reason(kFrag, "06 00 0009 00000001 01020304"), Counter::EstabIp6BadExtension);
  expect_problem(kFrag, "06 00 0009 00000001 01020304", Icmpv6ParameterProblem::kHeaderField, 4,
                 false);
  // A first fragment in which no whole TCP header is (RFC 7112).
  const char* tiny = "06 00 0001 00000001 0102030405060708";
  EXPECT_EQ(reason(kFrag, tiny), Counter::EstabIp6BadExtension);
  expect_problem(kFrag, tiny, Icmpv6ParameterProblem::kIncompleteChain, 0, false);
  // The same in a quotation is nothing to complain about.
  EXPECT_TRUE(parse_quoted_ip(packet(kFrag, tiny)));
}

TEST(Ipv6, unknown_next_headers_are_told_with_their_place) {
  auto p = parse_ip(packet(200, "01020304"));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->protocol, 200);
  EXPECT_EQ(p->unknown_header_at, 6);
  p = parse_ip(packet(kDest, "c8 00 0104 00000000 01020304"));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->protocol, 200);
  EXPECT_EQ(p->unknown_header_at, 40);
  // Hop-by-hop options behind another header are unknown, too (RFC 8200 4).
  p = parse_ip(packet(kDest, "00 00 0104 00000000 0600 0104 00000000"));
  ASSERT_TRUE(p);
  EXPECT_EQ(p->protocol, 0);
  EXPECT_EQ(p->unknown_header_at, 40);
}

TEST(Ipv6, extension_headers_are_bounded) {
  std::string behind;
  for (int i = 0; i < kMaxExtensionHeaders - 1; ++i) behind += "3c00 0104 00000000";
  EXPECT_TRUE(parse_ip(packet(kDest, behind + "0600 0104 00000000")));
  EXPECT_EQ(reason(kDest, behind + "3c00 0104 00000000 0600 0104 00000000"),
            Counter::EstabIp6ExtensionLoop);
}

TEST(Ipv6, a_header_longer_than_the_packet_is_bad) {
  EXPECT_EQ(reason(kDest, "06 01 0104 00000000"), Counter::EstabIp6BadExtension);
  EXPECT_EQ(reason(kDest, "06 00 0104"), Counter::EstabIp6BadExtension);
  EXPECT_EQ(reason(kDest, "06 00 0105 00000000"),
            Counter::EstabIp6BadExtension);  // option too long
  EXPECT_EQ(reason(kDest, "06 00 0103 000000 01"), Counter::EstabIp6BadExtension);  // no length
  EXPECT_FALSE(ip6_parameter_problem(packet(kDest, "06 01 0104 00000000")));
}

// RFC 8200 4.2: the two top bits of an option's type.
TEST(Ipv6, unknown_options_say_themselves_what_to_do) {
  EXPECT_EQ(reason(kDest, "06 00 1e 04 00000000"), Counter::kCount);
  EXPECT_EQ(reason(kDest, "06 00 5e 04 00000000"), Counter::EstabIp6BadExtension);
  EXPECT_FALSE(ip6_parameter_problem(packet(kDest, "06 00 5e 04 00000000")));
  EXPECT_EQ(reason(kDest, "06 00 9e 04 00000000"), Counter::EstabIp6BadExtension);
  expect_problem(kDest, "06 00 9e 04 00000000", Icmpv6ParameterProblem::kUnknownOption, 42, true);
  EXPECT_EQ(reason(kHop, "06 00 00 de 03 000000"), Counter::EstabIp6BadExtension);
  expect_problem(kHop, "06 00 00 de 03 000000", Icmpv6ParameterProblem::kUnknownOption, 43, false);
}

// RFC 5095, RFC 8200 4.4
TEST(Ipv6, routing_headers_with_segments_left_are_refused) {
  const char* behind = "06 02 00 01 00000000 fd000000000000000000000000000003";
  EXPECT_EQ(reason(kRoute, behind), Counter::EstabIp6RoutingHeader);
  expect_problem(kRoute, behind, Icmpv6ParameterProblem::kHeaderField, 42, false);
  EXPECT_EQ(reason(kRoute, "06 02 00 00 00000000 fd000000000000000000000000000003"),
            Counter::kCount);
}

TEST(Ipv6, sound_packets_and_ipv4_are_no_problem) {
  EXPECT_FALSE(ip6_parameter_problem(packet(kTcp, "00")));
  EXPECT_FALSE(ip6_parameter_problem(bytes_of("45")));
  EXPECT_FALSE(ip6_parameter_problem({}));
}

}  // namespace
}  // namespace estab::wire
