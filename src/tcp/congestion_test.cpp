// RFC 5681 without SACK: windows, slow start, congestion avoidance, fast retransmit and recovery.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

struct Sender : OneEnd {
  explicit Sender(std::size_t bytes = 80000, std::uint16_t window = 65535) {
    world.tuning.tcp_mtu_probing = 0;
    settings.congestion = tcp::Algorithm::Reno;
    world.tuning.tcp_frto = 0;  // here ACKs of what was not sent again mean no needless timeout
    establish({.mss = 1000}, window);
    if (bytes > 0) {
      EXPECT_TRUE(send(std::string(bytes, 'x')));
    }
  }
  // Acknowledges; how many segments went out.
  std::size_t get(std::uint32_t acked) {
    inject({.seq = peer_next, .ack = kUna + acked});
    return take().size();
  }
};

// proves: RFC5681-2-1, RFC5681-3-1, RFC5681-3.1-1, RFC5681-3.1-6
TEST(Congestion, never_beyond_the_smaller_window_in_slow_start_and_avoidance) {
  for (const std::uint16_t window : {std::uint16_t{7000}, std::uint16_t{65535}}) {
    Sender s(0, window);
    s.world.tuning.tcp_slow_start_one_mss = 1;
    EXPECT_GT(s.look().snd_ssthresh, 1u << 30);
    ASSERT_TRUE(s.send(std::string(80000, 'x')));
    std::uint32_t acked = 0, sent = 0;
    bool lost = false;
    while (acked < 80000) {
      const std::uint32_t before = s.look().snd_cwnd;
      for (const auto& one : s.take()) {
        const auto end = one.seq.value + static_cast<std::uint32_t>(one.payload.size()) - kUna;
        EXPECT_LE(end, acked + std::min<std::uint32_t>(before, window));
        sent = std::max(sent, end);
      }
      if (!lost && acked >= 20000) {  // and once more from a loss, to come to avoidance
        lost = true;
        s.time_out();
        EXPECT_EQ(s.look().snd_cwnd, 1000u);
        continue;
      }
      const std::uint32_t step = std::min(2000u, std::max(sent, acked + 1000) - acked);
      acked += step;
      s.inject({.seq = s.peer_next, .ack = kUna + acked, .window = window});
      EXPECT_LE(s.look().snd_cwnd, before + 1000);  // one SMSS an ACK, and the knob says so
    }
  }
}

// proves: RFC5681-3.1-7
TEST(Congestion, slow_start_by_one_segment_an_ack_where_the_knob_says_so) {
  for (const std::int64_t one : {0, 1}) {
    Sender s;
    s.world.tuning.tcp_slow_start_one_mss = one;
    s.drop_output();
    s.get(4000);
    EXPECT_EQ(s.look().snd_cwnd, one != 0 ? 11000u : 14000u);
  }
}

// proves: RFC5681-3.1-2, RFC5681-3.1-3
TEST(Congestion, initial_window) {
  for (const std::uint16_t mss :
       std::initializer_list<std::uint16_t>{536, 1095, 1460, 2190, 4000}) {
    for (const std::int64_t knob : {2, 10}) {
      OneEnd c;
      c.path.mtu = 9000;
      c.world.tuning.tcp_init_cwnd = knob;
      c.establish({.mss = mss});
      ASSERT_TRUE(c.send(std::string(60000, 'x')));
      EXPECT_EQ(c.take().size(), static_cast<std::size_t>(knob));  // no more for the handshake
    }
  }
}

// proves: RFC5681-3.1-4, RFC6298-5-5
TEST(Congestion, after_a_lost_syn_one_segment_and_three_seconds) {
  OneEnd c;
  c.open_active();
  c.run(1500ms);
  EXPECT_EQ(c.take().size(), 2u);
  c.inject({.flags = kSyn | kAck, .seq = OneEnd::kIrs, .ack = kUna, .options = {.mss = 1000}});
  c.drop_output();
  ASSERT_TRUE(c.send(std::string(60000, 'x')));
  EXPECT_EQ(c.take().size(), 1u);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).rto, 3s);
  const Instant sent = c.world.now;
  while (c.world.segments.empty()) c.run_until(c.c.deadline());
  EXPECT_EQ(c.world.now - sent, 3s);
}

// proves: RFC5681-3.1-5, RFC8201-5.4-3, RFC8201-5.4-4
TEST(Congestion, a_smaller_mtu_keeps_the_segments_and_not_the_bytes) {
  OneEnd c;
  c.establish({.mss = 1460});
  ASSERT_TRUE(c.send(std::string(60000, 'x')));
  EXPECT_EQ(c.take().size(), 10u);
  const std::uint32_t ssthresh = c.c.info(c.world.tuning, c.world.now).snd_ssthresh;
  auto cx = c.world.context();
  EXPECT_TRUE(
      c.c.on_error({.kind = tcp::PathError::Kind::TooBig, .seq = WireSeq{kUna}, .mtu = 770}, cx));
  const tcp::Info i = c.c.info(c.world.tuning, c.world.now);
  EXPECT_EQ(i.snd_cwnd, 7300u);
  EXPECT_EQ(i.snd_ssthresh, ssthresh);  // no sign of congestion
  c.transmit();                         // at once
  const auto again = c.take();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front().seq.value, kUna);
  for (const auto& s : again) EXPECT_LE(s.payload.size(), 730u);
}

