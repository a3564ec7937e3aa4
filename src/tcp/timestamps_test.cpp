// RFC 7323 3 to 5: the Timestamps option, what is echoed, PAWS.
#include "support/tcp_bench.h"
#include "tcp/isn.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;
constexpr std::uint32_t kThen = 1000;  // the peer's clock when the connection opens

wire::TcpOptions stamp(std::uint32_t value, std::uint32_t echo = 0) {
  return {.timestamps = wire::Timestamps{value, echo}};
}

struct Stamped : OneEnd {
  explicit Stamped(std::uint16_t mss = 1000) {
    wire::TcpOptions o = stamp(kThen);
    o.mss = mss;
    establish(o);
  }
  Duration srtt() { return c.info(world.tuning, world.now).srtt; }
};

// proves: RFC7323-3.2-1, RFC7323-3.2-4
TEST(Timestamps, a_syn_offers_them_and_echoes_nothing) {
  OneEnd c;
  c.open_active();
  const wire::Segment syn = c.expect_one();
  ASSERT_TRUE(syn.options.timestamps);
  EXPECT_EQ(syn.options.timestamps->echo, 0u);
}

// proves: RFC7323-3.2-4
TEST(Timestamps, a_syn_ack_has_them_only_in_answer) {
  for (const bool offered : {true, false}) {
    OneEnd c;
    c.open_passive();
    c.inject({.flags = kSyn,
              .seq = OneEnd::kIrs,
              .options = offered ? stamp(kThen) : wire::TcpOptions{}});
    const wire::Segment s = c.expect_one();
    ASSERT_EQ(s.options.timestamps.has_value(), offered);
    if (offered) {
      EXPECT_EQ(s.options.timestamps->echo, kThen);
    }
  }
}

// proves: RFC7323-3.2-2, RFC7323-3.2-5, RFC7323-3.2-6, RFC7323-5.2-3
TEST(Timestamps, every_segment_carries_them_once_agreed_on) {
  Stamped c;
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "x", .options = stamp(kThen + 1)});
  c.shutdown_write();
  c.run(10s);  // and again
  c.abort();
  const auto all = c.take();
  ASSERT_GT(all.size(), 5u);
  EXPECT_TRUE(all.back().has(kRst));
  for (const auto& s : all) {
    ASSERT_TRUE(s.options.timestamps) << wire::segment_text(s);
    EXPECT_TRUE(s.options.timestamps->echo == kThen || s.options.timestamps->echo == kThen + 1);
  }
  EXPECT_EQ(all.back().options.timestamps->echo, kThen + 1);
}

// proves: RFC7323-3.2-3
TEST(Timestamps, the_echo_of_a_segment_without_ack_is_nothing) {
  OneEnd c;
  c.open_active();
  c.run(20ms);
  // A simultaneous open: the SYN's echo would be a round trip of 20 ms.
  c.inject({.flags = kSyn, .seq = OneEnd::kIrs, .options = stamp(kThen, 1000000)});
  EXPECT_EQ(c.c.state(), State::SynReceived);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).srtt, 0ns);
}

// proves: RFC7323-3.2-7, RFC7323-3.2-8
TEST(Timestamps, a_segment_without_them_is_dropped_where_the_knob_says_so) {
  for (const std::int64_t required : {0, 1}) {
    Stamped c;
    c.world.tuning.tcp_timestamps_required = required;
    c.inject({.seq = c.peer_next, .ack = kUna, .text = "x"});
    if (required != 0) {
      c.expect_silence();
    }
    EXPECT_EQ(c.world.count(Counter::EstabTimestampMissing), required != 0 ? 1u : 0u);
    EXPECT_EQ(c.receive(), required != 0 ? "" : "x");
    EXPECT_EQ(c.c.state(), State::Established);
    c.inject({.flags = kRst, .seq = c.peer_next + (required != 0 ? 0u : 1u)});
    EXPECT_EQ(c.c.state(), State::Closed);  // a RST needs none
  }
}

// proves: RFC7323-3.2-9
TEST(Timestamps, what_was_not_agreed_on_is_ignored) {
  OneEnd c;
  c.establish();
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(5000)});
  c.inject({.seq = c.peer_next + 1, .ack = kUna, .text = "b", .options = stamp(4000)});  // older
  EXPECT_EQ(c.receive(), "ab");
  for (const auto& s : c.take()) EXPECT_FALSE(s.options.timestamps);
}

// proves: RFC7323-3.2-10
TEST(Timestamps, of_two_crossing_syns_one_without) {
  OneEnd c;
  c.open_active();
  c.drop_output();
  c.inject({.flags = kSyn, .seq = OneEnd::kIrs});
  c.drop_output();
  c.inject({.flags = kSyn | kAck, .seq = OneEnd::kIrs, .ack = kUna});
  EXPECT_EQ(c.c.state(), State::Established);
  ASSERT_TRUE(c.send("x"));
  EXPECT_FALSE(c.take().back().options.timestamps);
}

// proves: RFC7323-4.1-1, RFC7323-5.4-1, RFC7323-5.4-2, RFC7323-5.4-3
TEST(Timestamps, the_clock_is_proportional_to_time) {
  const Instant now = Instant{} + 77h;
  for (const Duration d : {Duration{1ms}, Duration{1s}, Duration{3600s}}) {
    EXPECT_EQ(tcp::timestamp_clock(now + d) - tcp::timestamp_clock(now),
              static_cast<std::uint32_t>(d / 1ms));
  }
  // A tick is 1 ms: once for each 2^31 bytes up to 17 Tbit/s; round after 49 days, not 255 s.
  const Duration round = Duration{1ms} * (std::int64_t{1} << 32);
  EXPECT_GT(round, 255s);
  EXPECT_EQ(tcp::timestamp_clock(now + round), tcp::timestamp_clock(now));
}

