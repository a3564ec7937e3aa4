#include "wire/arp.h"

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// Linux answers who has 10.9.0.2.
const auto kReply = bytes_of("0001 0800 06 04 0002 020000000002 0a090002 020000000001 0a090001");

TEST(Arp, parses_and_builds_what_linux_sends) {
  const auto arp = parse_arp(kReply);
  ASSERT_TRUE(arp);
  EXPECT_EQ(arp->operation, ArpOperation::kReply);
  EXPECT_EQ(arp->sender, kB4);
  EXPECT_EQ(arp->sender_mac, (MacAddress{{2, 0, 0, 0, 0, 2}}));
  EXPECT_EQ(arp->target, kA4);
  EXPECT_EQ(arp->target_mac, (MacAddress{{2, 0, 0, 0, 0, 1}}));
  std::vector<std::uint8_t> built(ArpPacket::kSize);
  build_arp(*arp, built.data());
  EXPECT_EQ(built, kReply);
}

TEST(Arp, padding_after_it_is_not_looked_at) {
  auto padded = kReply;
  padded.resize(46, 0xee);
  EXPECT_TRUE(parse_arp(padded));
}

TEST(Arp, wrong_in_any_of_its_fixed_fields_is_malformed) {
  for (const std::size_t at : {0, 1, 2, 3, 4, 5}) {
    auto wrong = kReply;
    wrong[at] ^= 0x10;
    EXPECT_EQ(parse_arp(wrong).error(), Counter::EstabArpMalformed) << at;
  }
  EXPECT_EQ(parse_arp(Bytes(kReply).first(27)).error(), Counter::EstabArpMalformed);
}

TEST(Arp, other_operations_are_ignored_and_group_senders_refused) {
  auto other = kReply;
  other[7] = 3;  // RARP's request
  EXPECT_EQ(parse_arp(other).error(), Counter::EstabArpIgnored);
  auto group = kReply;
  group[8] = 0xff;
  EXPECT_EQ(parse_arp(group).error(), Counter::EstabArpMalformed);
}

}  // namespace
}  // namespace estab::wire
