#include "dev/segmentation.h"

#include <gtest/gtest.h>

#include "dev/kernel_peer_test_support.h"
#include "wire/tcp.h"

namespace estab::dev {
namespace {

constexpr std::size_t kEthernet = wire::EthernetHeader::kSize;

// A large segment's frame. Data byte i is i modulo 251.
std::vector<std::uint8_t> large_frame(bool v6, std::size_t data, wire::Flags flags) {
  wire::Segment segment;
  segment.tuple =
      v6 ? FourTuple{{*IpAddress::parse("fd00::1"), Port{1}},
                     {*IpAddress::parse("fd00::2"), Port{2}}}
         : FourTuple{{IpAddress::v4(10, 0, 0, 1), Port{1}}, {IpAddress::v4(10, 0, 0, 2), Port{2}}};
  segment.seq = WireSeq{0xffffff00};  // wraps on the way
  segment.flags = flags;
  segment.options.timestamps = wire::Timestamps{1, 2};
  std::vector<std::uint8_t> bytes(data);
  for (std::size_t i = 0; i < data; ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
  segment.payload = Slices(Slice::copy_of(bytes));
  std::uint8_t tcp[wire::kMaxTcpHeader];
  const std::size_t tcp_size = wire::build_tcp(segment, tcp);
  wire::IpPacket ip;
  ip.source = segment.tuple.local.address;
  ip.destination = segment.tuple.remote.address;
  ip.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  ip.identification = v6 ? 0 : 0xffff;
  OutgoingFrame frame;
  frame.payload().push_back(Slice::copy_of(bytes));
  std::memcpy(frame.prepend(tcp_size), tcp, tcp_size);
  const wire::EthernetHeader ethernet{
      {}, {}, static_cast<std::uint16_t>(v6 ? wire::EtherType::kIpv6 : wire::EtherType::kIpv4)};
  testing::prepend_ip(frame, ip, &ethernet);
  const Slice whole = frame.flatten();
  return {whole.bytes().begin(), whole.bytes().end()};
}

class SegmentTcp : public ::testing::TestWithParam<bool> {};

TEST_P(SegmentTcp, pieces_are_what_the_sender_would_have_sent) {
  const bool v6 = GetParam();
  const auto frame =
      large_frame(v6, 5000, wire::kAck | wire::kPsh | wire::kFin | wire::kCwr | wire::kEce);
  std::vector<Slice> pieces;
  ASSERT_TRUE(segment_tcp(frame, 1448, pieces));
  ASSERT_EQ(pieces.size(), 4u);
  std::size_t offset = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto ip = wire::parse_ip(pieces[i].bytes().subspan(kEthernet));
    ASSERT_TRUE(ip);
    EXPECT_EQ(ip->total_length + kEthernet, pieces[i].length);
    EXPECT_EQ(ip->identification, v6 ? 0 : (0xffff + i) & 0xffff);
    const auto segment = wire::parse_tcp(*ip, pieces[i].buffer, false);  // verifies the checksum
    ASSERT_TRUE(segment);
    EXPECT_EQ(segment->seq.value, static_cast<std::uint32_t>(0xffffff00 + offset));
    EXPECT_EQ(segment->payload.size(), i < 3 ? 1448u : 5000u - 3 * 1448u);
    EXPECT_EQ(segment->has(wire::kFin), i == 3);
    EXPECT_EQ(segment->has(wire::kPsh), i == 3);
    EXPECT_EQ(segment->has(wire::kCwr), i == 0);
    EXPECT_TRUE(segment->has(wire::kEce));
    EXPECT_EQ(segment->options.timestamps, (wire::Timestamps{1, 2}));
    EXPECT_EQ(segment->payload[0].bytes()[0], offset % 251);
    offset += segment->payload.size();
  }
  EXPECT_EQ(offset, 5000u);
}

TEST_P(SegmentTcp, what_fits_stays_one_piece) {
  const auto frame = large_frame(GetParam(), 100, wire::kAck);
  std::vector<Slice> pieces;
  ASSERT_TRUE(segment_tcp(frame, 1448, pieces));
  ASSERT_EQ(pieces.size(), 1u);
  const Bytes piece = pieces[0].bytes();
  EXPECT_TRUE(std::equal(frame.begin(), frame.end(), piece.begin(), piece.end()));
}

TEST_P(SegmentTcp, any_prefix_and_any_changed_byte_are_safe) {
  const auto frame = large_frame(GetParam(), 100, wire::kAck);
  std::vector<Slice> pieces;
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(segment_tcp(Bytes(frame).first(size), 1448, pieces)) << size;
  }
  EXPECT_FALSE(segment_tcp(frame, 0, pieces));
  EXPECT_TRUE(pieces.empty());
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto changed = frame;
      changed[at] = static_cast<std::uint8_t>(value);
      segment_tcp(changed, 50, pieces);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, SegmentTcp, ::testing::Bool(),
                         [](const auto& version) { return version.param ? "IPv6" : "IPv4"; });

TEST(CompleteChecksum, what_lies_outside_the_frame_is_refused) {
  std::array<std::uint8_t, 10> frame{};
  EXPECT_TRUE(complete_checksum(frame, 4, 4));
  EXPECT_FALSE(complete_checksum(frame, 4, 5));
  EXPECT_FALSE(complete_checksum(frame, 65535, 65535));
}

}  // namespace
}  // namespace estab::dev