// proves: RFC7323-4.1-2
TEST(Timestamps, no_rtt_of_an_ack_that_acknowledges_nothing) {
  Stamped c;
  const Duration before = c.srtt();
  c.run(1s);
  const auto now = tcp::timestamp_clock(c.world.now);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "x", .options = stamp(kThen + 9, now - 500)});
  EXPECT_EQ(c.srtt(), before);
}

// proves: RFC7323-4.2-1, RFC6298-3-2
TEST(Timestamps, one_sample_a_round_trip_however_many_acks) {
  Stamped c;
  ASSERT_TRUE(c.send(std::string(10000, 'x')));
  c.run(80ms);
  c.inject({.seq = c.peer_next, .ack = kUna + 1000, .options = stamp(kThen)});
  const Duration first = c.srtt();
  EXPECT_GT(first, 0ns);
  for (std::uint32_t i = 2; i <= 9; ++i) {
    c.run(1ms);
    c.inject({.seq = c.peer_next, .ack = kUna + i * 1000, .options = stamp(kThen)});
  }
  EXPECT_EQ(c.srtt(), first);  // the estimator's memory is one of round trips
  c.inject({.seq = c.peer_next, .ack = kUna + 10000, .options = stamp(kThen)});
  ASSERT_TRUE(c.send("y"));
  c.run(10ms);
  c.inject({.seq = c.peer_next, .ack = kUna + 10001, .options = stamp(kThen)});
  EXPECT_NE(c.srtt(), first);  // and each has one
}

// proves: RFC7323-4.3-1
TEST(Timestamps, a_delayed_ack_echoes_the_earliest) {
  Stamped c;
  c.settings.quick_ack = false;
  auto cx = c.world.context();
  c.c.set_settings(c.settings, cx);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(kThen + 10)});
  c.inject({.seq = c.peer_next + 1, .ack = kUna, .text = "b", .options = stamp(kThen + 20)});
  c.drop_output();  // by quick ACKs, if any
  c.inject({.seq = c.peer_next + 2, .ack = kUna, .text = "c", .options = stamp(kThen + 30)});
  c.inject({.seq = c.peer_next + 3, .ack = kUna, .text = "d", .options = stamp(kThen + 40)});
  c.run(500ms);
  const auto all = c.take();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.back().ack.value, c.peer_next + 4);
  EXPECT_LT(all.back().options.timestamps->echo, kThen + 40);
}

// proves: RFC7323-4.3-2, RFC7323-4.3-3, RFC7323-5.3-3, RFC7323-5.3-4
TEST(Timestamps, echoes_around_a_gap) {
  Stamped c;
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(kThen + 10)});
  c.drop_output();
  c.inject({.seq = c.peer_next + 2, .ack = kUna, .text = "c", .options = stamp(kThen + 20)});
  EXPECT_EQ(c.expect_one().options.timestamps->echo, kThen + 10);  // the last in order
  c.inject({.seq = c.peer_next + 3, .ack = kUna, .text = "d", .options = stamp(kThen + 30)});
  EXPECT_EQ(c.expect_one().options.timestamps->echo, kThen + 10);
  c.inject({.seq = c.peer_next + 1, .ack = kUna, .text = "b", .options = stamp(kThen + 40)});
  EXPECT_EQ(c.expect_one().options.timestamps->echo, kThen + 40);  // what filled the gap
  EXPECT_EQ(c.receive(), "abcd");  // the queued ones, older by now, were judged when they came
}

// proves: RFC7323-5.2-1
TEST(Timestamps, ts_recent_never_goes_back) {
  Stamped c;
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(kThen + 10)});
  c.drop_output();
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(kThen + 5)});
  EXPECT_EQ(c.expect_one().options.timestamps->echo, kThen + 10);
  c.inject({.seq = c.peer_next + 1, .ack = kUna, .text = "b", .options = stamp(kThen + 9)});
  EXPECT_EQ(c.world.count(Counter::TcpExtPAWSEstab), 2u);
}

// proves: RFC7323-5.2-4, RFC7323-5.2-5
TEST(Timestamps, a_reset_is_not_judged_by_them_and_teaches_nothing) {
  Stamped c;
  // In the window: a challenge ACK; its timestamp is not taken over.
  c.inject({.flags = kRst, .seq = c.peer_next + 10, .options = stamp(kThen + 5000)});
  EXPECT_EQ(c.expect_one().options.timestamps->echo, kThen);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "a", .options = stamp(kThen + 1)});
  EXPECT_EQ(c.receive(), "a");
  c.inject({.flags = kRst, .seq = c.peer_next + 1, .options = stamp(kThen - 500)});
  EXPECT_EQ(c.c.state(), State::Closed);
}

// proves: RFC7323-5.3-1, RFC7323-5.3-2
TEST(Timestamps, paws_goes_before_the_sequence_number) {
  for (const std::uint32_t offset : {0u, 100u, 0x1000000u, 0xffff0000u}) {
    Stamped c;
    c.inject({.flags = kFin | kAck,
              .seq = c.peer_next + offset,
              .ack = kUna,
              .text = "x",
              .options = stamp(kThen - 1)});
    EXPECT_EQ(c.world.count(Counter::TcpExtPAWSEstab), 1u);
    EXPECT_EQ(c.world.count(Counter::EstabSeqOutOfWindow), 0u);
    EXPECT_EQ(c.expect_one().ack.value, c.peer_next);
    EXPECT_EQ(c.receive(), "");
    EXPECT_EQ(c.c.state(), State::Established);
  }
}

}  // namespace
}  // namespace estab::testing
