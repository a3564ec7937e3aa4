#include "ip/ip_layer.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using namespace testing;

// proves: MUST-48, MUST-49, SHLD-22
TEST(IpLayerSend, tos_ttl_and_df_are_the_segments_own) {
  Bench b;
  wire::Segment s = segment("10.0.0.2", "192.0.2.1", 1000);
  s.tos = 0xb9;
  s.ttl = 17;
  EXPECT_EQ(b.ip.send(s, {}, b.now), SendResult::kSent);
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].ip.tos, 0xb9);
  EXPECT_EQ(sent[0].ip.ttl, 17);
  EXPECT_TRUE(sent[0].ip.dont_fragment);
  EXPECT_EQ(sent[0].ip.identification, 0u);
  const auto parsed = wire::parse_tcp(sent[0].ip, Buffer::copy_of(sent[0].bytes), false);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->seq, s.seq);
  EXPECT_EQ(parsed->payload.size(), 1000u);
}

TEST(IpLayerSend, payload_goes_by_reference) {
  Bench b;
  const wire::Segment s = segment("fd00::2", "2001:db8::1", 500);
  b.ip.send(s, {}, b.now);
  ASSERT_EQ(b.ip.pending(b.id).size(), 1u);
  EXPECT_EQ(b.ip.pending(b.id)[0].payload().at(0).buffer.data(), s.payload[0].buffer.data());
  EXPECT_EQ(b.sent().at(0).ip.destination, address("2001:db8::1"));
}

TEST(IpLayerSend, without_df_there_is_an_identification) {
  Bench b;
  wire::Segment s = segment("10.0.0.2", "192.0.2.1");
  s.dont_fragment = false;
  b.ip.send(s, {}, b.now);
  b.ip.send(s, {}, b.now);
  const std::vector<Sent> sent = b.sent();
  EXPECT_FALSE(sent.at(0).ip.dont_fragment);
  EXPECT_EQ(sent[1].ip.identification, (sent[0].ip.identification + 1) & 0xffff);
}

TEST(IpLayerSend, what_does_not_fit_is_not_sent) {
  Bench b;
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1", 1460), {}, b.now), SendResult::kSent);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1", 1461), {}, b.now), SendResult::kTooBig);
  b.ip.confirm_path_mtu(address("192.0.2.1"), 1400, b.now);
  b.ip.confirm_path_mtu(address("2001:db8::1"), 1300, b.now);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1", 1361), {}, b.now), SendResult::kTooBig);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1", 1360), {}, b.now), SendResult::kSent);
  EXPECT_EQ(b.ip.send(segment("fd00::2", "2001:db8::1", 1241), {}, b.now), SendResult::kTooBig);
  EXPECT_EQ(b.ip.send(segment("fd00::2", "2001:db8::1", 1240), {}, b.now), SendResult::kSent);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.2", 1460), {}, b.now), SendResult::kSent);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1", 65530), {}, b.now), SendResult::kTooBig);
}

TEST(IpLayerSend, routers_may_fragment_where_the_path_is_below_min_pmtu) {
  Bench b;
  EXPECT_EQ(b.ip.confirm_path_mtu(address("192.0.2.1"), 296, b.now), 552u);
  b.ip.send(segment("10.0.0.2", "192.0.2.1", 512), {}, b.now);
  EXPECT_FALSE(b.sent().at(0).ip.dont_fragment);
  b.ip.send(segment("10.0.0.2", "192.0.2.1", 512), {.df_stays = true}, b.now);  // IP_PMTUDISC_DO
  EXPECT_TRUE(b.sent().at(0).ip.dont_fragment);
}

TEST(IpLayerSend, link_local_peers_are_behind_the_interface_they_came_by) {
  Bench b{LinkKind::kEthernet};
  RecordingDevice second{LinkKind::kIp};
  const InterfaceId tun = b.ip.add_interface(second);
  done(b.ip.add_address(tun, prefix("fe80::9/64")));
  const wire::Segment s = segment("fe80::9", "fe80::7");
  EXPECT_EQ(b.ip.send(s, {.interface = tun}, b.now), SendResult::kSent);
  EXPECT_EQ(b.ip.pending(tun).size(), 1u);
  EXPECT_EQ(b.ip.send(s, {.interface = b.id}, b.now), SendResult::kNeighbourPending);
}

TEST(IpLayerSend, without_a_route_nothing_leaves) {
  Bench b;
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "10.0.0.255"), {}, b.now), SendResult::kNoRoute);
  EXPECT_EQ(b.ip.send(segment("127.0.0.1", "192.0.2.1"), {}, b.now), SendResult::kNoRoute);
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "fd00::7"), {}, b.now), SendResult::kNoRoute);
  done(b.ip.remove_route(prefix("0.0.0.0/0"), b.id));
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "192.0.2.1"), {}, b.now), SendResult::kNoRoute);
  EXPECT_EQ(b.ip.mtu_for(address("192.0.2.1"), b.now), 0u);
  EXPECT_FALSE(b.ip.has_route(address("192.0.2.1")));
  EXPECT_TRUE(b.sent().empty());
}

TEST(IpLayerSend, a_device_that_takes_nothing_fills_its_queue) {
  Bench b;
  const wire::Segment s = segment("10.0.0.2", "192.0.2.1");
  SendResult result = SendResult::kSent;
  std::size_t sent = 0;
  for (; result == SendResult::kSent && sent < 100000; ++sent) result = b.ip.send(s, {}, b.now);
  EXPECT_EQ(result, SendResult::kQueueFull);
  EXPECT_EQ(b.ip.interfaces().at(0).pending, sent - 1);
  EXPECT_EQ(b.count(Counter::EstabLinkSendDropped), 1u);
}

