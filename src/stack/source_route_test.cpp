// Source routes of connections: RFC 9293 3.9.2.1.
#include "wire/source_route.h"

#include "stack/test_net.h"

namespace estab::stack {
namespace {

using ::testing::ElementsAre;
using wire::kAck;
using wire::kSyn;

using Options = std::vector<std::uint8_t>;

// A loose source route by way of 10.0.0.`hop`: as an application names it, and as it reads when the
// packet has come to its end.
Options by_way_of(std::uint8_t hop) { return {131, 7, 4, 10, 0, 0, hop, 0}; }
Options completed(std::uint8_t hop) { return {131, 7, 8, 10, 0, 0, hop, 0}; }

void give_routed(Bench& b, const wire::Segment& s, const Options& options) {
  wire::IpPacket packet;
  packet.source = s.tuple.local.address;
  packet.destination = s.tuple.remote.address;
  packet.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  packet.options = options;
  const std::size_t tcp = wire::tcp_header_size(s);
  Options bytes(200 + s.payload.size());
  const std::size_t head = wire::build_ip(packet, tcp + s.payload.size(), bytes.data());
  wire::build_tcp(s, bytes.data() + head);
  s.payload.copy_to(bytes.data() + head + tcp);
  bytes.resize(head + tcp + s.payload.size());
  b.device.in.push_back(Slice::copy_of(bytes));
  b.run();
}

// Where each packet that was sent goes first, and where it ends; forgets them.
std::vector<std::pair<IpAddress, IpAddress>> ways(Bench& b) {
  std::vector<std::pair<IpAddress, IpAddress>> all;
  for (const Slice& frame : b.device.out) {
    const auto packet = wire::parse_ip(frame.bytes());
    const auto route = wire::parse_source_route(packet->options);
    all.emplace_back(packet->destination, route ? route->hops[route->count - 1] : IpAddress{});
  }
  b.device.out.clear();
  return all;
}

TEST(SourceRoutes, MUST_51_and_MUST_52_the_applications_route_stays) {
  Bench b;
  tcp::Settings settings;
  settings.ip_options = by_way_of(7);
  const auto id = b->connect(std::nullopt, {ip4(9), {80}}, settings, b.now);
  ASSERT_TRUE(id);
  b.run();
  ASSERT_EQ(b.device.out.size(), 1u);
  const auto packet = wire::parse_ip(b.device.out[0].bytes());
  Peer p{b, {{ip4(9), {80}}, b->connection(*id)->tuple().local}};
  for (std::size_t i = 0; i < 4; ++i) p.ack = p.ack << 8 | packet->payload[4 + i];
  ++p.ack;
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(7), ip4(9))));
  give_routed(b, p.make(kSyn | kAck), completed(8));  // the datagram came another way
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(7), ip4(9))));
  ++p.seq;
  give_routed(b, p.make(kAck, 10), completed(8));
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(7), ip4(9))));
}

TEST(SourceRoutes, SHLD_24_a_later_route_overrides_and_a_forged_one_does_not) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, {ip4(1), {80}}, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  ASSERT_TRUE(b->accept(l, b.now));
  Peer forger = p;
  forger.seq += 10000000;
  give_routed(b, forger.make(kAck, 10), completed(66));  // out of the window
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(9), IpAddress{})));
  give_routed(b, p.make(kAck, 10), completed(7));
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(7), ip4(9))));
  p.seq += 10;
  give_routed(b, p.make(kAck, 10), completed(8));
  EXPECT_THAT(ways(b), ElementsAre(std::pair(ip4(8), ip4(9))));
}

}  // namespace
}  // namespace estab::stack
