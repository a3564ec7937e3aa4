#include "ip/icmp_answers.h"

#include <gtest/gtest.h>

#include "ip/icmp.h"
#include "ip/test_bench.h"
#include "wire/icmp.h"

namespace estab::ip {
namespace {

using namespace testing;

struct Answers : ::testing::Test {
  Octets udp(std::string_view from, std::string_view to, std::size_t n = 16) {
    return ip_packet(ip_header(from, to, wire::Protocol::kUdp), octets(n));
  }
  Octets ping(std::string_view from, std::string_view to, std::size_t n = 56) {
    const bool v6 = address(to).is_v6();
    return icmp_packet(from, to, v6 ? 128 : 8, 0, 0x00120034, octets(n));
  }
  Bench b;
};

TEST_F(Answers, pings_of_both_versions) {
  for (const auto& [from, to] :
       {std::pair{"192.0.2.1", "10.0.0.2"}, std::pair{"2001:db8::1", "fd00::2"}}) {
    b.receive(ping(from, to));
    const std::vector<Sent> sent = b.sent();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].ip.source, address(to));
    EXPECT_EQ(sent[0].ip.destination, address(from));
    const wire::IcmpMessage reply = sent[0].icmp();
    EXPECT_EQ(reply.type, address(to).is_v6() ? 129 : 0);
    EXPECT_EQ(reply.rest, 0x00120034u);
    EXPECT_EQ(copy(reply.body), octets(56));
  }
  EXPECT_EQ(b.count(Counter::IcmpInEchos), 2u);
  EXPECT_EQ(b.count(Counter::IcmpOutEchoReps), 2u);
}

TEST_F(Answers, a_ping_larger_than_the_mtu_gets_fragments) {
  for (const auto& [from, to] :
       {std::pair{"192.0.2.1", "10.0.0.2"}, std::pair{"2001:db8::1", "fd00::2"}}) {
    const Octets whole = ping(from, to, 4000);
    const wire::IpPacket packet = wire::parse_ip(whole).value();
    for (std::size_t at = 0; at < packet.payload.size(); at += 1400) {
      wire::IpPacket h = packet;
      h.identification = 77;
      h.fragment_offset = static_cast<std::uint16_t>(at);
      h.more_fragments = at + 1400u < packet.payload.size();
      h.options = {};
      const std::size_t n = std::min<std::size_t>(1400, packet.payload.size() - at);
      b.receive(ip_packet(h, copy(packet.payload.subspan(at, n))));
    }
    std::vector<Sent> sent = b.sent();
    ASSERT_EQ(sent.size(), 3u);
    Octets joined;
    for (const Sent& s : sent) {
      EXPECT_LE(s.bytes.size(), 1500u);
      EXPECT_EQ(s.ip.fragment_offset, joined.size());
      EXPECT_EQ(s.ip.identification, sent[0].ip.identification);
      EXPECT_EQ(s.ip.more_fragments, &s != &sent.back());
      joined.insert(joined.end(), s.ip.payload.begin(), s.ip.payload.end());
    }
    wire::IpPacket reply = sent[0].ip;
    reply.payload = Bytes(joined);
    EXPECT_EQ(copy(wire::parse_icmp(reply)->body), octets(4000));
  }
}

TEST_F(Answers, no_pings_when_told_so) {
  b.tuning.icmp_echo_ignore_all = 1;
  b.receive(ping("192.0.2.1", "10.0.0.2"));
  EXPECT_TRUE(b.sent().empty());
}

TEST_F(Answers, pings_to_all_are_silent_in_v4_and_answered_in_v6) {
  b.receive(ping("192.0.2.1", "10.0.0.255"));
  b.receive(ping("192.0.2.1", "255.255.255.255"));
  b.receive(ping("192.0.2.1", "224.0.0.1"));
  EXPECT_TRUE(b.sent().empty());
  EXPECT_EQ(b.count(Counter::EstabIcmpNotAnswered), 3u);
  b.receive(ping("fd00::9", "ff02::1"));
  EXPECT_EQ(b.sent().at(0).ip.source, address("fd00::2"));
  b.receive(ping("fd00::9", "ff02::2"));  // a group that we are not in
  EXPECT_TRUE(b.sent().empty());
}

TEST_F(Answers, udp_and_unknown_protocols) {
  const Octets question = udp("192.0.2.1", "10.0.0.2");
  b.receive(question);
  wire::IpPacket sctp = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol{132});
  b.receive(ip_packet(sctp, octets(16)));
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].icmp().type, 3);
  EXPECT_EQ(sent[0].icmp().code, 3);
  EXPECT_EQ(copy(sent[0].icmp().body), question);
  EXPECT_EQ(sent[1].icmp().code, 2);
  EXPECT_EQ(b.count(Counter::IpInUnknownProtos), 2u);
  EXPECT_EQ(b.count(Counter::IcmpOutDestUnreachs), 2u);
}

TEST_F(Answers, udp_and_unknown_protocols_in_v6) {
  b.receive(udp("2001:db8::1", "fd00::2"));
  b.receive(ip_packet(ip_header("2001:db8::1", "fd00::2", wire::Protocol{132}), octets(16)));
  b.receive(ip_packet(ip_header("2001:db8::1", "fd00::2", wire::Protocol{59}), octets(16)));
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].icmp().type, 1);
  EXPECT_EQ(sent[0].icmp().code, 4);
  EXPECT_EQ(sent[1].icmp().type, 4);
  EXPECT_EQ(sent[1].icmp().code, 1);
  EXPECT_EQ(sent[1].icmp().rest, 6u);
}

