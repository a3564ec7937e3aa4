#include "wire/tcp.h"

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

// What Linux sent between two of its network namespaces. (IPv6's flow label is zero here.)
const auto kSynBytes = bytes_of(
    "4500003c 87ab4000 40069efc 0a090001 0a090002 8c7e1f90 66519a16 00000000 a002faf0 651f0000"
    "020405b4 0402080a b5d2718f 00000000 0103030a");
const auto kSynNoTimestamps = bytes_of(
    "45000034 56734000 4006d03c 0a090001 0a090002 896e0051 5db34d34 00000000 8002faf0 2b620000"
    "020405b4 01010402 0103030a");
const auto kUrgent = bytes_of(
    "45000035 87ae4000 40069f00 0a090001 0a090002 8c7e1f90 66519a1a 58496b2b 8038003f 0bcf0001"
    "0101080a b5d2718f 50374de8 21");
const auto kSynAck6 = bytes_of(
    "60000000 00280640 fd000000000000000000000000000002 fd000000000000000000000000000001"
    "1f90e700 92976eae b21977d6 a012fb04 329e0000 020405a0 0402080a e3aa9ee6 0bf2600f 0103030a");

Segment plain(Flags flags = kAck) {
  Segment s;
  s.tuple = {.local = {kA4, Port{1000}}, .remote = {kB4, Port{80}}};
  s.seq = WireSeq{1};
  s.ack = WireSeq{2};
  s.flags = flags;
  return s;
}

// An IP packet that carries these TCP bytes, whatever they are.
std::vector<std::uint8_t> carried(const std::vector<std::uint8_t>& tcp) {
  IpPacket p;
  p.source = kA4;
  p.destination = kB4;
  p.protocol = 6;
  return packet_of(p, tcp);
}

TEST(Tcp, parses_what_linux_sends) {
  const auto s = segment_of(kSynBytes);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->tuple.remote, (Endpoint{kA4, Port{0x8c7e}}));
  EXPECT_EQ(s->tuple.local, (Endpoint{kB4, Port{8080}}));
  EXPECT_EQ(s->seq.value, 0x66519a16u);
  EXPECT_EQ(s->flags, kSyn);
  EXPECT_EQ(s->window, 64240);
  EXPECT_EQ(s->options.mss, 1460);
  EXPECT_TRUE(s->options.sack_permitted);
  EXPECT_EQ(s->options.window_scale, 10);
  EXPECT_TRUE(s->dont_fragment);
  EXPECT_TRUE(s->payload.empty());
  EXPECT_EQ(s->length(), 1u);
}

// proves: MUST-2, MUST-3
TEST(Tcp, MUST_2_builds_linuxs_segments_byte_for_byte) {
  for (const auto& packet : {kSynBytes, kSynNoTimestamps, kUrgent, kSynAck6}) {
    const auto ip = parse_ip(packet);
    ASSERT_TRUE(ip);
    auto s = segment_of(packet);
    ASSERT_TRUE(s);
    s->tuple = s->tuple.reversed();  // as its sender sees it
    EXPECT_TRUE(std::ranges::equal(segment_bytes(*s), ip->payload));
    EXPECT_EQ(packet_of(*ip, segment_bytes(*s)), packet);
  }
}

// proves: MUST-3
TEST(Tcp, MUST_3_a_wrong_checksum_is_dropped) {
  for (const auto& original : {kSynBytes, kSynAck6}) {
    const std::size_t header = original[0] >> 4 == 4 ? 20 : 40;
    for (std::size_t at = header; at < original.size(); ++at) {
      auto packet = original;
      packet[at] ^= 0x20;
      EXPECT_FALSE(segment_of(packet)) << at;
    }
    auto packet = original;
    packet[header + 16] ^= 1;
    EXPECT_EQ(segment_of(packet).error(), Counter::TcpInCsumErrors);
    EXPECT_TRUE(segment_of(packet, true));  // unless the device has vouched for it
  }
}

// The pseudo-header: a segment that strayed to another address is not taken.
// proves: MUST-3
TEST(Tcp, MUST_3_the_addresses_are_summed) {
  auto ip = parse_ip(kSynBytes);
  ASSERT_TRUE(ip);
  ip->destination = kA4;
  EXPECT_EQ(parse_tcp(*ip, {}, false).error(), Counter::TcpInCsumErrors);
}

