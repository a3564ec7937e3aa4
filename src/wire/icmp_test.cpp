#include "wire/icmp.h"

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// Linux: 10.9.0.2 says that its UDP port 99 is unreachable.
const auto kUnreachable = bytes_of(
    "45c0003b d6220000 40018fcb 0a090002 0a090001 0303112e 00000000"
    "4500001f d5eb4000 401150ce 0a090001 0a090002 942f0063 000b71cc 756470");
// Linux: an echo request from fd00::1 to fd00::2.
const auto kEcho6 = bytes_of(
    "600965d2 000e3a40 fd000000000000000000000000000001 fd000000000000000000000000000002"
    "800049b4 00070001 657374616221");

std::vector<std::uint8_t> built(const IcmpMessage& message, const IpAddress& from,
                                const IpAddress& to) {
  std::vector<std::uint8_t> bytes(kIcmpHeader + message.body.size());
  build_icmp(message, from, to, bytes.data());
  return bytes;
}

TEST(Icmp, parses_and_builds_what_linux_sends_over_ipv4) {
  const auto packet = parse_ip(kUnreachable);
  ASSERT_TRUE(packet);
  const auto message = parse_icmp(*packet);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->v6);
  EXPECT_EQ(message->type, static_cast<std::uint8_t>(Icmpv4Type::kDestinationUnreachable));
  EXPECT_EQ(message->code, static_cast<std::uint8_t>(Icmpv4Unreachable::kPort));
  const auto quoted = parse_quoted_ip(message->body);
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->destination, kB4);
  EXPECT_EQ(quoted->payload.size(), 11u);
  EXPECT_TRUE(std::ranges::equal(built(*message, kB4, kA4), packet->payload));
}

TEST(Icmp, parses_and_builds_what_linux_sends_over_ipv6) {
  const auto packet = parse_ip(kEcho6);
  ASSERT_TRUE(packet);
  const auto message = parse_icmp(*packet);
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->v6);
  EXPECT_EQ(message->type, static_cast<std::uint8_t>(Icmpv6Type::kEchoRequest));
  EXPECT_EQ(message->rest, 0x00070001u);
  EXPECT_TRUE(std::ranges::equal(message->body, bytes_of("657374616221")));
  EXPECT_TRUE(std::ranges::equal(built(*message, kA6, kB6), packet->payload));
}

TEST(Icmp, too_short_and_wrong_checksum) {
  for (const auto& original : {kUnreachable, kEcho6}) {
    auto bytes = original;
    bytes.back() ^= 1;
    auto packet = parse_ip(bytes);
    ASSERT_TRUE(packet);
    EXPECT_EQ(parse_icmp(*packet).error(), Counter::IcmpInCsumErrors);
    packet->payload = packet->payload.first(7);
    EXPECT_EQ(parse_icmp(*packet).error(), Counter::IcmpInErrors);
  }
}

// RFC 4443 2.3: a message that strayed to another address does not verify.
TEST(Icmp, version_6_sums_the_addresses) {
  auto packet = parse_ip(kEcho6);
  ASSERT_TRUE(packet);
  packet->destination = kA6;
  EXPECT_EQ(parse_icmp(*packet).error(), Counter::IcmpInCsumErrors);
}

}  // namespace
}  // namespace estab::wire
