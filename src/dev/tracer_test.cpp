#include "dev/tracer.h"

#include <gtest/gtest.h>

#include "dev/namespace_test_support.h"
#include "wire/arp.h"
#include "wire/bytes.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/tcp.h"

namespace estab::dev {
namespace {

const IpAddress kHere = IpAddress::v4(10, 0, 0, 1);
const IpAddress kThere = IpAddress::v4(10, 0, 0, 2);

std::vector<std::uint8_t> ip_packet(wire::Protocol protocol,
                                    const std::vector<std::uint8_t>& body) {
  wire::IpPacket ip;
  ip.source = kHere;
  ip.destination = kThere;
  ip.protocol = static_cast<std::uint8_t>(protocol);
  std::vector<std::uint8_t> bytes(wire::kMaxIpHeader);
  bytes.resize(wire::build_ip(ip, body.size(), bytes.data()));
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

std::vector<std::uint8_t> syn() {
  wire::Segment segment;
  segment.tuple = {{kHere, Port{1234}}, {kThere, Port{80}}};
  segment.seq = WireSeq{100};
  segment.flags = wire::kSyn;
  segment.window = 500;
  segment.options.mss = 1460;
  std::vector<std::uint8_t> tcp(wire::kMaxTcpHeader);
  tcp.resize(wire::build_tcp(segment, tcp.data()));
  return ip_packet(wire::Protocol::kTcp, tcp);
}

std::string describe(LinkKind link, const std::vector<std::uint8_t>& bytes) {
  return describe_frame(link, Slice::copy_of(bytes));
}

TEST(DescribeFrame, a_segment) {
  EXPECT_EQ(describe(LinkKind::kIp, syn()),
            "10.0.0.1:1234 > 10.0.0.2:80 S 100:100(0) win 500 <mss 1460>");
}

TEST(DescribeFrame, a_wrong_checksum_is_named) {
  auto bytes = syn();
  bytes.back() ^= 1;
  EXPECT_EQ(describe(LinkKind::kIp, bytes),
            "10.0.0.1:1234 > 10.0.0.2:80 S 100:100(0) win 500 <mss 1461> (wrong checksum)");
}

TEST(DescribeFrame, other_protocols) {
  std::vector<std::uint8_t> echo(wire::kIcmpHeader);
  wire::IcmpMessage message;
  message.type = 8;
  wire::build_icmp(message, kHere, kThere, echo.data());
  EXPECT_EQ(describe(LinkKind::kIp, ip_packet(wire::Protocol::kIcmpv4, echo)),
            "10.0.0.1 > 10.0.0.2 ICMP type 8 code 0, 8 bytes");
  EXPECT_EQ(describe(LinkKind::kIp, ip_packet(wire::Protocol::kUdp, {0, 0, 0})),
            "10.0.0.1 > 10.0.0.2 protocol 17, 3 bytes");
}

TEST(DescribeFrame, arp) {
  std::vector<std::uint8_t> bytes(wire::EthernetHeader::kSize + wire::ArpPacket::kSize);
  wire::build_ethernet({MacAddress::broadcast(), MacAddress{}, 0x0806}, bytes.data());
  wire::ArpPacket arp;
  arp.sender = kHere;
  arp.target = kThere;
  wire::build_arp(arp, bytes.data() + wire::EthernetHeader::kSize);
  EXPECT_EQ(describe(LinkKind::kEthernet, bytes), "ARP who has 10.0.0.2? tell 10.0.0.1");
}

TEST(DescribeFrame, any_bytes_are_described) {
  EXPECT_EQ(describe(LinkKind::kIp, {0x00}), "EstabIpBadVersion, 1 bytes");
  EXPECT_EQ(describe(LinkKind::kEthernet, {1, 2, 3}), "EstabLinkTruncated, 3 bytes");
  EXPECT_FALSE(describe(LinkKind::kIp, {}).empty());
  const auto whole = syn();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(
        describe(LinkKind::kIp, {whole.begin(), whole.begin() + static_cast<int>(size)}).empty());
  }
}

TEST(Tracer, one_line_for_each_frame_in_its_direction) {
  auto [left, right] = memory_pair();
  std::vector<std::string> lines;
  auto traced =
      with_trace(std::move(left), [&](Instant now, Direction direction, std::string_view line) {
        lines.push_back(std::to_string(now.time_since_epoch().count()) +
                        (direction == Direction::kIn ? " in " : " out ") + std::string(line));
      });
  const auto packet = syn();
  const auto frame = testing::outgoing(packet);
  traced->send(Instant{Duration(1)}, {&frame, 1});
  right->send(Instant{Duration(2)}, {&frame, 1});
  std::vector<ReceivedFrame> in;
  traced->receive(Instant{Duration(3)}, 8, in);
  const std::string line = describe(LinkKind::kIp, packet);
  EXPECT_EQ(lines, (std::vector<std::string>{"1 out " + line, "3 in " + line}));
  EXPECT_EQ(in.size(), 1u);
}

}  // namespace
}  // namespace estab::dev
