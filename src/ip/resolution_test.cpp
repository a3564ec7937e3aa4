#include "ip/resolution.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"
#include "wire/ndp.h"

namespace estab::ip {
namespace {

using namespace testing;
using wire::ArpOperation;

struct ResolutionTest : ::testing::Test {
  void hear_arp(ArpOperation operation, std::string_view sender, std::string_view target,
                const MacAddress& from) {
    Octets packet(wire::ArpPacket::kSize);
    wire::build_arp({operation, from, address(sender), b.device.mac(), address(target)},
                    packet.data());
    b.receive(ethernet(MacAddress::broadcast(), from, wire::EtherType::kArp, packet));
  }
  void hear_ndp(const wire::NdpMessage& message, std::string_view source,
                std::string_view destination, std::uint8_t hop_limit = 255) {
    std::uint8_t bytes[wire::kMaxNdp];
    const std::size_t size = wire::build_ndp(message, address(source), address(destination), bytes);
    wire::IpPacket header = ip_header(source, destination, wire::Protocol::kIcmpv6);
    header.ttl = hop_limit;
    const MacAddress to = address(destination).is_multicast()
                              ? wire::multicast_mac(address(destination))
                              : b.device.mac();
    b.receive(
        ethernet(to, station, wire::EtherType::kIpv6, ip_packet(header, {bytes, bytes + size})));
  }
  wire::NdpMessage solicitation(std::string_view target) {
    wire::NdpMessage m;
    m.target = address(target);
    m.link_address = station;
    return m;
  }
  wire::NdpMessage advertisement(std::string_view target) {
    wire::NdpMessage m = solicitation(target);
    m.advertisement = m.solicited = m.override_ = true;
    return m;
  }
  wire::NdpMessage ndp_of(const Sent& sent) {
    return wire::parse_ndp(sent.ip, sent.icmp()).value();
  }

  Bench b{LinkKind::kEthernet};
  const MacAddress station = mac("02:00:00:00:00:07");
  const MacAddress other = mac("02:00:00:00:00:08");
};

TEST_F(ResolutionTest, arp_asks_all_then_sends_what_waited) {
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now), SendResult::kNeighbourPending);
  const std::vector<Octets> frames = b.sent_frames();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(wire::parse_ethernet(frames[0])->destination, MacAddress::broadcast());
  const auto asked = wire::parse_arp(Bytes(frames[0]).subspan(14)).value();
  EXPECT_EQ(asked.operation, ArpOperation::kRequest);
  EXPECT_EQ(asked.sender, address("10.0.0.2"));
  EXPECT_EQ(asked.target, address("10.0.0.7"));
  hear_arp(ArpOperation::kReply, "10.0.0.7", "10.0.0.2", station);
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, station);
  EXPECT_EQ(sent[0].from, b.device.mac());
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now), SendResult::kSent);
}

TEST_F(ResolutionTest, far_destinations_ask_for_the_gateway) {
  b.ip.send(segment("10.0.0.2", "192.0.2.1"), {}, b.now);
  EXPECT_EQ(b.sent_arp().at(0).target, address("10.0.0.1"));
}

// proves: MUST-54
TEST_F(ResolutionTest, a_silent_neighbour_is_reported_as_linux_does) {
  b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now);
  for (int i = 0; i < 3; ++i) {
    b.now = b.ip.deadline();
    b.on_time();
  }
  ASSERT_EQ(b.out.errors.size(), 1u);
  EXPECT_EQ(b.out.errors[0].error, EHOSTUNREACH);
  EXPECT_EQ(b.out.errors[0].kind, IcmpErrorKind::kSoftUnreachable);
  EXPECT_EQ(b.out.errors[0].seq, WireSeq{0x01020304});
  EXPECT_EQ(b.out.errors[0].tuple, segment("10.0.0.2", "10.0.0.7").tuple);
  EXPECT_EQ(b.sent_arp().size(), 3u);
  EXPECT_EQ(b.ip.deadline(), kNever);
}

TEST_F(ResolutionTest, arp_requests_for_us_are_answered_and_remembered) {
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.2", station);
  const std::vector<wire::ArpPacket> answer = b.sent_arp();
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0].operation, ArpOperation::kReply);
  EXPECT_EQ(answer[0].sender_mac, b.device.mac());
  EXPECT_EQ(answer[0].target_mac, station);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now), SendResult::kSent);
}

