#include "ip/icmp.h"

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <cerrno>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using namespace testing;
using Kind = IcmpErrorKind;

struct Case {
  bool v6;
  std::uint8_t type, code;
  std::optional<IcmpMeaning> meaning;
};

wire::IcmpMessage message(bool v6, std::uint8_t type, std::uint8_t code) {
  wire::IcmpMessage m;
  m.v6 = v6;
  m.type = type;
  m.code = code;
  return m;
}

// proves: MUST-55, MUST-56, SHLD-25, SHLD-26
TEST(Icmp, each_error_means_what_the_standards_and_linux_say) {
  const Kind soft = Kind::kSoftUnreachable;
  const Kind hard = Kind::kHardUnreachable;
  const std::vector<Case> cases{
      {false, 3, 0, IcmpMeaning{soft, ENETUNREACH}},
      {false, 3, 1, IcmpMeaning{soft, EHOSTUNREACH}},
      {false, 3, 2, IcmpMeaning{hard, ENOPROTOOPT}},
      {false, 3, 3, IcmpMeaning{hard, ECONNREFUSED}},
      {false, 3, 4, IcmpMeaning{Kind::kTooBig, EMSGSIZE}},
      {false, 3, 5, IcmpMeaning{soft, EOPNOTSUPP}},
      {false, 3, 6, IcmpMeaning{hard, ENETUNREACH}},
      {false, 3, 7, IcmpMeaning{hard, EHOSTDOWN}},
      {false, 3, 8, IcmpMeaning{hard, ENONET}},
      {false, 3, 9, IcmpMeaning{hard, ENETUNREACH}},
      {false, 3, 10, IcmpMeaning{hard, EHOSTUNREACH}},
      {false, 3, 11, IcmpMeaning{soft, ENETUNREACH}},
      {false, 3, 12, IcmpMeaning{soft, EHOSTUNREACH}},
      {false, 3, 13, IcmpMeaning{hard, EHOSTUNREACH}},
      {false, 3, 16, std::nullopt},
      {false, 4, 0, std::nullopt},  // source quench
      {false, 5, 1, std::nullopt},
      {false, 8, 0, std::nullopt},
      {false, 11, 0, IcmpMeaning{Kind::kTimeExceeded, EHOSTUNREACH}},
      {false, 12, 0, IcmpMeaning{Kind::kParameterProblem, EPROTO}},
      {true, 1, 0, IcmpMeaning{soft, ENETUNREACH}},
      {true, 1, 1, IcmpMeaning{hard, EACCES}},
      {true, 1, 2, IcmpMeaning{soft, EHOSTUNREACH}},
      {true, 1, 3, IcmpMeaning{soft, EHOSTUNREACH}},
      {true, 1, 4, IcmpMeaning{hard, ECONNREFUSED}},
      {true, 1, 5, IcmpMeaning{hard, EACCES}},
      {true, 1, 6, IcmpMeaning{hard, EACCES}},
      {true, 1, 9, std::nullopt},
      {true, 2, 0, IcmpMeaning{Kind::kTooBig, EMSGSIZE}},
      {true, 3, 0, IcmpMeaning{Kind::kTimeExceeded, EHOSTUNREACH}},
      {true, 4, 1, IcmpMeaning{Kind::kParameterProblem, EPROTO}},
      {true, 128, 0, std::nullopt},
  };
  for (const Case& c : cases) {
    const auto got = icmp_meaning(message(c.v6, c.type, c.code));
    const std::string what = fmt::format("v6 {} type {} code {}", c.v6, c.type, c.code);
    ASSERT_EQ(got.has_value(), c.meaning.has_value()) << what;
    if (!got) continue;
    EXPECT_EQ(got->kind, c.meaning->kind) << what;
    EXPECT_EQ(got->error, c.meaning->error) << what;
  }
}

struct IcmpErrors : ::testing::Test {
  // A segment of ours as it left, cut to IP header and 8 bytes.
  Octets quotation(std::string_view from = "10.0.0.2", std::string_view to = "192.0.2.1",
                   std::size_t payload = 1000) {
    Octets packet = tcp_packet(from, to, payload);
    packet.resize((packet[0] >> 4 == 4 ? 20 : 40) + 8);
    return packet;
  }
  Bench b;
};

// proves: MUST-54
TEST_F(IcmpErrors, name_the_connection_that_caused_them) {
  const Received& got = b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0, quotation()));
  ASSERT_EQ(got.errors.size(), 1u);
  const IcmpError& e = got.errors[0];
  EXPECT_EQ(e.tuple, segment("10.0.0.2", "192.0.2.1").tuple);
  EXPECT_EQ(e.seq, WireSeq{0x01020304});
  EXPECT_EQ(e.kind, Kind::kSoftUnreachable);
  EXPECT_EQ(e.error, EHOSTUNREACH);
  EXPECT_EQ(e.reporter, address("203.0.113.1"));
  EXPECT_EQ(b.count(Counter::IcmpInMsgs), 1u);
  EXPECT_EQ(b.count(Counter::IcmpInDestUnreachs), 1u);
}

