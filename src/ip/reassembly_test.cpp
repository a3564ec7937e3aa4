#include "ip/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using namespace testing;

struct ReassemblyTest : ::testing::Test {
  // The piece [begin, begin + n) of `whole`.
  Octets piece(std::size_t begin, std::size_t n, bool more, std::uint32_t id = 1) {
    wire::IpPacket h = ip_header(from, to, wire::Protocol::kUdp);
    h.fragment_offset = static_cast<std::uint16_t>(begin);
    h.more_fragments = more;
    h.identification = id;
    h.tos = tos;
    return ip_packet(h, {whole.begin() + begin, whole.begin() + begin + n});
  }
  Reassembler::Outcome add(const Octets& fragment) {
    return reassembler.add(wire::parse_ip(fragment).value(), fragment, false, now);
  }
  std::uint64_t count(Counter c) const { return counters[c]; }
  void expect_whole(const Reassembler::Outcome& outcome) {
    ASSERT_TRUE(outcome.whole);
    const wire::IpPacket packet = wire::parse_ip(outcome.whole->bytes()).value();
    EXPECT_FALSE(packet.is_fragment());
    EXPECT_EQ(packet.protocol, 17);
    EXPECT_EQ(copy(packet.payload), whole);
    EXPECT_EQ(reassembler.memory(), 0u);
    EXPECT_EQ(reassembler.deadline(), kNever);
  }

  std::string from = "10.0.0.7";
  std::string to = "10.0.0.2";
  std::uint8_t tos = 0;
  Octets whole = octets(100);
  Tuning tuning;
  Counters counters;
  Reassembler reassembler{tuning, counters};
  Instant now = Instant{} + 5s;
};

