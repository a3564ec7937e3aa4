#include "ip/source_route.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using namespace testing;

Octets route_option(std::uint8_t type, std::uint8_t pointer, const std::vector<std::string>& hops) {
  Octets option{type, static_cast<std::uint8_t>(3 + 4 * hops.size()), pointer};
  for (const std::string& hop : hops) {
    const std::uint32_t v = address(hop).v4_value();
    for (int shift = 24; shift >= 0; shift -= 8) {
      option.push_back(static_cast<std::uint8_t>(v >> shift));
    }
  }
  return option;
}

// proves: MUST-53
TEST(SourceRoute, a_completed_route_is_handed_up_turned_round) {
  Bench b;
  const Octets recorded = route_option(131, 12, {"192.0.2.1", "192.0.2.2"});
  const Received& got = b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, recorded));
  ASSERT_EQ(got.segments.size(), 1u);
  EXPECT_EQ(got.segments[0].source_route, route_option(131, 4, {"192.0.2.2", "192.0.2.1"}));
}

// proves: MUST-51, MUST-52, MUST-53
TEST(SourceRoute, a_segment_travels_along_the_route_it_was_given) {
  Bench b;
  const Octets route = route_option(137, 4, {"192.0.2.2", "192.0.2.1"});
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "198.51.100.9", 10), {Bytes(route)}, b.now),
            SendResult::kSent);
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].ip.destination, address("192.0.2.2"));
  Octets options = copy(sent[0].ip.options);
  options.resize(11);  // without padding
  EXPECT_EQ(options, route_option(137, 4, {"192.0.2.1", "198.51.100.9"}));
  // The checksum is over the final destination (RFC 1122 4.1.3.3's rule for UDP).
  wire::IpPacket at_the_end = sent[0].ip;
  at_the_end.destination = address("198.51.100.9");
  EXPECT_TRUE(wire::parse_tcp(at_the_end, Buffer::copy_of(sent[0].bytes), false));
}

TEST(SourceRoute, what_came_back_goes_forth_again) {
  Bench b;
  const Octets recorded = route_option(131, 8, {"192.0.2.1"});
  const Octets back =
      b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, recorded)).segments.at(0).source_route;
  b.ip.send(segment("10.0.0.2", "198.51.100.9"), {Bytes(back)}, b.now);
  EXPECT_EQ(b.sent().at(0).ip.destination, address("192.0.2.1"));
}

TEST(SourceRoute, an_unfinished_route_is_not_forwarded) {
  Bench b;
  const Octets route = route_option(131, 4, {"192.0.2.1"});
  EXPECT_TRUE(b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, route)).segments.empty());
  EXPECT_EQ(b.count(Counter::EstabIpSourceRouted), 1u);
}

TEST(SourceRoute, can_be_refused) {
  Bench b;
  b.tuning.accept_source_route = 0;
  const Octets route = route_option(131, 8, {"192.0.2.1"});
  EXPECT_TRUE(b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, route)).segments.empty());
  EXPECT_EQ(b.count(Counter::EstabIpSourceRouted), 1u);
}

TEST(SourceRoute, a_route_through_a_group_is_none) {
  Bench b;
  const Octets recorded = route_option(131, 8, {"224.0.0.1"});
  EXPECT_TRUE(b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, recorded))
                  .segments.at(0)
                  .source_route.empty());
  const Octets route = route_option(131, 4, {"255.255.255.255"});
  EXPECT_EQ(b.ip.send(segment("10.0.0.2", "198.51.100.9"), {Bytes(route)}, b.now),
            SendResult::kBadOptions);
}

// proves: MUST-50
TEST(SourceRoute, other_options_are_ignored_on_the_way_in) {
  Bench b;
  const Octets unknown{148, 4, 0, 0};  // router alert
  EXPECT_EQ(b.receive(tcp_packet("198.51.100.9", "10.0.0.2", 0, unknown)).segments.size(), 1u);
}

TEST(SourceRoute, an_error_about_a_routed_segment_finds_its_connection) {
  Bench b;
  const Octets route = route_option(131, 4, {"192.0.2.2", "192.0.2.1"});
  b.ip.send(segment("10.0.0.2", "198.51.100.9"), {Bytes(route)}, b.now);
  const Octets quoted = b.sent().at(0).bytes;
  const Received& got = b.receive(icmp_packet("192.0.2.2", "10.0.0.2", 3, 5, 0, quoted));
  ASSERT_EQ(got.errors.size(), 1u);
  EXPECT_EQ(got.errors[0].tuple.remote.address, address("198.51.100.9"));
  EXPECT_EQ(got.errors[0].error, EOPNOTSUPP);
}

}  // namespace
}  // namespace estab::ip
