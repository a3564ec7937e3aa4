#include "wire/source_route.h"

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

const IpAddress kG1 = IpAddress::v4(10, 0, 0, 1);
const IpAddress kG2 = IpAddress::v4(10, 0, 0, 2);
const IpAddress kG3 = IpAddress::v4(10, 0, 0, 3);

TEST(SourceRoute, completed_and_pending) {
  const auto done = parse_source_route(bytes_of("01 83 0b 0c 0a000001 0a000002 00"));
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->strict);
  EXPECT_TRUE(done->completed());
  EXPECT_EQ(done->count, 2);
  EXPECT_EQ(done->hops[0], kG1);
  EXPECT_EQ(done->last(), kG2);
  const auto pending = parse_source_route(bytes_of("89 0b 08 0a000001 0a000002 00"));
  ASSERT_TRUE(pending);
  EXPECT_TRUE(pending->strict);
  EXPECT_FALSE(pending->completed());
  EXPECT_EQ(pending->next, 1);
}

TEST(SourceRoute, none_in_other_options_nor_in_broken_ones) {
  EXPECT_FALSE(parse_source_route({}));
  EXPECT_FALSE(parse_source_route(bytes_of("07 07 04 00000000 00")));
  EXPECT_FALSE(parse_source_route(bytes_of("00 83 07 08 0a000001")));  // behind the list's end
  EXPECT_FALSE(parse_source_route(bytes_of("83 0b 04 0a000001")));
  EXPECT_FALSE(parse_source_route(bytes_of("83 06 04 0a0000")));
}

// RFC 1122 3.2.1.8 (c), case (A): the recorded route is G1, G2, G3; the answer goes to G3 first.
// proves: MUST-53
TEST(SourceRoute, MUST_53_the_way_back_is_the_recorded_route_reversed) {
  const auto route = parse_source_route(bytes_of("83 0f 10 0a000001 0a000002 0a000003 00"));
  ASSERT_TRUE(route);
  const SourceRoute back = return_route(*route, kA4);
  ASSERT_EQ(back.count, 4);
  EXPECT_EQ(back.hops[0], kG3);
  EXPECT_EQ(back.hops[1], kG2);
  EXPECT_EQ(back.hops[2], kG1);
  EXPECT_EQ(back.last(), kA4);
  std::vector<std::uint8_t> option(40);
  option.resize(build_source_route(back, option.data()));
  EXPECT_EQ(option, bytes_of("83 0f 04 0a000002 0a000001 0a090001"));
}

// Case (B): the source recorded itself; it must not stand there twice.
TEST(SourceRoute, MUST_53_a_source_in_its_own_route_is_named_once) {
  const auto route = parse_source_route(bytes_of("89 0f 10 0a090001 0a000001 0a000002 00"));
  ASSERT_TRUE(route);
  const SourceRoute back = return_route(*route, kA4);
  ASSERT_EQ(back.count, 3);
  EXPECT_TRUE(back.strict);
  EXPECT_EQ(back.hops[0], kG2);
  EXPECT_EQ(back.hops[1], kG1);
  EXPECT_EQ(back.hops[2], kA4);
}

TEST(SourceRoute, the_longest_route_fits_into_a_header) {
  std::vector<std::uint8_t> options = bytes_of("83 27 28");
  for (std::uint8_t i = 1; i <= 9; ++i) append(options, bytes_of("0a000001"));
  const auto route = parse_source_route(options);
  ASSERT_TRUE(route);
  EXPECT_TRUE(route->completed());
  const SourceRoute back = return_route(*route, kA4);
  EXPECT_EQ(back.count, SourceRoute::kMaxHops);
  std::vector<std::uint8_t> option(40);
  option.resize(build_source_route(back, option.data()));
  EXPECT_EQ(option.size(), 39u);
  IpPacket p;
  p.source = kB4;
  p.destination = back.hops[0];
  p.protocol = 6;
  p.options = option;
  EXPECT_TRUE(parse_ip(packet_of(p, {})));
}

TEST(SourceRoute, an_empty_one_leads_straight_home) {
  const auto route = parse_source_route(bytes_of("83 03 04 00"));
  ASSERT_TRUE(route);
  EXPECT_TRUE(route->completed());
  const SourceRoute back = return_route(*route, kA4);
  EXPECT_EQ(back.count, 1);
  EXPECT_EQ(back.hops[0], kA4);
  std::uint8_t none[1];
  EXPECT_EQ(build_source_route(back, none), 0u);
}

}  // namespace
}  // namespace estab::wire