TEST_F(ResolutionTest, an_address_probe_learns_that_the_address_is_taken) {
  hear_arp(ArpOperation::kRequest, "0.0.0.0", "10.0.0.2", station);  // RFC 5227 2.1.1
  EXPECT_EQ(b.sent_arp().size(), 1u);
  EXPECT_TRUE(b.ip.neighbours(b.now).empty());
}

TEST_F(ResolutionTest, arp_for_others_is_ignored) {
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.9", station);
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "127.0.0.1", station);
  hear_arp(ArpOperation::kReply, "10.0.0.7", "10.0.0.2", station);    // nobody asked
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.7", station);  // gratuitous
  EXPECT_TRUE(b.sent_frames().empty());
  EXPECT_TRUE(b.ip.neighbours(b.now).empty());
  EXPECT_EQ(b.count(Counter::EstabArpIgnored), 3u);
}

TEST_F(ResolutionTest, gratuitous_arp_updates_what_is_known) {
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.2", station);
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.7", other);
  ASSERT_EQ(b.ip.neighbours(b.now).size(), 1u);
  EXPECT_EQ(b.ip.neighbours(b.now)[0].mac, other);
}

TEST_F(ResolutionTest, nobody_is_learned_from_a_strange_place) {
  hear_arp(ArpOperation::kRequest, "192.0.2.9", "10.0.0.2", station);  // not of this link
  hear_arp(ArpOperation::kRequest, "10.0.0.255", "10.0.0.2", station);
  hear_arp(ArpOperation::kRequest, "10.0.0.2", "10.0.0.2", station);  // says it is us
  EXPECT_TRUE(b.ip.neighbours(b.now).empty());
}

TEST_F(ResolutionTest, a_gateway_of_another_network_is_heard_when_asked) {
  done(b.ip.add_route(prefix("203.0.113.0/24"), address("169.254.1.1"), b.id));
  hear_arp(ArpOperation::kRequest, "169.254.1.1", "10.0.0.2", station);
  EXPECT_TRUE(b.ip.neighbours(b.now).empty());
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "203.0.113.9"), {}, b.now),
            SendResult::kNeighbourPending);
  hear_arp(ArpOperation::kReply, "169.254.1.1", "10.0.0.2", station);
  EXPECT_EQ(b.sent().at(0).ip.destination, address("203.0.113.9"));
}

TEST_F(ResolutionTest, malformed_arp_is_counted) {
  b.receive(ethernet(b.device.mac(), station, wire::EtherType::kArp, octets(27)));
  EXPECT_EQ(b.count(Counter::EstabArpMalformed), 1u);
}

TEST_F(ResolutionTest, ndp_asks_the_group_then_sends_what_waited) {
  b.ip.send(segment("fd00::2", "fd00::1:7"), {}, b.now);
  const std::vector<Sent> asked = b.sent();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].to, mac("33:33:ff:01:00:07"));
  EXPECT_EQ(asked[0].ip.destination, address("ff02::1:ff01:7"));
  EXPECT_EQ(asked[0].ip.source, address("fd00::2"));
  EXPECT_EQ(asked[0].ip.ttl, 255);
  EXPECT_EQ(ndp_of(asked[0]).link_address, b.device.mac());
  hear_ndp(advertisement("fd00::1:7"), "fd00::1:7", "fd00::2");
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, station);
  EXPECT_EQ(b.ip.neighbours(b.now)[0].state, NeighbourState::kReachable);
}

TEST_F(ResolutionTest, solicitations_for_us_are_answered) {
  hear_ndp(solicitation("fd00::2"), "fd00::7", "ff02::1:ff00:2");
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to, station);
  EXPECT_EQ(sent[0].ip.destination, address("fd00::7"));
  EXPECT_EQ(sent[0].ip.source, address("fd00::2"));
  const wire::NdpMessage answer = ndp_of(sent[0]);
  EXPECT_TRUE(answer.advertisement && answer.solicited && answer.override_);
  EXPECT_EQ(answer.link_address, b.device.mac());
  EXPECT_EQ(b.ip.send(segment("fd00::2", "fd00::7"), {}, b.now), SendResult::kSent);
}