// proves: RFC5681-3.1-8, RFC5681-3.1-9
TEST(Congestion, avoidance_grows_by_one_segment_a_window) {
  Sender s;
  s.drop_output();
  s.time_out();
  s.drop_output();
  std::uint32_t acked = 1000;
  s.get(acked);
  while (s.look().snd_cwnd < s.look().snd_ssthresh) s.get(acked += 1000);
  const std::uint32_t cwnd = s.look().snd_cwnd;
  EXPECT_EQ(cwnd, 5000u);
  std::uint32_t window = 0;
  while (s.look().snd_cwnd == cwnd) {
    s.get(acked += 1000);
    window += 1000;
  }
  EXPECT_EQ(s.look().snd_cwnd, cwnd + 1000);
  EXPECT_GE(window, cwnd);
  EXPECT_LE(window, cwnd + 1000);
}

// proves: RFC5681-3.1-10, RFC5681-3.1-11
TEST(Congestion, a_timeout_halves_once_for_the_same_data) {
  Sender s;
  EXPECT_EQ(s.take().size(), 10u);
  for (int i = 0; i < 4; ++i) {
    s.time_out();
    EXPECT_EQ(s.look().snd_cwnd, 1000u);
    EXPECT_EQ(s.look().snd_ssthresh, 5000u);
    s.drop_output();
  }
}

// proves: RFC5681-3.2-2
TEST(Congestion, what_fills_a_gap_is_acknowledged_at_once) {
  OneEnd c;
  c.settings.quick_ack = false;
  c.establish({.mss = 1000});
  c.inject({.seq = c.peer_next + 2, .ack = kUna, .text = "c"});
  c.inject({.seq = c.peer_next + 4, .ack = kUna, .text = "e"});
  c.drop_output();
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "ab"});  // a part of it
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 3);
  c.inject({.seq = c.peer_next + 3, .ack = kUna, .text = "d"});
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 5);
}

// proves: RFC5681-3.2-3, RFC5681-3.2-4, RFC5681-3.2-5, RFC5681-3.2-7, RFC5681-3.2-8, RFC5681-3.2-9
TEST(Congestion, limited_transmit_and_fast_retransmit) {
  Sender s;
  EXPECT_EQ(s.take().size(), 10u);
  for (int i = 0; i < 2; ++i) {
    s.inject({.seq = s.peer_next, .ack = kUna});
    const wire::Segment one = s.expect_one();
    EXPECT_EQ(one.seq.value, kUna + 10000u + static_cast<std::uint32_t>(i) * 1000);
    EXPECT_EQ(s.look().snd_cwnd, 10000u);
  }
  s.inject({.seq = s.peer_next, .ack = kUna});
  EXPECT_EQ(s.look().snd_ssthresh, 5000u);  // half of 10, not of 12
  EXPECT_EQ(s.expect_one().seq.value, kUna);
}

// proves: RFC5681-3.2-10, RFC5681-3.2-11, RFC5681-3.2-12, RFC5681-3.2-13
TEST(Congestion, fast_recovery_lets_one_go_for_each_duplicate) {
  Sender s;
  s.drop_output();
  for (int i = 0; i < 3; ++i) s.get(0);
  // Two went by limited transmit: 12 under way; cwnd is 5, and 5 + 3 of 12 are accounted for.
  std::size_t sent = 0;
  for (int i = 4; i <= 9; ++i) sent += s.get(0);
  EXPECT_GT(sent, 0u);
  EXPECT_LE(sent, 3u);
  for (int i = 0; i < 100; ++i) sent += s.get(0);  // Savage's: more than were ever under way
  EXPECT_LE(sent, 7u);
  s.get(12000 + static_cast<std::uint32_t>(sent) * 1000);
  EXPECT_EQ(s.look().ca_state, 0);
  EXPECT_LE(s.look().snd_cwnd, 6000u);  // ssthresh, and at most one more for this ACK
}

// proves: RFC5681-4.1-1
TEST(Congestion, after_an_idle_rto_the_restart_window) {
  Sender s;
  s.drop_output();
  for (std::uint32_t acked = 1000; acked <= 80000; acked += 1000) s.get(acked);
  EXPECT_GT(s.look().snd_cwnd, 20000u);
  s.run(10s);
  ASSERT_TRUE(s.send(std::string(60000, 'x')));
  EXPECT_EQ(s.take().size(), 10u);
}

// proves: RFC5681-4.2-4
TEST(Congestion, one_ack_for_a_segment) {
  OneEnd c;
  c.establish({.mss = 1000});
  for (std::uint32_t i = 0; i < 20; ++i) {
    c.inject({.seq = c.peer_next + i * 1000, .ack = kUna, .size = 1000});
    EXPECT_LE(c.take().size(), 1u);
    c.inject({.seq = c.peer_next + 100000, .ack = kUna, .size = 10});
    EXPECT_LE(c.take().size(), 1u);
  }
}

// proves: RFC5681-4.3-4
TEST(Congestion, a_lost_retransmission_lowers_twice) {
  Sender s;
  s.drop_output();
  for (int i = 0; i < 3; ++i) s.get(0);
  EXPECT_EQ(s.look().snd_ssthresh, 5000u);
  s.time_out();
  EXPECT_LE(s.look().snd_ssthresh, 2500u);
  EXPECT_EQ(s.look().snd_cwnd, 1000u);
}

}  // namespace
}  // namespace estab::testing
