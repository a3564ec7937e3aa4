#include "wire/ethernet.h"

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

TEST(Ethernet, parses_and_builds_what_linux_sends) {
  const auto frame = bytes_of("020000000002 020000000001 86dd 60");
  const auto header = parse_ethernet(frame);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->destination, (MacAddress{{2, 0, 0, 0, 0, 2}}));
  EXPECT_EQ(header->source, (MacAddress{{2, 0, 0, 0, 0, 1}}));
  EXPECT_EQ(header->type, static_cast<std::uint16_t>(EtherType::kIpv6));
  std::vector<std::uint8_t> built(EthernetHeader::kSize);
  build_ethernet(*header, built.data());
  EXPECT_TRUE(std::ranges::equal(built, Bytes(frame).first(EthernetHeader::kSize)));
}

TEST(Ethernet, shorter_than_a_header_is_truncated) {
  const std::vector<std::uint8_t> frame(13);
  EXPECT_EQ(parse_ethernet(frame).error(), Counter::EstabLinkTruncated);
  EXPECT_EQ(parse_ethernet({}).error(), Counter::EstabLinkTruncated);
}

}  // namespace
}  // namespace estab::wire
