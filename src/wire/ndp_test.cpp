#include "wire/ndp.h"

#include <string>

#include "wire/icmp.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// Linux: fd00::2 advertises itself to fd00::1.
const auto kAdvertisement = bytes_of(
    "60000000 00203aff fd000000000000000000000000000002 fd000000000000000000000000000001"
    "88001c9a 60000000 fd000000000000000000000000000002 0201020000000002");
const MacAddress kMac{{2, 0, 0, 0, 0, 2}};

// What parse_ndp() says to these ICMPv6 bytes (checksum apart).
Parsed<NdpMessage> parsed(std::uint8_t type, std::uint32_t rest, std::string_view body,
                          const IpAddress& from = kA6, const IpAddress& to = kB6,
                          std::uint8_t ttl = 255, std::uint8_t code = 0) {
  const auto bytes = bytes_of(body);
  IpPacket packet;
  packet.source = from;
  packet.destination = to;
  packet.ttl = ttl;
  return parse_ndp(packet, {.v6 = true, .type = type, .code = code, .rest = rest, .body = bytes});
}

constexpr const char* kTarget = "fd000000000000000000000000000002";
const std::string kWithSource = std::string(kTarget) + "0101020000000001";

TEST(Ndp, parses_and_builds_what_linux_sends) {
  const auto packet = parse_ip(kAdvertisement);
  ASSERT_TRUE(packet);
  const auto icmp = parse_icmp(*packet);
  ASSERT_TRUE(icmp);
  const auto message = parse_ndp(*packet, *icmp);
  ASSERT_TRUE(message);
  EXPECT_EQ(*message, (NdpMessage{.advertisement = true,
                                  .target = kB6,
                                  .router = false,
                                  .solicited = true,
                                  .override_ = true,
                                  .link_address = kMac}));
  std::vector<std::uint8_t> built(kMaxNdp);
  built.resize(build_ndp(*message, kB6, kA6, built.data()));
  EXPECT_TRUE(std::ranges::equal(built, packet->payload));
}

TEST(Ndp, a_solicitation_comes_through) {
  NdpMessage message{.advertisement = false,
                     .target = kB6,
                     .router = false,
                     .solicited = false,
                     .override_ = false,
                     .link_address = kMac};
  for (const bool with_link : {true, false}) {
    if (!with_link) message.link_address.reset();
    std::vector<std::uint8_t> built(kMaxNdp);
    built.resize(build_ndp(message, kA6, solicited_node_group(kB6), built.data()));
    EXPECT_EQ(built.size(), with_link ? 32u : 24u);
    IpPacket packet;
    packet.source = kA6;
    packet.destination = solicited_node_group(kB6);
    packet.ttl = 255;
    packet.payload = built;
    const auto icmp = parse_icmp(packet);
    ASSERT_TRUE(icmp);
    const auto again = parse_ndp(packet, *icmp);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, message);
  }
}

TEST(Ndp, other_messages_are_ignored) {
  for (const int type : {1, 128, 133, 134, 137}) {
    EXPECT_EQ(parsed(static_cast<std::uint8_t>(type), 0, kTarget).error(),
              Counter::EstabNdpIgnored);
  }
}

// RFC 4861 7.1.1 and 7.1.2, one check a line.
TEST(Ndp, each_check_of_the_rfc) {
  const auto bad = Counter::EstabNdpMalformed;
  const IpAddress any = IpAddress::any_v6();
  const IpAddress group = solicited_node_group(kB6);
  ASSERT_TRUE(parsed(135, 0, kWithSource));
  EXPECT_EQ(parsed(135, 0, kWithSource, kA6, kB6, 254).error(), bad);          // has been forwarded
  EXPECT_EQ(parsed(135, 0, kWithSource, kA6, kB6, 255, 1).error(), bad);       // code
  EXPECT_EQ(parsed(135, 0, "fd0000").error(), bad);                            // length
  EXPECT_EQ(parsed(135, 0, "ff020000000000000000000000000002").error(), bad);  // group as target
  EXPECT_TRUE(parsed(135, 0, kTarget, any, group));                            // detects duplicates
  EXPECT_EQ(parsed(135, 0, kWithSource, any, group).error(), bad);  // from nowhere, with an address
  EXPECT_EQ(parsed(135, 0, kTarget, any, kB6).error(), bad);        // from nowhere, to one station
  EXPECT_EQ(parsed(136, 0x40000000, kTarget, kB6, group).error(), bad);  // solicited, to a group
  EXPECT_TRUE(parsed(136, 0x20000000, kTarget, kB6, group));
}

TEST(Ndp, options) {
  const std::string target = kTarget;
  const auto bad = Counter::EstabNdpMalformed;
  EXPECT_EQ(parsed(135, 0, target + "0100000000000000").error(), bad);  // no length: would loop
  EXPECT_EQ(parsed(135, 0, target + "0102020000000001").error(), bad);  // beyond the end
  EXPECT_EQ(parsed(135, 0, target + "01").error(), bad);
  EXPECT_EQ(parsed(135, 0, target + "0101ff0000000001").error(), bad);  // a group's link address
  // Unknown ones are skipped, one of another length is not ours, the target's is not the source's.
  EXPECT_EQ(parsed(135, 0, target + "0e01aabbccddeeff 0101020000000002")->link_address, kMac);
  EXPECT_FALSE(parsed(135, 0, target + "0102020000000002 0000000000000000")->link_address);
  EXPECT_FALSE(parsed(135, 0, target + "0201020000000002")->link_address);
}

TEST(Ndp, groups) {
  const auto group = solicited_node_group(
      IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78}));
  EXPECT_EQ(group, IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0x34, 0x56, 0x78}));
  EXPECT_EQ(multicast_mac(group), (MacAddress{{0x33, 0x33, 0xff, 0x34, 0x56, 0x78}}));
  EXPECT_EQ(multicast_mac(IpAddress::v4(224, 128, 0, 251)),
            (MacAddress{{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}}));
}

}  // namespace
}  // namespace estab::wire
