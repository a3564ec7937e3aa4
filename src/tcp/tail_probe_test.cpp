// RFC 8985 7, and where a sender's time goes (send_limits.h).
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;
constexpr std::uint32_t kPeer = OneEnd::kIrs + 1;

// A round trip of 100 ms, SACK agreed on, ten segments of 1000 in the window.
struct Sacked : OneEnd {
  Sacked() { establish_with({.mss = 1000, .sack_permitted = true}); }
  void establish_with(const wire::TcpOptions& options, std::uint16_t window = 65535) {
    settings.congestion = tcp::Algorithm::Reno;
    open_active();
    world.now += 100ms;
    inject({.flags = kSyn | kAck, .seq = kIrs, .ack = kUna, .window = window, .options = options});
    drop_output();
  }
  std::int64_t cwnd() { return c.info(world.tuning, world.now).snd_cwnd; }
  std::int64_t ssthresh() { return c.info(world.tuning, world.now).snd_ssthresh; }
  void acknowledge(std::uint32_t upto, std::optional<wire::SackBlock> sack = std::nullopt) {
    Peer p{.seq = kPeer, .ack = kUna + upto};
    if (sack) {
      p.options.sack[0] = *sack;
      p.options.sack_count = 1;
    }
    inject(p);
  }
  static wire::SackBlock block(std::uint32_t from, std::uint32_t to) {
    return {WireSeq{kUna + from}, WireSeq{kUna + to}};
  }
};

TEST(TailProbe, the_last_segment_goes_again_after_two_round_trips) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.drop_output();
  c.run(201ms);
  c.expect_silence();
  c.run(1ms);
  const auto probe = c.expect_one();
  EXPECT_EQ(probe.seq.value, kUna + 2000);
  EXPECT_EQ(probe.payload.size(), 1000u);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbes), 1u);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPTimeouts), 0u);
  c.run(299ms);  // one probe a flight; the timeout counts from it
  c.expect_silence();
  c.run(2ms);
  EXPECT_EQ(c.expect_one().seq.value, kUna);
}

TEST(TailProbe, a_lone_segment_leaves_time_for_a_delayed_ack) {
  Sacked c;
  ASSERT_TRUE(c.send("a"));
  c.drop_output();
  c.run(299ms);
  c.expect_silence();
  c.run(2ms);  // 2 * SRTT + 200 ms, but not later than the timeout
  c.expect_one();
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbes), 1u);
}

TEST(TailProbe, new_data_goes_first_even_beyond_the_congestion_window) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(15000, 'x')));
  EXPECT_EQ(c.take().size(), 10u);
  c.run(203ms);
  EXPECT_EQ(c.expect_one().seq.value, kUna + 10000);
}

TEST(TailProbe, a_fin_alone_is_the_tail) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(2000, 'x')));
  c.close();
  c.drop_output();
  c.run(203ms);
  const auto probe = c.expect_one();
  EXPECT_TRUE(probe.has(kFin));
  EXPECT_EQ(probe.payload.size(), 0u);
}

TEST(TailProbe, none_without_sack_or_by_knob) {
  Sacked plain;
  plain.c = Connection{};
  plain.establish_with({.mss = 1000});
  Sacked off;
  off.world.tuning.tcp_early_retrans = 0;
  for (Sacked* c : {&plain, &off}) {
    ASSERT_TRUE(c->send(std::string(3000, 'x')));
    c->drop_output();
    c->run(299ms);
    c->expect_silence();
  }
}

TEST(TailProbe, a_repaired_loss_halves_what_was_in_flight_at_the_probe) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(8000, 'x')));
  c.run(203ms);
  c.acknowledge(8000);  // the probe filled the one hole
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbeRecovery), 0u);  // that is not known yet
  c.world.tuning.tcp_slow_start_after_idle = 0;
  ASSERT_TRUE(c.send(std::string(500, 'x')));
  c.acknowledge(8500);  // and no D-SACK came
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbeRecovery), 1u);
  EXPECT_EQ(c.ssthresh(), 4000);
}