TEST_F(ReassemblyTest, any_order_makes_the_packet) {
  std::vector<std::size_t> order{0, 1, 2};
  do {
    Reassembler::Outcome last;
    for (const std::size_t i : order) {
      EXPECT_FALSE(last.whole);
      last = add(i == 2 ? piece(64, 36, false) : piece(i * 32, 32, true));
    }
    expect_whole(last);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(count(Counter::IpReasmOKs), 6u);
  EXPECT_EQ(count(Counter::IpReasmReqds), 18u);
  EXPECT_EQ(count(Counter::IpReasmFails), 0u);
}

TEST_F(ReassemblyTest, works_in_v6) {
  from = "fd00::7";
  to = "fd00::2";
  add(piece(64, 36, false));
  expect_whole(add(piece(0, 64, true)));
}

TEST_F(ReassemblyTest, packets_do_not_mix) {
  add(piece(0, 64, true, 1));
  add(piece(0, 64, true, 2));
  from = "10.0.0.8";
  EXPECT_FALSE(add(piece(64, 36, false, 1)).whole);
  from = "10.0.0.7";
  EXPECT_TRUE(add(piece(64, 36, false, 2)).whole);
  EXPECT_TRUE(add(piece(64, 36, false, 1)).whole);
}

TEST_F(ReassemblyTest, an_exact_duplicate_is_tolerated) {
  add(piece(0, 64, true));
  add(piece(0, 64, true));
  expect_whole(add(piece(64, 36, false)));
}

TEST_F(ReassemblyTest, overlap_drops_the_whole_and_what_follows) {
  // Teardrop's shape among them: a piece inside another.
  const std::vector<std::pair<std::size_t, std::size_t>> overlaps{
      {0, 40}, {8, 16}, {24, 16}, {32, 64}, {56, 40}};
  std::uint32_t id = 0;
  for (const auto& [begin, n] : overlaps) {
    ++id;
    add(piece(0, 64, true, id));
    add(piece(begin, n, true, id));
    add(piece(0, 64, true, id));
    EXPECT_FALSE(add(piece(64, 36, false, id)).whole) << begin << "+" << n;
  }
  EXPECT_EQ(count(Counter::EstabReasmOverlap), overlaps.size());
  EXPECT_EQ(count(Counter::IpReasmFails), overlaps.size());
  // Only the marks are left, and they go with their time.
  EXPECT_EQ(reassembler.memory(), overlaps.size() * Reassembler::kAssemblyCost);
  now += 30s;
  std::vector<ExpiredReassembly> expired;
  reassembler.on_time(now, expired);
  EXPECT_TRUE(expired.empty());
  EXPECT_EQ(reassembler.memory(), 0u);
}

TEST_F(ReassemblyTest, the_same_place_with_other_bytes_is_overlap) {
  add(piece(0, 64, true));
  whole[3] ^= 1;
  add(piece(0, 64, true));
  EXPECT_EQ(count(Counter::EstabReasmOverlap), 1u);
}

TEST_F(ReassemblyTest, two_ends_or_bytes_past_the_end_spoil_it) {
  add(piece(64, 36, false, 1));
  add(piece(64, 16, false, 1));
  add(piece(64, 16, false, 2));
  add(piece(80, 16, true, 2));
  add(piece(80, 16, true, 3));
  add(piece(0, 36, false, 3));
  EXPECT_EQ(count(Counter::EstabReasmOverlap), 3u);
}

TEST_F(ReassemblyTest, ping_of_death_is_refused) {
  whole = octets(65528 + 1480);
  add(piece(65528, 1480, false));
  EXPECT_EQ(count(Counter::EstabReasmTooLarge), 1u);
  EXPECT_EQ(reassembler.memory(), 0u);
  from = "fd00::7";
  to = "fd00::2";
  const Reassembler::Outcome outcome = add(piece(65528, 1480, false));
  EXPECT_EQ(outcome.problem_at, 42u);  // RFC 8200 4.5: the fragment offset field
}

TEST_F(ReassemblyTest, the_largest_packet_fits) {
  whole = octets(65515);
  std::size_t at = 0;
  for (; at + 1480 < whole.size(); at += 1480) add(piece(at, 1480, true));
  expect_whole(add(piece(at, whole.size() - at, false)));
}

TEST_F(ReassemblyTest, odd_and_empty_pieces_are_refused) {
  add(piece(0, 63, true));
  add(piece(0, 0, true));
  EXPECT_EQ(count(Counter::EstabIpBadTotalLength), 2u);
  EXPECT_EQ(reassembler.memory(), 0u);
}

TEST_F(ReassemblyTest, too_many_pieces_spoil_it) {
  whole = octets(8 * 300);
  for (std::size_t i = 0; i <= Reassembler::kMaxPieces; ++i) add(piece(i * 8, 8, true));
  EXPECT_EQ(count(Counter::EstabReasmTooLarge), 1u);
  EXPECT_EQ(reassembler.memory(), Reassembler::kAssemblyCost);
}

TEST_F(ReassemblyTest, time_ends_it_and_says_so_when_the_beginning_was_seen) {
  add(piece(0, 64, true, 1));
  add(piece(64, 36, false, 2));
  ASSERT_EQ(reassembler.deadline(), now + 30s);
  now += 30s;
  std::vector<ExpiredReassembly> expired;
  reassembler.on_time(now, expired);
  ASSERT_EQ(expired.size(), 1u);
  const Bytes first(expired[0].first_fragment.data(), expired[0].first_fragment.capacity());
  EXPECT_EQ(wire::parse_quoted_ip(first)->source, address(from));
  EXPECT_EQ(count(Counter::IpReasmTimeout), 2u);
  EXPECT_EQ(count(Counter::IpReasmFails), 2u);
  EXPECT_EQ(reassembler.memory(), 0u);
}

TEST_F(ReassemblyTest, a_source_over_its_count_loses_its_own_oldest) {
  tuning.ipfrag_max_per_source = 4;
  for (std::uint32_t id = 1; id <= 4; ++id) add(piece(0, 64, true, id));
  from = "10.0.0.8";
  add(piece(0, 64, true, 1));
  from = "10.0.0.7";
  add(piece(0, 64, true, 5));
  EXPECT_EQ(count(Counter::EstabReasmMemory), 1u);
  EXPECT_FALSE(add(piece(64, 36, false, 1)).whole);  // gone, and started anew
  EXPECT_TRUE(add(piece(64, 36, false, 5)).whole);
  from = "10.0.0.8";
  EXPECT_TRUE(add(piece(64, 36, false, 1)).whole);
}

TEST_F(ReassemblyTest, a_v6_network_is_one_source) {
  tuning.ipfrag_max_per_source = 4;
  to = "fd00::2";
  for (int i = 1; i <= 8; ++i) {
    from = "2001:db8::" + std::to_string(i);
    add(piece(0, 64, true));
  }
  EXPECT_EQ(count(Counter::EstabReasmMemory), 4u);
}

TEST_F(ReassemblyTest, memory_stays_within_its_bound_whatever_comes) {
  tuning.ipfrag_high_thresh = 65536;
  whole = octets(1480);
  Random random{7};
  for (int i = 0; i < 5000; ++i) {
    from = IpAddress::v4(0x0b000000 + static_cast<std::uint32_t>(random.below(40))).to_string();
    add(piece(random.below(180) * 8, 8 * (1 + random.below(4)), random.chance(0.9),
              static_cast<std::uint32_t>(random.below(50))));
    ASSERT_LE(reassembler.memory(), 65536u);
  }
  EXPECT_GT(count(Counter::EstabReasmMemory), 0u);
  now += 30s;
  std::vector<ExpiredReassembly> expired;
  reassembler.on_time(now, expired);
  EXPECT_EQ(reassembler.memory(), 0u);
}

TEST_F(ReassemblyTest, one_source_cannot_take_anothers_memory) {
  from = "10.0.0.8";
  add(piece(0, 64, true, 1));
  from = "10.0.0.7";
  whole = octets(60000);
  for (std::uint32_t id = 1; id <= 60; ++id) {
    for (std::size_t at = 0; at < 55000; at += 1480) add(piece(at, 1480, true, id));
  }
  EXPECT_LE(reassembler.memory(), 4194304u / 4 + 2000);
  whole = octets(100);
  from = "10.0.0.8";
  EXPECT_TRUE(add(piece(64, 36, false, 1)).whole);
}

TEST_F(ReassemblyTest, congestion_marks_survive) {
  tos = 1;
  add(piece(0, 64, true, 1));
  tos = 3;
  const Reassembler::Outcome marked = add(piece(64, 36, false, 1));
  EXPECT_EQ(wire::parse_ip(marked.whole->bytes())->tos & 3, 3);
  // RFC 3168 5.3: a mark on what cannot carry one is damage.
  tos = 0;
  add(piece(0, 64, true, 2));
  tos = 3;
  EXPECT_FALSE(add(piece(64, 36, false, 2)).whole);
  EXPECT_EQ(reassembler.memory(), 0u);
}

}  // namespace
}  // namespace estab::ip
