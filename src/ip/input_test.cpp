#include "ip/input.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"
#include "wire/bytes.h"

namespace estab::ip {
namespace {

using namespace testing;

TEST(Input, a_segment_is_handed_up_whole) {
  Bench b;
  for (const auto& [from, to] :
       {std::pair{"192.0.2.1", "10.0.0.2"}, std::pair{"2001:db8::1", "fd00::2"}}) {
    const Received& got = b.receive(tcp_packet(from, to, 100));
    ASSERT_EQ(got.segments.size(), 1u);
    const ReceivedSegment& s = got.segments[0];
    EXPECT_EQ(s.interface, b.id);
    EXPECT_FALSE(s.checksum_vouched);
    EXPECT_TRUE(s.source_route.empty());
    const auto parsed = wire::parse_tcp(s.packet, s.holder, s.checksum_vouched);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->tuple.local.address, address(to));
    EXPECT_EQ(parsed->payload.size(), 100u);
  }
  EXPECT_EQ(b.count(Counter::IpInReceives), 2u);
  EXPECT_EQ(b.count(Counter::IpInDelivers), 2u);
}

TEST(Input, a_segment_in_fragments_is_handed_up_once) {
  Bench b;
  const Octets tcp = tcp_bytes(segment("192.0.2.1", "10.0.0.2", 100));
  wire::IpPacket h = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol::kTcp);
  h.more_fragments = true;
  EXPECT_TRUE(b.receive(ip_packet(h, {tcp.begin(), tcp.begin() + 64})).segments.empty());
  h.more_fragments = false;
  h.fragment_offset = 64;
  const Received& got = b.receive(ip_packet(h, {tcp.begin() + 64, tcp.end()}));
  ASSERT_EQ(got.segments.size(), 1u);
  EXPECT_TRUE(wire::parse_tcp(got.segments[0].packet, got.segments[0].holder, false));
  EXPECT_EQ(b.count(Counter::IpInReceives), 2u);
  EXPECT_EQ(b.count(Counter::IpInDelivers), 1u);
}

TEST(Input, the_vouched_checksum_does_not_cover_fragments) {
  Bench b;
  ReceivedFrame frame{Slice::copy_of(tcp_packet("192.0.2.1", "10.0.0.2")), true};
  b.ip.receive(b.id, frame, b.now, b.out);
  EXPECT_TRUE(b.out.segments.at(0).checksum_vouched);
  b.out.clear();
  const Octets tcp = tcp_bytes(segment("192.0.2.1", "10.0.0.2", 100));
  wire::IpPacket h = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol::kTcp);
  h.more_fragments = true;
  const Octets first = ip_packet(h, {tcp.begin(), tcp.begin() + 64});
  b.ip.receive(b.id, {Slice::copy_of(first), true}, b.now, b.out);
  h.more_fragments = false;
  h.fragment_offset = 64;
  const Octets last = ip_packet(h, {tcp.begin() + 64, tcp.end()});
  b.ip.receive(b.id, {Slice::copy_of(last), true}, b.now, b.out);
  EXPECT_FALSE(b.out.segments.at(0).checksum_vouched);
}

// proves: MUST-63
TEST(Input, martian_sources_are_dropped) {
  for (const char* from : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                           "240.0.0.1", "10.0.0.255", "10.0.0.0", "10.0.0.2"}) {
    Bench b;
    EXPECT_TRUE(b.receive(tcp_packet(from, "10.0.0.2")).segments.empty()) << from;
    EXPECT_EQ(b.count(Counter::EstabIpMartianSource), 1u) << from;
    EXPECT_TRUE(b.sent().empty());
  }
  for (const char* from : {"::", "::1", "ff02::1", "fd00::2"}) {
    Bench b;
    EXPECT_TRUE(b.receive(tcp_packet(from, "fd00::2")).segments.empty()) << from;
    EXPECT_EQ(b.count(Counter::EstabIpMartianSource), 1u) << from;
    EXPECT_TRUE(b.sent().empty());
  }
}

TEST(Input, v4_mapped_addresses_on_a_v6_wire_are_martians) {
  for (const std::size_t field : {8, 24}) {
    Bench b;
    Octets packet = tcp_packet("2001:db8::1", "fd00::2");
    const auto mapped = address("10.0.0.2").bytes();
    std::copy(mapped.begin(), mapped.end(), packet.begin() + field);
    EXPECT_TRUE(b.receive(packet).segments.empty());
    EXPECT_EQ(
        b.count(field == 8 ? Counter::EstabIpMartianSource : Counter::EstabIpMartianDestination),
        1u);
  }
}

TEST(Input, martian_destinations_are_dropped) {
  for (const char* to : {"127.0.0.1", "0.0.0.0", "240.0.0.9"}) {
    Bench b;
    EXPECT_TRUE(b.receive(tcp_packet("192.0.2.1", to)).segments.empty());
    EXPECT_EQ(b.count(Counter::EstabIpMartianDestination), 1u) << to;
  }
  for (const char* to : {"::1", "::"}) {
    Bench b;
    EXPECT_TRUE(b.receive(tcp_packet("2001:db8::1", to)).segments.empty());
    EXPECT_EQ(b.count(Counter::EstabIpMartianDestination), 1u) << to;
  }
}

