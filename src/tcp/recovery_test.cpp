// Loss, reordering and needless timeouts as a connection meets them: RFC 8985, 5682, 3522, 3708; ECN,
// RFC 3168.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;
using Blocks = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

// Ten segments of 1000 octets under way, and a round trip of 100 ms over.
struct Flight : OneEnd {
  explicit Flight(std::size_t bytes = 10000, bool stamps = false, wire::Flags more = 0) {
    world.tuning.tcp_mtu_probing = 0;
    if (more != 0) world.tuning.tcp_ecn = 1;
    open_active();
    world.now += 100ms;
    wire::TcpOptions o{.mss = 1000, .sack_permitted = true};
    if (stamps) {
      o.timestamps = wire::Timestamps{1, 0};
      o.mss = 1012;  // 12 of them for the option
    }
    stamped = stamps;
    inject({.flags = static_cast<wire::Flags>(kSyn | kAck | more),
            .seq = kIrs,
            .ack = kUna,
            .options = o});
    drop_output();
    EXPECT_TRUE(send(std::string(bytes, 'x')));
    first = take();
    stamp = stamped ? first.front().options.timestamps->value : 0;
    run(100ms);
  }
  void get(std::uint32_t acked, const Blocks& blocks = {}, wire::Flags more = 0) {
    wire::TcpOptions o;
    for (const auto& [b, e] : blocks)
      o.sack[o.sack_count++] = {WireSeq{kUna + b}, WireSeq{kUna + e}};
    if (stamped) o.timestamps = wire::Timestamps{2, stamp};
    inject({.flags = static_cast<wire::Flags>(kAck | more),
            .seq = peer_next,
            .ack = kUna + acked,
            .options = o});
  }

  std::vector<wire::Segment> first;
  std::uint32_t stamp = 0;
  bool stamped = false;
};

TEST(Recovery, one_sack_and_time) {
  Flight f;
  f.get(0, {{9000, 10000}});
  EXPECT_EQ(f.look().ca_state, 1);
  f.run(26ms);  // a quarter of the round trip for what may be out of order, and timers' slack
  EXPECT_EQ(f.sent(), (std::vector<std::uint32_t>{}));
  f.run(1ms);
  EXPECT_EQ(f.sent(), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(f.look().ca_state, 3);
  EXPECT_EQ(f.look().lost, 9u);
}

TEST(Recovery, what_came_late_is_reordering_and_no_loss) {
  Flight f;
  f.get(0, {{1000, 2000}});
  f.run(10ms);
  f.get(2000);
  EXPECT_EQ(f.look().ca_state, 0);
  EXPECT_EQ(f.look().reord_seen, 1u);
  EXPECT_EQ(f.world.count(Counter::TcpExtTCPSACKReorder), 1u);
  EXPECT_EQ(f.look().total_retrans, 0u);
}

TEST(Recovery, a_lost_retransmission_goes_again_without_a_timeout) {
  Flight f(30000);
  f.get(0, {{1000, 4000}});
  EXPECT_EQ(f.sent().front(), 0u);
  f.run(50ms);
  f.get(0, {{1000, 10000}});
  f.drop_output();
  f.run(100ms);
  f.get(0, {{1000, 12000}});  // what left after the copy has arrived
  const auto again = f.sent();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front(), 0u);
  EXPECT_EQ(f.world.count(Counter::TcpExtTCPLostRetransmit), 1u);
  EXPECT_EQ(f.world.count(Counter::TcpExtTCPTimeouts), 0u);
}

TEST(Recovery, d_sacks_for_every_copy_undo_the_reduction) {
  Flight f(30000);
  f.get(0, {{1000, 4000}});
  EXPECT_EQ(f.sent().front(), 0u);
  EXPECT_EQ(f.look().snd_ssthresh, 7000u);
  f.get(4000);
  f.drop_output();
  f.get(4000, {{0, 1000}});
  EXPECT_EQ(f.world.count(Counter::TcpExtTCPDSACKUndo), 1u);
  EXPECT_GE(f.look().snd_cwnd, 10000u);
  EXPECT_GT(f.look().snd_ssthresh, 1u << 30);
}

TEST(Recovery, an_echo_from_before_the_copy_undoes_it) {
  Flight f(30000, true);
  f.get(0, {{1000, 4000}});
  EXPECT_EQ(f.sent().front(), 0u);
  f.run(10ms);
  f.get(4000);  // echoes the original's timestamp
  EXPECT_EQ(f.look().ca_state, 0);
  EXPECT_GE(f.look().snd_cwnd, 10000u);
}