TEST(Tcp, each_way_to_be_malformed_has_its_name) {
  const auto whole = segment_bytes(plain());
  EXPECT_EQ(segment_of(carried({whole.begin(), whole.begin() + 19}), true).error(),
            Counter::EstabTcpTruncated);
  EXPECT_EQ(segment_of(carried({})).error(), Counter::EstabTcpTruncated);
  auto bytes = whole;
  bytes[12] = 0x40;
  EXPECT_EQ(segment_of(carried(bytes), true).error(), Counter::EstabTcpBadOffset);
  bytes[12] = 0x60;
  EXPECT_EQ(segment_of(carried(bytes), true).error(), Counter::EstabTcpTruncated);
  bytes = whole;
  bytes.resize(24);
  bytes[12] = 0x60;
  bytes[20] = 8;  // timestamps of length 0
  EXPECT_EQ(segment_of(carried(bytes), true).error(), Counter::EstabTcpBadOption);
}

TEST(Tcp, port_0_is_no_port) {
  Segment s = plain();
  s.tuple.local.port = Port{0};
  EXPECT_EQ(segment_of(carried(segment_bytes(s))).error(), Counter::EstabTcpBadPort);
  s = plain();
  s.tuple.remote.port = Port{0};
  EXPECT_EQ(segment_of(carried(segment_bytes(s))).error(), Counter::EstabTcpBadPort);
}

// proves: MUST-65, RFC2018-2-1
TEST(Tcp, MUST_65_what_belongs_to_a_syn_is_written_nowhere_else) {
  Segment s = plain(kAck);
  s.options.mss = 1460;
  s.options.window_scale = 7;
  s.options.sack_permitted = true;
  s.options.timestamps = Timestamps{1, 2};
  const auto bytes = segment_bytes(s);
  EXPECT_EQ(bytes.size(), tcp_header_size(s));
  EXPECT_TRUE(
      std::ranges::equal(Bytes(bytes).subspan(20), bytes_of("0101 080a 00000001 00000002")));
  s.flags = kSyn;
  EXPECT_EQ(segment_bytes(s).size(), 20u + 20u);
  EXPECT_EQ(tcp_header_size(s), 40u);
}

TEST(Tcp, all_fields_and_flags_come_through_and_reserved_bits_are_zero) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    Segment s = plain(static_cast<Flags>(flags));
    s.window = 0xfffe;
    s.urgent = 0x1234;
    s.seq = WireSeq{0xfffffffe};
    s.ack = WireSeq{0x80000001};
    auto bytes = segment_bytes(s);
    EXPECT_EQ(bytes[12], 0x50);
    const auto again = segment_of(carried(bytes));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->flags, flags);
    EXPECT_EQ(again->window, 0xfffe);
    EXPECT_EQ(again->urgent, 0x1234);
    EXPECT_EQ(again->seq, s.seq);
    EXPECT_EQ(again->ack, s.ack);
    bytes[12] |= 0x0f;  // RFC 9293 3.1: reserved bits of others are ignored
    EXPECT_EQ(segment_of(carried(bytes), true)->flags, flags);
  }
}

TEST(Tcp, payload_is_shared_with_the_holder) {
  Segment s = plain();
  s.payload.append(Slice::copy_of(bytes_of("01 02 03")));  // odd pieces
  s.payload.append(Slice::copy_of(bytes_of("04")));
  s.payload.append(Slice::copy_of(bytes_of("05 06 07 08 09")));
  const auto packet = carried(segment_bytes(s));
  const Buffer holder = Buffer::copy_of(packet);
  const auto ip = parse_ip({holder.data(), packet.size()});
  ASSERT_TRUE(ip);
  const auto got = parse_tcp(*ip, holder, false);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->payload.pieces(), 1u);
  EXPECT_EQ(got->payload[0].bytes().data(), holder.data() + 40);
  EXPECT_TRUE(std::ranges::equal(got->payload[0].bytes(), bytes_of("010203040506070809")));
  // Bytes that lie elsewhere are copied, not pointed at.
  const auto copied = parse_tcp(*ip, Buffer::allocate(16), false);
  ASSERT_TRUE(copied);
  EXPECT_NE(copied->payload[0].bytes().data(), holder.data() + 40);
  EXPECT_TRUE(std::ranges::equal(copied->payload[0].bytes(), bytes_of("010203040506070809")));
}