// proves: MUST-57
TEST(Input, segments_to_groups_are_dropped_in_silence) {
  Bench b;
  for (const char* to : {"255.255.255.255", "10.0.0.255", "10.0.0.0", "224.0.0.1", "239.1.2.3"}) {
    EXPECT_TRUE(b.receive(tcp_packet("192.0.2.1", to)).segments.empty()) << to;
  }
  EXPECT_TRUE(b.receive(tcp_packet("2001:db8::1", "ff02::1")).segments.empty());
  EXPECT_EQ(b.count(Counter::EstabTcpBroadcast), 6u);
  EXPECT_TRUE(b.sent().empty());
}

// proves: MUST-57
TEST(Input, a_segment_in_a_frame_to_all_is_dropped) {
  Bench b{LinkKind::kEthernet};
  const MacAddress station = mac("02:00:00:00:00:07");
  b.receive(ethernet(MacAddress::broadcast(), station, wire::EtherType::kIpv4,
                     tcp_packet("192.0.2.1", "10.0.0.2")));
  EXPECT_TRUE(b.out.segments.empty());
  EXPECT_EQ(b.count(Counter::EstabTcpBroadcast), 1u);
  b.receive(ethernet(MacAddress::broadcast(), station, wire::EtherType::kIpv4,
                     icmp_packet("192.0.2.1", "10.0.0.2", 8, 0, 1, {})));
  EXPECT_EQ(b.count(Counter::EstabIpMartianDestination), 1u);
  EXPECT_TRUE(b.sent().empty());
}

TEST(Input, packets_for_others_are_not_forwarded) {
  Bench b;
  EXPECT_TRUE(b.receive(tcp_packet("192.0.2.1", "10.0.0.3")).segments.empty());
  EXPECT_TRUE(b.receive(tcp_packet("2001:db8::1", "fd00::3")).segments.empty());
  EXPECT_EQ(b.count(Counter::IpInAddrErrors), 2u);
  EXPECT_TRUE(b.sent().empty());
}

TEST(Input, malformed_packets_are_dropped_under_their_reason) {
  Bench b;
  b.receive({});
  b.receive(octets(19, 0x45));
  b.receive({0x50, 0, 0, 0});
  Octets packet = tcp_packet("192.0.2.1", "10.0.0.2");
  packet[10] ^= 1;
  b.receive(packet);
  EXPECT_TRUE(b.out.segments.empty());
  EXPECT_EQ(b.count(Counter::EstabIpTruncated), 2u);
  EXPECT_EQ(b.count(Counter::EstabIpBadVersion), 1u);
  EXPECT_EQ(b.count(Counter::EstabIpBadChecksum), 1u);
}

TEST(Input, the_frames_padding_is_no_payload) {
  Bench b{LinkKind::kEthernet};
  Octets packet = tcp_packet("192.0.2.1", "10.0.0.2");
  packet.resize(46);
  const Received& got = b.receive_from(mac("02:00:00:00:00:07"), packet);
  ASSERT_EQ(got.segments.size(), 1u);
  EXPECT_EQ(got.segments[0].packet.payload.size(), 20u);
}

TEST(Input, an_unknown_interface_receives_nothing) {
  Bench b;
  b.ip.remove_interface(b.id);
  EXPECT_TRUE(b.receive(tcp_packet("192.0.2.1", "10.0.0.2")).segments.empty());
  EXPECT_TRUE(b.ip.pending(b.id).empty());
  EXPECT_TRUE(b.ip.interfaces().empty());
}

// Whatever bytes come, nothing breaks and nothing grows without bound.
TEST(Input, survives_noise) {
  Random random{11};
  for (const LinkKind link : {LinkKind::kIp, LinkKind::kEthernet}) {
    Bench b{link};
    const std::vector<Octets> seeds{
        tcp_packet("192.0.2.1", "10.0.0.2", 40), tcp_packet("2001:db8::1", "fd00::2", 40),
        icmp_packet("192.0.2.1", "10.0.0.2", 3, 4, 1400, tcp_packet("10.0.0.2", "192.0.2.1")),
        icmp_packet("fd00::9", "fd00::2", 135, 0, 0, octets(24)),
        icmp_packet("192.0.2.1", "10.0.0.2", 8, 0, 1, octets(64))};
    for (int i = 0; i < 20000; ++i) {
      Octets packet = seeds[random.below(seeds.size())];
      for (std::uint64_t n = random.below(4); n > 0; --n) {
        packet[random.below(packet.size())] = static_cast<std::uint8_t>(random.next());
      }
      // So that mutations of the header get past its checksum.
      if (packet[0] == 0x45) {
        packet[10] = packet[11] = 0;
        wire::store16(packet.data() + 10,
                      wire::checksum_fold(wire::checksum_add(0, Bytes(packet).first(20))));
      }
      packet.resize(random.below(packet.size()) + random.below(3) * packet.size() / 2 + 1);
      b.now += 1ms;
      link == LinkKind::kIp ? b.receive(packet) : b.receive_from(b.device.mac(), packet);
      if (b.ip.deadline() <= b.now) b.on_time();
      b.ip.pending(b.id).clear();
      ASSERT_LE(b.ip.reassembly_memory(), 4194304u);
    }
  }
}

}  // namespace
}  // namespace estab::ip