TEST(TailProbe, a_duplicate_of_the_probe_says_that_nothing_was_lost) {
  for (const bool dsack : {true, false}) {
    Sacked c;
    ASSERT_TRUE(c.send(std::string(8000, 'x')));
    c.run(203ms);
    const std::int64_t before = c.cwnd();
    if (dsack) {
      c.acknowledge(8000, Sacked::block(7000, 8000));
    } else {  // two plain ACKs of all: both copies arrived
      c.acknowledge(8000);
      ASSERT_TRUE(c.send("a"));
      c.acknowledge(8000);
    }
    ASSERT_TRUE(c.send("b"));
    c.acknowledge(dsack ? 8001 : 8002);
    EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbeRecovery), 0u);
    EXPECT_GE(c.cwnd(), before);
  }
}

// The probe's SACK starts fast recovery: the window is reduced once, not once more at its end.
TEST(TailProbe, fast_recovery_reduces_the_window_alone) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(8000, 'x')));
  c.run(203ms);
  c.acknowledge(1000, Sacked::block(4000, 8000));
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPSackRecovery), 1u);
  const std::int64_t reduced = c.ssthresh();
  c.acknowledge(8000);
  ASSERT_TRUE(c.send(std::string(500, 'x')));
  c.acknowledge(8500);
  EXPECT_EQ(c.ssthresh(), reduced);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPLossProbeRecovery), 0u);
}

TEST(TailProbe, a_probe_fits_a_path_that_became_narrower) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.path.mtu = 600;
  auto cx = c.world.context();
  c.c.on_path_mtu(600, cx);
  c.run(10s);
  const auto all = c.take();
  ASSERT_GT(all.size(), 3u);
  for (std::size_t i = 3; i < all.size(); ++i) EXPECT_LE(all[i].payload.size(), 560u);
}

TEST(SendLimits, the_peer_s_window_and_the_time_in_flight) {
  Sacked c;
  c.c = Connection{};
  c.establish_with({.mss = 1000}, 2000);
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.run(50ms);
  auto info = c.c.info(c.world.tuning, c.world.now);
  EXPECT_EQ(info.busy, 50ms);
  EXPECT_EQ(info.limited_by_window, 50ms);
  EXPECT_EQ(info.limited_by_buffer, 0ms);
  c.acknowledge(2000);  // opens the window: the rest is on its way
  c.run(30ms);
  info = c.c.info(c.world.tuning, c.world.now);
  EXPECT_EQ(info.busy, 80ms);
  EXPECT_EQ(info.limited_by_window, 50ms);
  c.acknowledge(3000);
  c.run(1s);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).busy, 80ms);
}

TEST(SendLimits, a_small_buffer) {
  Sacked c;
  c.settings.send_buffer = 2000;
  c.settings.send_buffer_fixed = true;
  c.c = Connection{};
  c.establish_with({.mss = 1000}, 10000);  // chunks of 5000, ten segments of congestion window
  ASSERT_TRUE(c.send(std::string(6000, 'x')));
  c.run(50ms);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).limited_by_buffer, 50ms);
}

// Who has closed and is acknowledged is busy no more, however long the peer takes.
TEST(SendLimits, nothing_in_fin_wait_2) {
  Sacked c;
  ASSERT_TRUE(c.send(std::string(1000, 'x')));
  c.shutdown_write();
  c.run(50ms);
  c.acknowledge(1001);
  ASSERT_EQ(c.c.state(), State::FinWait2);
  c.run(1h);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).busy, 50ms);
}

// TCP_NOTSENT_LOWAT bounds send(), by copy and without, alike.
TEST(NotSentLowWater, bounds_what_send_takes) {
  for (const bool copied : {true, false}) {
    Sacked c;
    c.settings.not_sent_low_water = 4000;
    c.c = Connection{};
    c.establish_with({.mss = 1000});
    const std::string text(60000, 'x');
    const Bytes bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
    auto cx = c.world.context();
    const auto taken =
        copied ? c.c.send(bytes, false, false, cx) : c.c.send(Slice::copy_of(bytes), false, cx);
    ASSERT_TRUE(taken);
    // A chunk is half of the peer's window: ten segments of it leave, and it is filled up again.
    EXPECT_EQ(*taken, 42000u);
    EXPECT_EQ(c.c.send(bytes, false, false, cx).error().value(), EAGAIN);
  }
}

}  // namespace
}  // namespace estab::testing