// RFC 5682: all were only late; the timeout was needless.
TEST(Recovery, f_rto) {
  Flight f(30000);
  f.time_out();
  EXPECT_EQ(f.sent(), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(f.look().snd_cwnd, 1000u);
  f.get(1000);
  EXPECT_GE(f.sent().front(), 10000u);  // new data, nothing again
  f.get(2000);
  EXPECT_EQ(f.world.count(Counter::TcpExtTCPSpuriousRTOs), 1u);
  EXPECT_EQ(f.look().ca_state, 0);
  EXPECT_GE(f.look().snd_cwnd, 10000u);
}

TEST(Recovery, a_timeout_that_was_right_sends_the_rest_again) {
  Flight f(10000);
  f.time_out();
  f.drop_output();
  f.get(1000);  // no new data to try with
  EXPECT_EQ(f.sent(), (std::vector<std::uint32_t>{1000, 2000}));
  EXPECT_EQ(f.look().ca_state, 4);
}

// --- ECN ----------------------------------------------------------------------------------------

// proves: SHLD-8
TEST(EcnSender, marks_new_data_alone_and_halves_once_a_window) {
  Flight f(30000, false, wire::kEce);
  for (const auto& s : f.first) EXPECT_EQ(s.tos & 3, 2);
  f.get(1000, {}, wire::kEce);
  EXPECT_EQ(f.look().ca_state, 2);
  EXPECT_EQ(f.look().snd_ssthresh, 7000u);
  EXPECT_TRUE(f.look().ecn);
  f.get(2000, {}, wire::kEce);
  EXPECT_EQ(f.look().snd_ssthresh, 7000u);
  f.get(9000);
  const auto fresh = f.take();
  ASSERT_FALSE(fresh.empty());
  EXPECT_EQ(fresh.front().tos & 3, 2);
  EXPECT_TRUE(fresh.front().has(wire::kCwr) || f.look().segs_out > 12);
  f.time_out();
  const auto again = f.take();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front().tos & 3, 0);  // RFC 3168 6.1.5
}

// proves: SHLD-8
TEST(EcnReceiver, echoes_until_the_sender_has_reduced) {
  Flight f(1000, false, wire::kEce);
  f.get(1000);
  const auto data = [&](std::uint32_t seq, std::uint8_t tos, wire::Flags more) {
    wire::Segment s = f.build({.flags = static_cast<wire::Flags>(kAck | more),
                               .seq = f.peer_next + seq,
                               .ack = kUna + 1000,
                               .size = 10});
    s.tos = tos;
    auto cx = f.world.context();
    f.c.on_segment(s, cx);
    f.transmit();
    return f.expect_one();
  };
  EXPECT_FALSE(data(0, 2, 0).has(wire::kEce));
  EXPECT_TRUE(data(10, 3, 0).has(wire::kEce));
  EXPECT_TRUE(data(20, 2, 0).has(wire::kEce));
  EXPECT_FALSE(data(30, 2, wire::kCwr).has(wire::kEce));
  EXPECT_TRUE(f.look().ecn_seen);
}

// proves: SHLD-8
TEST(Ecn, agreed_on_only_by_both) {
  for (const std::int64_t knob : {0, 1, 2}) {
    OneEnd c;
    c.world.tuning.tcp_ecn = knob;
    c.open_active();
    const auto syn = c.expect_one();
    EXPECT_EQ(syn.has(wire::kEce) && syn.has(wire::kCwr), knob == 1);
    OneEnd p;
    p.world.tuning.tcp_ecn = knob;
    p.open_passive();
    p.inject(
        {.flags = static_cast<wire::Flags>(kSyn | wire::kEce | wire::kCwr), .seq = OneEnd::kIrs});
    const auto answer = p.expect_one();
    EXPECT_EQ(answer.has(wire::kEce), knob != 0);
    EXPECT_FALSE(answer.has(wire::kCwr));
  }
}

TEST(Ecn, a_repeated_syn_asks_no_more) {
  OneEnd c;
  c.world.tuning.tcp_ecn = 1;
  c.open_active();
  c.drop_output();
  c.run(1100ms);
  EXPECT_FALSE(c.expect_one().has(wire::kEce));
}

}  // namespace
}  // namespace estab::testing