TEST_F(IcmpErrors, name_it_in_v6_too) {
  const Octets quoted = quotation("fd00::2", "2001:db8::1");
  const Received& got = b.receive(icmp_packet("2001:db8::ff", "fd00::2", 1, 4, 0, quoted));
  ASSERT_EQ(got.errors.size(), 1u);
  EXPECT_EQ(got.errors[0].tuple, segment("fd00::2", "2001:db8::1").tuple);
  EXPECT_EQ(got.errors[0].error, ECONNREFUSED);
  EXPECT_TRUE(got.errors[0].v6);
}

// proves: RFC8201-3-1
TEST_F(IcmpErrors, too_big_tells_the_mtu) {
  const Octets quoted = quotation();
  EXPECT_EQ(b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 4, 1400, quoted)).errors.at(0).mtu,
            1400u);
  // A router of before RFC 1191 tells none: the plateau below the 1040 bytes that were quoted.
  EXPECT_EQ(b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 4, 0, quoted)).errors.at(0).mtu,
            1006u);
  const Octets six = quotation("fd00::2", "2001:db8::1");
  EXPECT_EQ(b.receive(icmp_packet("2001:db8::ff", "fd00::2", 2, 0, 1300, six)).errors.at(0).mtu,
            1300u);
  EXPECT_EQ(b.count(Counter::IcmpInPktTooBig), 3u);
}

// proves: RFC8201-5.2-1
TEST_F(IcmpErrors, a_path_mtu_changes_only_when_confirmed) {
  const IpAddress far = address("192.0.2.1");
  b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 4, 1400, quotation()));
  EXPECT_EQ(b.ip.mtu_for(far, b.now), 1500u);
  EXPECT_EQ(b.ip.confirm_path_mtu(far, 1400, b.now), 1400u);
  EXPECT_EQ(b.ip.mtu_for(far, b.now), 1400u);
  EXPECT_EQ(b.ip.mtu_for(address("192.0.2.2"), b.now), 1500u);
  EXPECT_FALSE(b.ip.confirm_path_mtu(far, 1450, b.now));
  ASSERT_EQ(b.ip.path_mtus(b.now).size(), 1u);
  b.now += 600s;
  EXPECT_EQ(b.ip.mtu_for(far, b.now), 1500u);
}

// proves: MUST-55
TEST_F(IcmpErrors, source_quench_is_counted_and_discarded) {
  const Received& got = b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 4, 0, 0, quotation()));
  EXPECT_TRUE(got.errors.empty());
  EXPECT_EQ(b.count(Counter::IcmpInSrcQuenchs), 1u);
  EXPECT_TRUE(b.sent().empty());
}

TEST_F(IcmpErrors, that_quote_nothing_of_ours_are_dropped) {
  EXPECT_TRUE(b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0,
                                    quotation("10.0.0.99", "192.0.2.1")))
                  .errors.empty());
  wire::IpPacket udp = ip_header("10.0.0.2", "192.0.2.1", wire::Protocol::kUdp);
  b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 3, 0, ip_packet(udp, octets(8))));
  wire::IpPacket later = ip_header("10.0.0.2", "192.0.2.1", wire::Protocol::kTcp);
  later.fragment_offset = 8;
  b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0, ip_packet(later, octets(8))));
  b.receive(icmp_packet("2001:db8::ff", "fd00::2", 1, 0, 0, quotation()));  // v4 quoted by v6
  EXPECT_TRUE(b.out.errors.empty());
  EXPECT_EQ(b.count(Counter::EstabIcmpNoConnection), 4u);
}

TEST_F(IcmpErrors, too_short_ones_are_malformed) {
  Octets quoted = quotation();
  quoted.resize(27);
  b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0, quoted));
  b.receive(icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0, {}));
  EXPECT_TRUE(b.out.errors.empty());
  EXPECT_EQ(b.count(Counter::IcmpInErrors), 2u);
}

TEST_F(IcmpErrors, with_a_wrong_checksum_are_dropped) {
  Octets packet = icmp_packet("203.0.113.1", "10.0.0.2", 3, 1, 0, quotation());
  packet.back() ^= 1;
  EXPECT_TRUE(b.receive(packet).errors.empty());
  EXPECT_EQ(b.count(Counter::IcmpInCsumErrors), 1u);
}

TEST_F(IcmpErrors, to_a_group_are_dropped) {
  b.receive(icmp_packet("203.0.113.1", "10.0.0.255", 3, 1, 0, quotation()));
  EXPECT_TRUE(b.out.errors.empty());
  EXPECT_EQ(b.count(Counter::IcmpInErrors), 1u);
}

}  // namespace
}  // namespace estab::ip
