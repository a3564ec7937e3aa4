// RFC 6298: the estimator and the timer. RFC 5482: the user timeout beside it.
#include "support/tcp_bench.h"
#include "tcp/rtt.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

// proves: RFC6298-2-1
TEST(RetransmissionTimer, one_second_before_any_measurement) {
  EXPECT_EQ(tcp::RttEstimator{}.rto(Tuning{}), 1s);
  OneEnd c;
  c.open_active();
  c.drop_output();
  c.run(999ms);
  c.expect_silence();
  c.run(1ms);
  c.expect_one();
}

// proves: RFC6298-2-2, RFC6298-2-3, RFC6298-2-4
TEST(RetransmissionTimer, the_formulas) {
  Tuning tuning;
  tuning.tcp_rto_min_ms = 1;
  tcp::RttEstimator e;
  e.sample(100ms);
  EXPECT_EQ(e.srtt(), 100ms);
  EXPECT_EQ(e.rttvar(), 50ms);
  EXPECT_EQ(e.rto(tuning), 300ms);
  e.sample(180ms);
  // RTTVAR by SRTT as it was: 3/4 * 50 + 1/4 * |100 - 180|
  EXPECT_EQ(e.rttvar(), 57500us);
  EXPECT_EQ(e.srtt(), 110ms);
  EXPECT_EQ(e.rto(tuning), 340ms);
}

// proves: RFC6298-4-1
TEST(RetransmissionTimer, no_variance_counts_as_the_granularity) {
  Tuning tuning;
  tuning.tcp_rto_min_ms = 1;
  tcp::RttEstimator e;
  for (int i = 0; i < 1000; ++i) e.sample(100ms);
  EXPECT_EQ(e.rttvar(), 0ns);
  EXPECT_GE(e.rto(tuning), 101ms);
}

// proves: RFC6298-1-1, RFC6298-2-5, RFC6298-2-6
TEST(RetransmissionTimer, bounds) {
  Tuning strict;
  strict.tcp_rto_min_ms = 1000;
  Random random{3};
  tcp::RttEstimator e;
  for (int i = 0; i < 1000; ++i) {
    e.sample(Duration{1us} * static_cast<std::int64_t>(random.below(3000000)));
    // The default's bound is part of the sum, so it is never below the formula's.
    const Tuning linux_has;
    const Duration formula = std::min<Duration>(e.srtt() + std::max<Duration>(4 * e.rttvar(), 1ms),
                                                milliseconds_of(linux_has.tcp_rto_max_ms));
    EXPECT_GE(e.rto(linux_has), formula);
    EXPECT_GE(e.rto(strict), std::max<Duration>(formula, 1s));
  }
  e = {};
  e.sample(500s);
  EXPECT_EQ(e.rto(strict), 120s);
}

// proves: RFC6298-3-1
TEST(RetransmissionTimer, what_was_sent_twice_is_measured_by_timestamps_alone) {
  for (const bool stamped : {false, true}) {
    OneEnd c;
    wire::TcpOptions o{.mss = 1000};
    if (stamped) o.timestamps = wire::Timestamps{1000, 0};
    c.establish(o);
    ASSERT_TRUE(c.send("a"));
    c.drop_output();
    while (c.world.count(Counter::TcpExtTCPTimeouts) == 0) c.run_until(c.c.deadline());
    const auto again = c.take();
    ASSERT_FALSE(again.empty());
    const Duration before = c.c.info(c.world.tuning, c.world.now).srtt;
    c.run(70ms);
    Peer ack{.seq = c.peer_next, .ack = kUna + 1};
    if (stamped) {
      ack.options.timestamps = wire::Timestamps{1001, again.back().options.timestamps->value};
    }
    c.inject(ack);
    const Duration after = c.c.info(c.world.tuning, c.world.now).srtt;
    if (stamped) {
      EXPECT_NE(after, before);
      EXPECT_LE(after, 80ms);
    } else {
      EXPECT_EQ(after, before);
    }
  }
}

// proves: RFC6298-5-1, RFC6298-5-2, RFC6298-5-3, RFC6298-5-4
TEST(RetransmissionTimer, starts_restarts_stops_and_doubles) {
  OneEnd c;
  c.world.tuning.tcp_mtu_probing = 0;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send(std::string(2000, 'x')));
  c.drop_output();
  c.run(150ms);
  c.inject({.seq = c.peer_next, .ack = kUna + 1000});  // new data: the timer starts anew
  c.drop_output();
  Instant last = c.world.now;
  Duration rto = c.c.info(c.world.tuning, c.world.now).rto;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = c.world.count(Counter::TcpExtTCPTimeouts);
    while (c.world.count(Counter::TcpExtTCPTimeouts) == before) {
      c.drop_output();
      c.run_until(c.c.deadline());
    }
    const auto out = c.take();
    ASSERT_FALSE(out.empty());
    EXPECT_EQ(out.front().seq.value, kUna + 1000);  // the earliest
    EXPECT_GE(c.world.now - last, rto);
    last = c.world.now;
    rto *= 2;
  }
  c.inject({.seq = c.peer_next, .ack = kUna + 2000});
  c.drop_output();
  c.run(2h);
  c.expect_silence();
  EXPECT_EQ(c.c.state(), State::Established);
}

wire::TcpOptions user_timeout(bool minutes, std::uint16_t value) {
  wire::TcpOptions o;
  o.user_timeout = wire::UserTimeoutOption{minutes, value};
  return o;
}

// proves: RFC5482-3-1, RFC5482-3-3, RFC5482-3.1-1, RFC5482-3.2-1, RFC5482-3.4-1, RFC5482-4.1-1
TEST(UserTimeout, the_peer_s_option_changes_nothing) {
  for (const bool chosen : {true, false}) {
    OneEnd c;
    if (chosen) c.settings.user_timeout = 10s;
    c.establish(user_timeout(false, 3));
    c.inject({.seq = c.peer_next, .ack = kUna, .options = user_timeout(true, 60)});
    c.inject({.seq = c.peer_next, .ack = kUna, .text = "x", .options = user_timeout(false, 1)});
    EXPECT_EQ(c.receive(), "x");
    c.drop_output();
    ASSERT_TRUE(c.send("a"));
    c.run(9s);
    EXPECT_EQ(c.c.state(), State::Established);
    c.run(30s);
    EXPECT_EQ(c.c.state() == State::Closed, chosen);
    for (const auto& s : c.take()) EXPECT_FALSE(s.options.user_timeout);
  }
}

// proves: RFC5482-3.1-2
TEST(UserTimeout, never_before_the_first_retransmission_timeout) {
  OneEnd c;
  c.settings.user_timeout = 1ms;
  c.establish();
  ASSERT_TRUE(c.send("a"));
  const Duration rto = c.c.info(c.world.tuning, c.world.now).rto;
  c.run(rto - 1ms);
  EXPECT_EQ(c.c.state(), State::Established);
  c.run(2ms);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.c.take_error(), ETIMEDOUT);
}

}  // namespace
}  // namespace estab::testing