wire::Segment three_in_one(const char* from, const char* to) {
  wire::Segment s = segment(from, to, 3000);
  s.flags = wire::kAck | wire::kPsh;
  s.segment_size = 1400;
  return s;
}

TEST(IpLayerSend, what_stands_for_several_is_cut_where_the_device_does_not) {
  for (const char* to : {"192.0.2.1", "fd00::9"}) {
    Bench b;
    const std::string from = b.ip.source_for(address(to))->to_string();
    EXPECT_EQ(b.ip.send(three_in_one(from.c_str(), to), {}, b.now), SendResult::kSent);
    const auto sent = b.sent();
    ASSERT_EQ(sent.size(), 3u);
    std::uint32_t seq = 0x01020304;
    for (const Sent& packet : sent) {
      const auto one = wire::parse_tcp(packet.ip, Buffer{}, false);
      ASSERT_TRUE(one);
      EXPECT_EQ(one->seq.value, seq);
      EXPECT_EQ(one->has(wire::kPsh), &packet == &sent.back());
      seq += one->length();
    }
    EXPECT_EQ(seq, 0x01020304 + 3000u);
  }
}

// The last one may be small enough to fit where the others did not: that is told all the same.
TEST(IpLayerSend, of_several_one_that_is_too_big_is_told) {
  Bench b;
  wire::Segment s = segment("10.0.0.2", "192.0.2.1", 1600);
  s.segment_size = 1480;
  EXPECT_EQ(b.ip.send(s, {}, b.now), SendResult::kTooBig);
}

TEST(IpLayerSend, what_stands_for_several_goes_to_a_device_that_cuts_as_one) {
  for (const char* to : {"192.0.2.1", "fd00::9"}) {
    Bench b(LinkKind::kIp, 1500, {.checksum = true, .segments = 65535});
    const std::string from = b.ip.source_for(address(to))->to_string();
    EXPECT_EQ(b.ip.send(three_in_one(from.c_str(), to), {}, b.now), SendResult::kSent);
    ASSERT_EQ(b.ip.pending(b.id).size(), 1u);
    const OutgoingFrame& frame = b.ip.pending(b.id)[0];
    EXPECT_TRUE(frame.checksum_left());
    EXPECT_EQ(frame.segment_size, 1400);
    EXPECT_EQ(frame.count(), 3u);
    EXPECT_EQ(frame.size(), frame.tcp_offset() + 20 + 3000);
    wire::Segment wide = three_in_one(from.c_str(), to);
    wide.segment_size = 1480;
    EXPECT_EQ(b.ip.send(wide, {}, b.now), SendResult::kTooBig);
  }
}

TEST(IpLayerLoopback, own_addresses_are_reached_inside) {
  Bench b;
  for (const char* own : {"127.0.0.1", "127.4.5.6", "10.0.0.2", "::1", "fd00::2"}) {
    const IpAddress from = b.ip.source_for(address(own)).value();
    EXPECT_EQ(b.ip.mtu_for(address(own), b.now), 65535u);
    EXPECT_EQ(b.ip.send(segment(from.to_string(), own, 60000), {}, b.now), SendResult::kSent);
    EXPECT_TRUE(b.ip.loopback_pending());
    EXPECT_TRUE(b.sent().empty());
    b.out.clear();
    b.ip.receive_loopback(b.now, b.out);
    ASSERT_EQ(b.out.segments.size(), 1u) << own;
    const ReceivedSegment& s = b.out.segments[0];
    EXPECT_TRUE(s.checksum_vouched);
    EXPECT_EQ(s.interface, InterfaceId::kLoopback);
    EXPECT_EQ(wire::parse_tcp(s.packet, s.holder, true)->payload.size(), 60000u);
    EXPECT_FALSE(b.ip.loopback_pending());
  }
}

TEST(IpLayer, tools_see_the_configuration) {
  Bench b{LinkKind::kEthernet};
  EXPECT_EQ(b.ip.interfaces().at(0).name, "rec0");
  EXPECT_EQ(b.ip.interfaces().at(0).mtu, 1500u);
  ASSERT_EQ(b.ip.addresses().size(), 3u);
  EXPECT_EQ(b.ip.addresses()[0].prefix, prefix("fe80::ff:fe00:2/64"));
  EXPECT_EQ(b.ip.addresses()[1].prefix, prefix("10.0.0.2/24"));
  EXPECT_EQ(b.ip.routes().size(), 5u);
  EXPECT_EQ(b.ip.add_address(InterfaceId{9}, prefix("10.3.0.1/24")).error().value(), ENODEV);
  EXPECT_EQ(b.ip.add_route(prefix("10.3.0.0/24"), {}, InterfaceId{9}).error().value(), ENODEV);
  b.device.set_mtu(9000);
  EXPECT_EQ(b.ip.mtu_for(address("192.0.2.1"), b.now), 9000u);
}

TEST(IpLayer, names_are_those_of_other_tools) {
  EXPECT_EQ(neighbour_state_name(NeighbourState::kIncomplete), "INCOMPLETE");
  EXPECT_EQ(neighbour_state_name(NeighbourState::kProbe), "PROBE");
  EXPECT_EQ(icmp_error_kind_name(IcmpErrorKind::kTooBig), "too big");
}

}  // namespace
}  // namespace estab::ip