TEST_F(Answers, quote_no_more_than_allowed) {
  b.receive(udp("192.0.2.1", "10.0.0.2", 1400));
  b.receive(udp("2001:db8::1", "fd00::2", 1400));
  const std::vector<Sent> sent = b.sent();
  EXPECT_EQ(sent.at(0).bytes.size(), 576u);
  EXPECT_EQ(sent.at(1).bytes.size(), 1280u);
}

TEST_F(Answers, errors_are_not_sent_where_rfc_1122_forbids) {
  b.receive(udp("192.0.2.1", "10.0.0.255"));
  b.receive(udp("192.0.2.1", "224.0.0.1"));
  b.receive(udp("2001:db8::1", "ff02::1"));
  EXPECT_TRUE(b.sent().empty());
  EXPECT_EQ(b.count(Counter::EstabIcmpNotAnswered), 3u);
  RouteTable routes;
  wire::IpPacket later = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol::kUdp);
  EXPECT_TRUE(may_answer(later, false, false, routes));
  EXPECT_FALSE(may_answer(later, true, false, routes));  // in a frame to all
  later.fragment_offset = 8;
  EXPECT_FALSE(may_answer(later, false, false, routes));
  for (const std::uint8_t type : std::vector<std::uint8_t>{3, 4, 5, 11, 12, 40}) {
    wire::IpPacket error = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol::kIcmpv4);
    error.payload = Bytes(&type, 1);
    EXPECT_FALSE(may_answer(error, false, false, routes)) << int{type};
  }
  for (const std::uint8_t type : std::vector<std::uint8_t>{1, 2, 3, 4, 100, 137}) {
    wire::IpPacket error = ip_header("2001:db8::1", "fd00::2", wire::Protocol::kIcmpv6);
    error.payload = Bytes(&type, 1);
    EXPECT_FALSE(may_answer(error, false, false, routes)) << int{type};
  }
}

TEST_F(Answers, errors_are_limited_for_a_prefix_and_for_the_stack) {
  for (int i = 0; i < 300; ++i) b.receive(udp("192.0.2.1", "10.0.0.2"));
  const std::size_t of_one = b.sent().size();
  EXPECT_GE(of_one, 25u);  // 50 a second, jittered
  EXPECT_LE(of_one, 75u);
  EXPECT_EQ(b.count(Counter::IcmpOutRateLimitHost), 300 - of_one);
  b.receive(udp("198.51.100.1", "10.0.0.2"));  // others are not told of it
  EXPECT_EQ(b.sent().size(), 1u);
  for (std::uint32_t i = 0; i < 3000; ++i) {
    b.receive(udp(IpAddress::v4(0x0b000001 + (i << 8)).to_string(), "10.0.0.2"));
  }
  EXPECT_LE(b.sent().size(), 1500u);
  EXPECT_GT(b.count(Counter::IcmpOutRateLimitGlobal), 1000u);
}

TEST_F(Answers, pings_are_limited_for_the_stack) {
  for (int i = 0; i < 3000; ++i) b.receive(ping("192.0.2.1", "10.0.0.2"));
  const std::size_t answered = b.sent().size();  // drawn anew each second
  EXPECT_GE(answered, 500u);
  EXPECT_LE(answered, 1500u);
  EXPECT_EQ(b.count(Counter::IcmpOutRateLimitGlobal), 3000 - answered);
}

TEST_F(Answers, a_reassembly_that_times_out_is_reported_once_and_only_with_its_beginning) {
  wire::IpPacket h = ip_header("192.0.2.1", "10.0.0.2", wire::Protocol::kUdp);
  h.more_fragments = true;
  const Octets first = ip_packet(h, octets(64));
  b.receive(first);
  h.identification = 2;
  h.fragment_offset = 64;
  b.receive(ip_packet(h, octets(64)));
  b.now += 30s;
  ASSERT_EQ(b.ip.deadline(), b.now);
  b.on_time();
  const std::vector<Sent> sent = b.sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].icmp().type, 11);
  EXPECT_EQ(sent[0].icmp().code, 1);
  EXPECT_EQ(copy(sent[0].icmp().body), first);
  EXPECT_EQ(b.ip.reassembly_memory(), 0u);
}

TEST_F(Answers, a_v6_option_that_asks_for_it_gets_its_parameter_problem) {
  // Destination options with type 0x80: discard, and say so even to a group.
  Octets options{6, 0, 0x80, 4, 0, 0, 0, 0};
  for (const char* to : {"fd00::2", "ff02::1"}) {
    b.receive(ip_packet(ip_header("2001:db8::1", to, wire::Protocol{60}), options));
    const std::vector<Sent> sent = b.sent();
    ASSERT_EQ(sent.size(), 1u) << to;
    EXPECT_EQ(sent[0].icmp().type, 4);
    EXPECT_EQ(sent[0].icmp().code, 2);
    EXPECT_EQ(sent[0].icmp().rest, 42u);
    EXPECT_EQ(sent[0].ip.source, address("fd00::2"));
  }
  b.receive(ip_packet(ip_header("2001:db8::1", "fd00::99", wire::Protocol{60}), options));
  // RFC 4443 2.4 (e.1): not even that, behind the option, may be an error itself.
  options[0] = 58;
  options.insert(options.end(), {1, 4, 0, 0, 0, 0, 0, 0});
  b.receive(ip_packet(ip_header("2001:db8::1", "fd00::2", wire::Protocol{60}), options));
  EXPECT_TRUE(b.sent().empty());
}

}  // namespace
}  // namespace estab::ip