TEST_F(ResolutionTest, the_link_local_address_is_there_from_the_start) {
  hear_ndp(solicitation("fe80::ff:fe00:2"), "fe80::7", "ff02::1:ff00:2");
  EXPECT_EQ(b.sent().at(0).ip.source, address("fe80::ff:fe00:2"));
}

TEST_F(ResolutionTest, duplicate_address_detection_hears_that_it_is_taken) {
  wire::NdpMessage trial = solicitation("fd00::2");
  trial.link_address.reset();
  hear_ndp(trial, "::", "ff02::1:ff00:2");
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].ip.destination, address("ff02::1"));
  EXPECT_EQ(sent[0].to, mac("33:33:00:00:00:01"));
  EXPECT_FALSE(ndp_of(sent[0]).solicited);
}

TEST_F(ResolutionTest, forwarded_or_forged_discovery_is_refused) {
  hear_ndp(solicitation("fd00::2"), "fd00::7", "ff02::1:ff00:2", 254);
  EXPECT_EQ(b.count(Counter::EstabNdpMalformed), 1u);
  hear_ndp(solicitation("fd00::9"), "fd00::7", "ff02::1");
  hear_ndp(advertisement("fd00::2"), "fd00::7", "fd00::2");  // claims our address
  EXPECT_EQ(b.count(Counter::EstabNdpIgnored), 2u);
  hear_ndp(advertisement("2001:db8::1"), "fd00::7", "fd00::2");
  hear_ndp(advertisement("fd00::7"), "fd00::7", "fd00::2");  // nobody asked
  EXPECT_TRUE(b.sent_frames().empty());
  EXPECT_TRUE(b.ip.neighbours(b.now).empty());
}

TEST_F(ResolutionTest, discovery_in_fragments_is_ignored) {
  std::uint8_t bytes[wire::kMaxNdp];
  const wire::NdpMessage asked = solicitation("fd00::2");
  const std::size_t size = wire::build_ndp(asked, address("fd00::7"), address("fd00::2"), bytes);
  wire::IpPacket header = ip_header("fd00::7", "fd00::2", wire::Protocol::kIcmpv6);
  header.ttl = 255;
  header.more_fragments = true;
  b.receive_from(station, ip_packet(header, {bytes, bytes + 16}));
  header.more_fragments = false;
  header.fragment_offset = 16;
  b.receive_from(station, ip_packet(header, {bytes + 16, bytes + size}));
  EXPECT_EQ(b.count(Counter::IpReasmOKs), 1u);
  EXPECT_EQ(b.count(Counter::EstabNdpIgnored), 1u);
  EXPECT_TRUE(b.sent_frames().empty());
}

TEST_F(ResolutionTest, progress_spares_the_probe_and_doubt_makes_one) {
  hear_arp(ArpOperation::kRequest, "10.0.0.7", "10.0.0.2", station);
  b.sent_frames();
  b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now);
  b.ip.confirm_reachable(address("10.0.0.7"), b.now);
  EXPECT_EQ(b.ip.deadline(), kNever);
  b.ip.doubt_reachable(address("10.0.0.7"));  // MUST-20
  b.ip.send(segment("10.0.0.2", "10.0.0.7"), {}, b.now);
  b.now += 5s;
  EXPECT_EQ(b.ip.deadline(), b.now);
  b.on_time();
  EXPECT_EQ(b.sent_arp().at(0).target, address("10.0.0.7"));
}

TEST_F(ResolutionTest, frames_for_others_and_unknown_types_are_dropped) {
  const Octets packet = tcp_packet("10.0.0.7", "10.0.0.2");
  EXPECT_TRUE(b.receive(ethernet(other, station, wire::EtherType::kIpv4, packet)).segments.empty());
  EXPECT_EQ(b.count(Counter::EstabLinkNotForUs), 1u);
  b.receive(ethernet(b.device.mac(), station, wire::EtherType{0x88cc}, packet));
  EXPECT_EQ(b.count(Counter::EstabLinkUnknownType), 1u);
  b.receive(octets(13));
  EXPECT_EQ(b.count(Counter::EstabLinkTruncated), 1u);
  EXPECT_EQ(b.receive_from(station, packet).segments.size(), 1u);
}

}  // namespace
}  // namespace estab::ip
