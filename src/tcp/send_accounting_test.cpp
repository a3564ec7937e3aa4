#include "tcp/send_accounting.h"

#include <gtest/gtest.h>

namespace estab::tcp {
namespace {

constexpr SeqNum kFirst = SeqNum::first({1});
constexpr std::size_t kGoal = 16000;
constexpr std::size_t kAny = 0xffffffff;  // TCP_NOTSENT_LOWAT: none
constexpr std::size_t kOverhead = SendAccounting::kOverhead;

// A connection of segments of 1000 bytes, as far as the accounting knows it.
struct Accounted {
  explicit Accounted(std::size_t bound, bool fixed = false) { a.start(kFirst, bound, fixed); }
  // What a write of so much takes when `may_leave` bytes go out at once.
  std::size_t write(std::size_t size, std::int64_t may_leave = 0, std::size_t low_water = kAny) {
    std::size_t n = 0;
    while (n < size) {
      const std::size_t part = std::min(a.room(kGoal, nxt, low_water), size - n);
      if (part == 0) break;
      a.append(part, kGoal, nxt);
      n += part;
      end += static_cast<std::int64_t>(part);
      const std::int64_t go = std::min(may_leave, end - nxt);
      may_leave -= go;
      send(go);
    }
    return n;
  }
  void send(std::int64_t n) {
    nxt += n;
    a.sent(nxt);
  }
  void acknowledge(std::int64_t upto) { a.acknowledge(kFirst + upto); }
  SendAccounting::Sender sender(std::int64_t in_flight, std::int64_t cwnd) const {
    return {.nxt = nxt,
            .in_flight = in_flight,
            .cwnd = cwnd,
            .mss = 1000,
            .peer_mss = 1000,
            .reordering = 3,
            .low_water = kAny,
            .largest_bound = 4194304};
  }
  SendAccounting a;
  SeqNum nxt = kFirst, end = kFirst;
};

TEST(SendAccounting, a_chunk_is_whole_segments_of_half_the_window) {
  EXPECT_EQ(SendAccounting::chunk_goal(1000, 32896), 16000u);
  EXPECT_EQ(SendAccounting::chunk_goal(1460, 1 << 20), 44u * 1460);
  EXPECT_EQ(SendAccounting::chunk_goal(1460, 100), 1460u);
  EXPECT_EQ(SendAccounting::chunk_goal(65483, 1 << 20), 65483u);
}

// The arithmetic of Linux's epoll_out_edge.pkt: 10000 leave at once, two chunks stand behind.
TEST(SendAccounting, a_write_passes_the_bound_by_a_chunk) {
  Accounted t(50000);
  EXPECT_EQ(t.write(59000, 10000), 58000u);
  EXPECT_EQ(t.a.cost(), 58000u + 4 * kOverhead);
  EXPECT_EQ(t.write(1), 0u);
  EXPECT_FALSE(t.a.writable(t.nxt, kAny));
  t.acknowledge(10000);
  EXPECT_EQ(t.a.cost(), 48000u + 3 * kOverhead);
  t.acknowledge(17000);  // a part of a chunk leaves its overhead
  EXPECT_EQ(t.a.cost(), 41000u + 3 * kOverhead);
}

TEST(SendAccounting, a_chunk_that_is_begun_is_filled) {
  Accounted t(4608);
  EXPECT_EQ(t.write(5000), 5000u);
  EXPECT_EQ(t.write(20000), 11000u);
}

TEST(SendAccounting, what_was_sent_takes_nothing_more) {
  Accounted t(1 << 20);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(t.write(100, 100), 100u);
  EXPECT_EQ(t.a.cost(), 1000 + 10 * kOverhead);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(t.write(100), 100u);
  EXPECT_EQ(t.a.cost(), 2000 + 11 * kOverhead);
  t.acknowledge(2000);
  EXPECT_EQ(t.a.cost(), 0u);
}

TEST(SendAccounting, a_new_chunk_begins_below_the_mark_of_unsent_bytes) {
  Accounted t(1 << 20);
  EXPECT_EQ(t.write(59000, 10000, 32000), 42000u);
  EXPECT_FALSE(t.a.writable(t.nxt, 32000));
  t.send(15000);
  EXPECT_TRUE(t.a.writable(t.nxt, 34002));
  EXPECT_FALSE(t.a.writable(t.nxt, 34000)) << "half of the mark is unsent";
}

TEST(SendAccounting, a_writer_wakes_when_a_third_is_free) {
  Accounted t(42000, true);
  EXPECT_EQ(t.write(61000), 48000u);
  t.send(48000);
  t.acknowledge(20000);
  EXPECT_EQ(t.a.cost(), 28000 + 2 * kOverhead);
  EXPECT_FALSE(t.a.writable(t.nxt, kAny));
  t.acknowledge(22560);
  EXPECT_EQ(t.a.cost(), 28000u);
  EXPECT_TRUE(t.a.writable(t.nxt, kAny));
}

TEST(SendAccounting, grows_to_two_windows) {
  Accounted t(16384);
  t.a.grow(t.sender(0, 10000));
  EXPECT_EQ(t.a.bound(), 2u * 10 * 2304);
  t.a.grow(t.sender(0, 2000));
  EXPECT_EQ(t.a.bound(), 2u * 10 * 2304) << "never down";
  t.write(200000);
  EXPECT_FALSE(t.a.make_room(true, t.sender(36000, 36000))) << "it is the path that holds it back";
  EXPECT_EQ(t.a.bound(), 2u * 10 * 2304);
  EXPECT_TRUE(t.a.make_room(true, t.sender(32000, 36000)));
  EXPECT_EQ(t.a.bound(), 2u * 36 * 2304);
  EXPECT_TRUE(t.a.make_room(false, t.sender(0, 100000))) << "nobody waits";
  EXPECT_EQ(t.a.bound(), 2u * 36 * 2304);
  t.write(1 << 20);
  t.a.make_room(true, t.sender(0, 1 << 30));
  EXPECT_EQ(t.a.bound(), 4194304u) << "tcp_wmem_max";
}

TEST(SendAccounting, grows_for_a_full_window_when_less_than_another_is_left) {
  Accounted t(50000);
  t.write(59000, 10000);
  t.send(20000);
  EXPECT_FALSE(t.a.make_room(true, t.sender(20000, 20000)));
  t.send(14000);
  EXPECT_TRUE(t.a.make_room(true, t.sender(27000, 27000)));
}

TEST(SendAccounting, what_the_application_chose_stays) {
  Accounted t(20000, true);
  t.a.grow(t.sender(0, 100000));
  EXPECT_EQ(t.a.bound(), 20000u);
  Accounted u(16384);
  u.a.fix_bound(4608);
  u.write(10000);
  EXPECT_FALSE(u.a.make_room(true, u.sender(0, 100000)));
  EXPECT_EQ(u.a.bound(), 4608u);
}

TEST(SendAccounting, a_segment_ends_with_a_record) {
  Accounted t(1 << 20);
  const auto at = [](std::int64_t n) { return kFirst + n; };
  t.write(400);
  t.a.end_record();
  t.write(300);
  t.write(100);
  t.a.end_record();
  t.write(2000);
  EXPECT_EQ(t.a.cost(), 2800 + 3 * kOverhead);
  EXPECT_EQ(t.a.cut(at(0), at(1000)), at(400));
  EXPECT_EQ(t.a.cut(at(100), at(400)), at(400));
  EXPECT_EQ(t.a.cut(at(400), at(1400)), at(800));
  EXPECT_EQ(t.a.cut(at(800), at(1800)), at(1800));
  EXPECT_TRUE(t.a.ends_chunk(at(0), at(400)));
  EXPECT_FALSE(t.a.ends_chunk(at(800), at(1800)));
  EXPECT_TRUE(t.a.ends_chunk(at(1800), at(2800)));
  t.a.end_record();
  EXPECT_EQ(t.a.cut(at(1800), at(2801)), at(2801)) << "a FIN may follow the last";
  t.send(2800);
  t.acknowledge(500);
  EXPECT_EQ(t.a.cut(at(500), at(1500)), at(800));
}

// A record of nothing, and one that ends where the queue is empty.
TEST(SendAccounting, an_empty_record_changes_nothing) {
  Accounted t(1 << 20);
  t.a.end_record();
  t.write(1000, 1000);
  t.acknowledge(1000);
  t.a.end_record();
  t.write(1000);
  EXPECT_EQ(t.a.cut(kFirst + 1000, kFirst + 2000), kFirst + 2000);
}

TEST(SendAccounting, keeps_count_through_many_bursts) {
  Accounted t(1 << 20);
  std::int64_t acked = 0;
  for (int i = 0; i < 1000; ++i) {
    t.write(7000);
    t.send(std::min<std::int64_t>(2000 + i % 5 * 1000, t.end - t.nxt));
    acked = std::min<std::int64_t>(acked + 3500, t.nxt - kFirst);
    t.acknowledge(acked);
    const auto queued = static_cast<std::size_t>(t.end - (kFirst + acked));
    ASSERT_GE(t.a.cost(), queued + (queued > 0 ? kOverhead : 0));
    ASSERT_EQ((t.a.cost() - queued) % kOverhead, 0u);
  }
  t.a.clear();
  EXPECT_EQ(t.a.cost(), 0u);
}

}  // namespace
}  // namespace estab::tcp
