// RACK and PRR by themselves: RFC 8985 6, RFC 6937.
#include "tcp/rack.h"

#include <gtest/gtest.h>

#include "tcp/prr.h"
#include "tcp/undo.h"

namespace estab::tcp {
namespace {

using namespace std::chrono_literals;

SeqNum at(std::int64_t n) { return SeqNum::first(WireSeq{1000}) + n; }
Instant time(int ms) { return Instant{} + 1s + ms * 1ms; }

struct Lost {
  SentSegments sent;
  Rack rack;
  Duration look(int now, Duration window) {
    return rack.detect(sent, time(now), window, [&](SentSegments::Index i) { sent.mark_lost(i); });
  }
  void sack(SentSegments::Index i, int now) {
    rack.arrived(sent[i], time(now), 50ms);
    sent.mark_sacked(i);
  }
};

TEST(Rack, what_left_before_what_arrived_is_lost_after_the_window) {
  Lost l;
  for (int i = 0; i < 4; ++i) l.sent.push(at(100 * i), at(100 * i + 100), time(i));
  l.sack(2, 102);                      // a round trip of 100 ms
  EXPECT_EQ(l.look(102, 25ms), 24ms);  // the second has 24 left, the first 23
  EXPECT_EQ(l.sent.lost(), 0u);
  EXPECT_EQ(l.look(125, 25ms), 1ms);
  EXPECT_EQ(l.sent.lost(), 1u);
  EXPECT_EQ(l.look(126, 25ms), 0ms);
  EXPECT_EQ(l.sent.lost(), 2u);  // not the last: it left later
}

TEST(Rack, a_retransmission_is_found_lost_again) {
  Lost l;
  for (int i = 0; i < 3; ++i) l.sent.push(at(100 * i), at(100 * i + 100), time(0));
  l.sack(1, 100);
  l.look(100, 0ms);
  ASSERT_EQ(l.sent.lost(), 1u);
  l.sent.resend(0, time(100));
  l.sent.push(at(300), at(400), time(101));
  l.sack(3, 201);
  l.look(201, 0ms);
  EXPECT_EQ(l.sent.resent(), 0u);
  EXPECT_EQ(l.sent.next_lost(), 0u);
}

TEST(Rack, a_copy_answered_too_fast_says_nothing) {
  Lost l;
  l.sent.push(at(0), at(100), time(0));
  l.sent.push(at(100), at(200), time(0));
  l.sent.mark_lost(1);
  l.sent.resend(1, time(100));
  l.sack(1, 110);  // 10 ms, where no round trip took less than 50
  EXPECT_FALSE(l.rack.advanced());
}

TEST(Rack, the_window_opens_by_duplicates_once_a_round_trip) {
  Rack r;
  EXPECT_EQ(r.reordering_window(40ms, 200ms, false, true), 0ms);
  EXPECT_EQ(r.reordering_window(40ms, 200ms, true, true), 10ms);
  r.duplicate_reported(at(0), at(1000));
  r.duplicate_reported(at(500), at(1500));
  EXPECT_EQ(r.reordering_window(40ms, 200ms, true, true), 20ms);
  r.duplicate_reported(at(1000), at(2000));
  EXPECT_EQ(r.reordering_window(40ms, 200ms, true, true), 30ms);
  EXPECT_EQ(r.reordering_window(40ms, 25ms, true, true), 25ms);  // SRTT at most
  for (int i = 0; i < 16; ++i) r.recovered();
  EXPECT_EQ(r.reordering_window(40ms, 200ms, true, true), 10ms);
}

TEST(Prr, in_proportion_above_ssthresh) {
  Prr p;
  p.start(20);
  std::int64_t pipe = 19, sent = 0;
  for (int i = 0; i < 18; ++i) {
    --pipe;
    const std::int64_t room = p.window(pipe, 10, 1, false) - pipe;
    sent += room;
    pipe += room;
    p.sent(room);
  }
  EXPECT_EQ(sent, 9);  // half of what arrived
}

TEST(Prr, up_to_ssthresh_where_repair_makes_progress) {
  Prr p;
  p.start(20);
  p.sent(1);
  EXPECT_EQ(p.window(4, 10, 3, false), 4 + 3);
  Prr q;
  q.start(20);
  q.sent(1);
  EXPECT_EQ(q.window(4, 10, 3, true), 4 + 4);
  EXPECT_EQ(q.window(9, 10, 3, true), 10);
}

TEST(Prr, the_first_retransmission_goes_whatever_the_window_says) {
  Prr p;
  p.start(10);
  EXPECT_EQ(p.window(9, 7, 0, false), 10);
}

TEST(Undo, by_duplicates_for_each_copy) {
  Undo u;
  u.start(at(0), 0);
  EXPECT_FALSE(u.all_copies_reported());  // none was sent
  u.resent(500);
  u.resent(501);
  u.copies_reported(1, at(100));
  EXPECT_FALSE(u.all_copies_reported());
  u.copies_reported(1, at(200));
  EXPECT_TRUE(u.all_copies_reported());
}

TEST(Undo, by_an_echo_from_before_the_first_copy) {
  Undo u;
  u.start(at(0), 0);
  u.resent(500);
  EXPECT_FALSE(u.answered_original(0));
  EXPECT_FALSE(u.answered_original(500));
  EXPECT_TRUE(u.answered_original(499));
}

}  // namespace
}  // namespace estab::tcp