TEST(Tcp, one_that_stands_for_several_is_cut_as_a_card_would) {
  Segment s = plain(kAck | kPsh | kFin | kCwr);
  s.segment_size = 4;
  s.payload.append(Slice::copy_of(bytes_of("01 02 03 04 05 06")));
  s.payload.append(Slice::copy_of(bytes_of("07 08 09")));
  ASSERT_EQ(s.count(), 3u);
  std::vector<std::uint8_t> all;
  for (std::size_t n = 0; n < 3; ++n) {
    const Segment one = one_of(s, n);
    EXPECT_EQ(one.count(), 1u);
    EXPECT_EQ(one.seq.value, s.seq.value + 4 * n);
    EXPECT_EQ(one.has(kFin), n == 2);
    EXPECT_EQ(one.has(kPsh), n == 2);
    EXPECT_EQ(one.has(kCwr), n == 0);
    const std::size_t before = all.size();
    all.resize(before + one.payload.size());
    one.payload.copy_to(all.data() + before);
  }
  EXPECT_EQ(all, bytes_of("010203040506070809"));
}

TEST(Tcp, joined_segments_come_apart_as_they_were) {
  Segment s = plain(kAck | kPsh | kFin | kCwr);
  s.options.timestamps = Timestamps{1, 2};
  s.segment_size = 4;
  s.payload.append(Slice::copy_of(bytes_of("01 02 03 04 05 06 07 08 09")));
  Segment joined = one_of(s, 0);
  ASSERT_TRUE(join(joined, one_of(s, 1)));
  ASSERT_TRUE(join(joined, one_of(s, 2)));
  EXPECT_EQ(joined.flags, s.flags);
  EXPECT_EQ(joined.segment_size, 4);
  ASSERT_EQ(joined.payload.size(), 9u);
  std::vector<std::uint8_t> bytes(9);
  joined.payload.copy_to(bytes.data());
  EXPECT_EQ(bytes, bytes_of("010203040506070809"));
  EXPECT_FALSE(join(joined, one_of(s, 2)));  // the last was the last
}

TEST(Tcp, only_what_comes_apart_again_is_joined) {
  Segment first = plain();
  first.payload.append(Slice::copy_of(bytes_of("01 02 03 04")));
  Segment next = first;
  next.seq.value += 4;
  const auto joins = [&](const Segment& a, const Segment& b) {
    Segment copy = a;
    return join(copy, b);
  };
  EXPECT_TRUE(joins(first, next));
  EXPECT_FALSE(joins(next, first));
  const auto refuses = [&](auto&& change) {
    Segment other = next;
    change(other);
    return !joins(first, other);
  };
  EXPECT_TRUE(refuses([](Segment& s) { s.seq.value += 1; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.ack.value += 1; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.window += 1; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.tos = 1; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.flags |= kUrg; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.flags |= kRst; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.flags |= kCwr; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.flags |= kEce; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.options.timestamps = Timestamps{1, 1}; }));
  EXPECT_TRUE(refuses([](Segment& s) { s.payload.clear(); }));
  EXPECT_TRUE(refuses([](Segment& s) { s.payload.append(Slice::copy_of(bytes_of("05"))); }));
  Segment pushed = first;
  pushed.flags |= kPsh;
  EXPECT_FALSE(joins(pushed, next));
  Segment empty = plain();
  EXPECT_FALSE(joins(empty, first));
  Segment large = plain();
  large.payload.append(Slice::copy_of(std::vector<std::uint8_t>(40000)));
  Segment second = large;
  second.seq.value += 40000;
  EXPECT_FALSE(joins(large, second));
}

TEST(Tcp, a_left_checksum_is_the_pseudo_headers_sum) {
  Segment s = plain();
  s.payload.append(Slice::copy_of(bytes_of("01 02 03")));
  auto bytes = segment_bytes(s);
  const auto whole = bytes;
  EXPECT_EQ(build_tcp_without_checksum(s, bytes.data()), kTcpHeader);
  // What the card does: sums all of it, the field included, and complements.
  store16(bytes.data() + 16, checksum_fold(checksum_add(0, bytes)));
  EXPECT_EQ(bytes, whole);
}

TEST(Tcp, a_segment_of_64_kilobytes) {
  Segment s = plain();
  s.tuple = {.local = {kA6, Port{1}}, .remote = {kB6, Port{65535}}};
  s.payload.append(Slice::copy_of(std::vector<std::uint8_t>(65535 - 20, 0xa5)));
  IpPacket p;
  p.source = kA6;
  p.destination = kB6;
  p.protocol = 6;
  const auto again = segment_of(packet_of(p, segment_bytes(s)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->payload.size(), 65515u);
}

}  // namespace
}  // namespace estab::wire
