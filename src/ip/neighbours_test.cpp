#include "ip/neighbours.h"

#include <gtest/gtest.h>

#include "ip/test_bench.h"

namespace estab::ip {
namespace {

using testing::address;
using testing::mac;
using namespace std::chrono_literals;

struct NeighboursTest : ::testing::Test {
  WaitingFrame frame(std::uint8_t mark) {
    WaitingFrame w;
    *w.frame.prepend(1) = mark;
    w.segment = SegmentName{{}, WireSeq{mark}};
    return w;
  }
  NeighbourState state() { return table.list(now).at(0).state; }

  Tuning tuning;
  Counters counters;
  NeighbourTable table{tuning, counters, KeyedHash{SipKey{{3, 4}}}};
  NeighbourActions actions;
  Instant now = Instant{} + 5s;
  const LinkAddress peer{InterfaceId{1}, address("10.0.0.7")};
  const MacAddress station = mac("02:00:00:00:00:07");
  const MacAddress other = mac("02:00:00:00:00:08");
};

TEST_F(NeighboursTest, the_first_packet_asks_and_the_answer_lets_it_go) {
  EXPECT_FALSE(table.find(peer, now));
  table.wait(peer, frame(1), now, actions);
  table.wait(peer, frame(2), now, actions);
  ASSERT_EQ(actions.solicit.size(), 1u);
  EXPECT_FALSE(actions.solicit[0].to);
  EXPECT_EQ(state(), NeighbourState::kIncomplete);
  table.hear(peer, station, Heard::kAnswer, true, now, actions);
  ASSERT_EQ(actions.release.size(), 2u);
  EXPECT_EQ(actions.release[0].frame.head()[0], 1);
  EXPECT_EQ(actions.release[0].mac, station);
  EXPECT_EQ(state(), NeighbourState::kReachable);
  EXPECT_EQ(table.find(peer, now), station);
  EXPECT_EQ(table.deadline(), kNever);
}

TEST_F(NeighboursTest, three_questions_then_the_packets_are_lost_and_reported) {
  for (std::uint8_t i = 1; i <= 5; ++i) table.wait(peer, frame(i), now, actions);
  EXPECT_EQ(counters[Counter::EstabNeighbourQueueFull], 2u);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(table.deadline(), now + 1s);
    now += 1s;
    table.on_time(now, actions);
  }
  EXPECT_EQ(actions.solicit.size(), 3u);
  ASSERT_EQ(actions.unreachable.size(), 3u);  // the newest three
  EXPECT_EQ(actions.unreachable[0].segment.seq, WireSeq{3});
  EXPECT_EQ(counters[Counter::EstabNeighbourUnresolved], 3u);
  EXPECT_TRUE(table.list(now).empty());
  EXPECT_EQ(table.deadline(), kNever);
}

TEST_F(NeighboursTest, a_stale_one_is_used_then_probed_then_forgotten) {
  table.hear(peer, station, Heard::kQuestion, true, now, actions);
  EXPECT_EQ(state(), NeighbourState::kStale);
  EXPECT_EQ(table.find(peer, now), station);
  EXPECT_EQ(state(), NeighbourState::kDelay);
  now += 5s;
  for (int i = 0; i < 3; ++i) {
    table.on_time(now, actions);
    EXPECT_EQ(state(), NeighbourState::kProbe);
    EXPECT_EQ(table.find(peer, now), station);
    now += 1s;
  }
  ASSERT_EQ(actions.solicit.size(), 3u);
  EXPECT_EQ(actions.solicit[2].to, station);
  table.on_time(now, actions);
  EXPECT_FALSE(table.find(peer, now));
}

TEST_F(NeighboursTest, proof_of_life_ends_the_doubt) {
  table.hear(peer, station, Heard::kQuestion, true, now, actions);
  table.find(peer, now);
  table.confirm(peer, now);  // TCP made progress
  EXPECT_EQ(state(), NeighbourState::kReachable);
  EXPECT_EQ(table.deadline(), kNever);
  now += 30s;
  EXPECT_EQ(state(), NeighbourState::kStale);
  table.find(peer, now);
  now += 5s;
  table.on_time(now, actions);
  table.hear(peer, station, Heard::kAnswer, true, now, actions);
  EXPECT_EQ(state(), NeighbourState::kReachable);
  table.doubt(peer);
  EXPECT_EQ(state(), NeighbourState::kStale);
}

TEST_F(NeighboursTest, rumours_change_but_do_not_add) {
  table.hear(peer, station, Heard::kRumour, true, now, actions);
  table.hear(peer, station, Heard::kAnswer, true, now, actions);  // that nobody asked for
  EXPECT_TRUE(table.list(now).empty());
  table.wait(peer, frame(1), now, actions);
  table.hear(peer, station, Heard::kAnswer, true, now, actions);
  table.hear(peer, other, Heard::kRumour, false, now, actions);  // RFC 4861 7.2.5: no override
  EXPECT_EQ(table.find(peer, now), station);
  table.hear(peer, other, Heard::kRumour, true, now, actions);
  EXPECT_EQ(table.find(peer, now), other);
  EXPECT_EQ(state(), NeighbourState::kDelay);
}

TEST_F(NeighboursTest, floods_stay_within_bounds_and_leave_the_gateway) {
  tuning.gc_thresh3 = 16;
  table.wait(peer, frame(1), now, actions);
  table.hear(peer, station, Heard::kAnswer, true, now, actions);
  for (std::uint32_t i = 0; i < 100; ++i) {
    table.wait({InterfaceId{1}, IpAddress::v4(0x0a000100 + i)}, frame(1), now, actions);
    table.hear({InterfaceId{1}, IpAddress::v4(0x0a000200 + i)}, other, Heard::kQuestion, true, now,
               actions);
  }
  EXPECT_EQ(table.list(now).size(), 16u);
  EXPECT_EQ(table.find(peer, now), station);
  EXPECT_EQ(counters[Counter::EstabNeighbourTableFull], 96u + 89u);
}

TEST_F(NeighboursTest, an_interface_takes_its_neighbours_along) {
  table.hear(peer, station, Heard::kQuestion, true, now, actions);
  table.find(peer, now);
  table.wait({InterfaceId{1}, address("fe80::1")}, frame(1), now, actions);
  table.wait({InterfaceId{2}, address("fe80::1")}, frame(1), now, actions);
  table.remove_interface(InterfaceId{1});
  ASSERT_EQ(table.list(now).size(), 1u);
  EXPECT_EQ(table.list(now)[0].interface, InterfaceId{2});
}

}  // namespace
}  // namespace estab::ip
