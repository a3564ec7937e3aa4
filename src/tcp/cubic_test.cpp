// RFC 9438 and RFC 9406 by themselves, in virtual time.
#include "tcp/cubic.h"

#include <gtest/gtest.h>

#include "tcp/congestion.h"

namespace estab::tcp {
namespace {

using namespace std::chrono_literals;

struct Path {
  Congestion c;
  Counters counters;
  Instant now = Instant{} + 100s;
  SeqNum una = SeqNum::first(WireSeq{1});
  std::int64_t css_rounds = 5;

  // A round trip in which the whole window is acknowledged, two segments an ACK.
  void round(Duration rtt) {
    const std::int64_t window = c.cwnd();
    const SeqNum end = una + window;
    for (std::int64_t i = 0; i < window; i += 2) {
      const auto n = static_cast<std::uint32_t>(std::min<std::int64_t>(2, window - i));
      una += n;
      now += rtt / ((window + 1) / 2);
      const AckedSegments acked{.count = n,
                                .now = now,
                                .rtt = rtt,
                                .min_rtt = 100ms,
                                .una = una,
                                .nxt = end + i,
                                .css_rounds = css_rounds};
      c.on_round_trip(acked, counters);
      c.on_ack(acked, counters);
    }
  }
};

// proves: MAY-18
TEST(Cubic, falls_to_seven_tenths_and_comes_back_slowly_around_the_old_window) {
  Path p;
  p.c.start(Algorithm::Cubic, 100);
  p.c.on_congestion(100);
  EXPECT_EQ(p.c.ssthresh(), 70);
  p.c.set_cwnd(70);
  // K = cbrt(30 / 0.4) = 4.2 s: by then it is back, and growth has nearly stopped.
  std::vector<std::int64_t> at_second;
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 0) at_second.push_back(p.c.cwnd());
    p.round(100ms);
  }
  EXPECT_GT(at_second[1], 80);
  EXPECT_NEAR(static_cast<double>(at_second[4]), 100.0, 4.0);
  EXPECT_LT(at_second[5] - at_second[4], at_second[1] - at_second[0]);
  EXPECT_GT(at_second[9] - at_second[8], at_second[5] - at_second[4]);  // and then it seeks more
}

TEST(Cubic, fast_convergence_leaves_room) {
  Path p;
  p.c.start(Algorithm::Cubic, 100);
  p.c.on_congestion(100);
  p.c.set_cwnd(80);
  p.c.on_congestion(80);  // before it was back: W_max is 80 * 1.7 / 2
  p.c.set_cwnd(56);
  for (int i = 0; i < 25; ++i) p.round(100ms);
  EXPECT_NEAR(static_cast<double>(p.c.cwnd()), 68.0, 4.0);
}

TEST(Cubic, never_slower_than_reno) {
  Path p;
  p.c.start(Algorithm::Cubic, 10);
  p.c.on_congestion(10);
  p.c.set_cwnd(7);
  for (int i = 0; i < 1000; ++i) p.round(1ms);  // a second, in which the cubic hardly moves
  EXPECT_GT(p.c.cwnd(), 100);
}

TEST(Cubic, an_idle_time_is_none_in_which_it_grew) {
  Path p;
  p.c.start(Algorithm::Cubic, 100);
  p.c.on_congestion(100);
  p.c.set_cwnd(70);
  p.round(100ms);
  p.now += 60s;
  p.c.on_restart(60s);
  const std::int64_t before = p.c.cwnd();
  p.round(100ms);
  EXPECT_LT(p.c.cwnd(), before + 10);
}

TEST(HyStart, longer_round_trips_end_slow_start_after_five_conservative_rounds) {
  Path p;
  p.c.start(Algorithm::Cubic, 20);
  p.round(100ms);
  EXPECT_EQ(p.c.cwnd(), 40);
  p.round(100ms);
  EXPECT_EQ(p.c.cwnd(), 80);
  p.round(120ms);
  const std::int64_t then = p.c.cwnd();
  EXPECT_LT(then, 160);  // no longer doubled
  int rounds = 0;
  for (; p.c.in_slow_start() && rounds < 10; ++rounds) p.round(120ms);
  EXPECT_GE(rounds, 4);
  EXPECT_LE(rounds, 6);
  EXPECT_EQ(p.counters[Counter::TcpExtTCPHystartDelayDetect], 1u);
}

TEST(HyStart, shorter_ones_again_resume_it) {
  Path p;
  p.c.start(Algorithm::Cubic, 20);
  p.round(100ms);
  p.round(120ms);
  p.round(120ms);
  for (int i = 0; i < 3; ++i) p.round(100ms);
  EXPECT_TRUE(p.c.in_slow_start());
  const std::int64_t before = p.c.cwnd();
  p.round(100ms);
  EXPECT_EQ(p.c.cwnd(), 2 * before);
}

TEST(HyStart, at_once_without_conservative_rounds) {
  Path p;
  p.css_rounds = 0;
  p.c.start(Algorithm::Cubic, 20);
  p.round(100ms);
  p.round(120ms);
  EXPECT_FALSE(p.c.in_slow_start());
  EXPECT_LT(p.c.cwnd(), 80);
}

TEST(Congestion, what_is_not_used_decays) {
  Congestion c;
  c.start(Algorithm::Reno, 64);
  c.decay(1s, 300ms, 10);  // three RTOs and a bit
  EXPECT_EQ(c.cwnd(), 10);
  EXPECT_GE(c.ssthresh(), 48);
  c.start(Algorithm::Reno, 64);
  c.decay(500ms, 300ms, 10);
  EXPECT_EQ(c.cwnd(), 32);
  c.approach(10);
  EXPECT_EQ(c.cwnd(), 21);
}

}  // namespace
}  // namespace estab::tcp
