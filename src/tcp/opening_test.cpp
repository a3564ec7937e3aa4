// OPEN: RFC 9293 3.4.1, 3.5, 3.7.1.
#include <set>

#include "support/tcp_bench.h"
#include "tcp/mss.h"

namespace estab::testing {
namespace {

// proves: RFC6528-3-1, RFC6528-3-2
TEST(Isn, MUST_8_and_MUST_9_and_SHLD_1_clock_and_keyed_hash) {
  const FourTuple t = test_tuple();
  FourTuple other = t;
  other.remote.port = Port{5001};
  const tcp::IsnGenerator isn(SipKey{{1, 2}}), foreign(SipKey{{1, 3}});
  const Instant now = Instant{} + 5s;
  // The clock ticks every 4 us.
  EXPECT_EQ(isn.initial_sequence(t, now + 4us).value - isn.initial_sequence(t, now).value, 1u);
  EXPECT_EQ(isn.initial_sequence(t, now + 1s).value - isn.initial_sequence(t, now).value, 250000u);
  // Without the key nothing of one connection tells of another, and the key matters.
  EXPECT_NE(isn.initial_sequence(t, now), foreign.initial_sequence(t, now));
  EXPECT_NE(isn.initial_sequence(t, now), isn.initial_sequence(other, now));
  std::set<std::uint32_t> differences;
  for (std::uint16_t p = 1000; p < 1100; ++p) {
    FourTuple a = t, b = t;
    a.remote.port = Port{p};
    b.remote.port = Port{static_cast<std::uint16_t>(p + 1)};
    differences.insert(isn.initial_sequence(a, now).value - isn.initial_sequence(b, now).value);
  }
  EXPECT_GT(differences.size(), 98u);
}

// proves: RFC7323-7-1
TEST(Isn, one_timestamp_offset_a_peer) {
  const tcp::IsnGenerator isn(SipKey{{1, 2}});
  FourTuple a = test_tuple(), b = a, c = a;
  b.remote.port = Port{9};
  c.remote.address = IpAddress::v4(10, 0, 0, 3);
  EXPECT_EQ(isn.timestamp_offset(a), isn.timestamp_offset(b));
  EXPECT_NE(isn.timestamp_offset(a), isn.timestamp_offset(c));
}

TEST(Open, MUST_10_simultaneous_open) {  // RFC 9293 figure 7
  OneEnd c;
  c.open_active();
  c.drop_output();
  c.inject({.flags = kSyn, .seq = 1000});
  EXPECT_EQ(c.c.state(), State::SynReceived);
  wire::Segment s = c.expect_one();
  EXPECT_EQ(s.flags, kSyn | kAck);
  EXPECT_EQ(s.seq.value, 5000u);
  EXPECT_EQ(s.ack.value, 1001u);
  c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = 5001});
  EXPECT_EQ(c.c.state(), State::Established);
  EXPECT_EQ(c.arrows(), (std::vector<int>{3, 8, 9}));
  EXPECT_EQ(c.world.count(Counter::EstabSimultaneousOpens), 1u);
}

TEST(Open, MUST_10_both_ends_of_estab_open_at_once) {
  TwoEnds w;
  auto cx = w.world.context();
  w.a = Connection::open_active(1, test_tuple(), {}, {}, WireSeq{100}, 0, cx);
  w.b = Connection::open_active(2, test_tuple().reversed(), {}, {}, WireSeq{900}, 0, cx);
  w.flush(w.a, false);
  w.flush(w.b, true);
  EXPECT_TRUE(w.run(
      10s, [&] { return w.a.state() == State::Established && w.b.state() == State::Established; }));
  EXPECT_LT(w.carried, 10u);
}

TEST(Open, MUST_11_syn_received_remembers_who_opened) {
  OneEnd passive;
  passive.reach(State::SynReceived);
  passive.inject({.flags = kRst, .seq = 1001});
  EXPECT_EQ(passive.c.state(), State::Listen);  // note 1
  EXPECT_EQ(passive.c.take_error(), 0);         // "the user need not be informed"

  OneEnd active;
  active.open_active();
  active.inject({.flags = kSyn, .seq = 1000});
  active.inject({.flags = kRst, .seq = 1001});
  EXPECT_EQ(active.c.state(), State::Closed);
  EXPECT_EQ(active.c.take_error(), ECONNREFUSED);
}

TEST(Open, a_syn_in_the_window_returns_a_passive_one_to_listen) {
  OneEnd c;
  c.reach(State::SynReceived);
  c.inject({.flags = kSyn, .seq = 1010});
  EXPECT_EQ(c.c.state(), State::Listen);
  c.expect_silence();
  c.inject({.flags = kSyn, .seq = 77});
  EXPECT_EQ(c.c.state(), State::SynReceived);
}

TEST(Open, arrow_7_send_in_listen) {
  OneEnd c;
  c.open_passive(true);
  ASSERT_TRUE(c.send("hello"));
  EXPECT_EQ(c.c.state(), State::SynSent);
  EXPECT_EQ(c.expect_one().flags, kSyn);
  c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = 5001});
  auto out = c.take();
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.front().payload.size(), 5u);
  EXPECT_EQ(c.arrows(), (std::vector<int>{1, 7, 10}));
}

TEST(Open, MUST_14_and_MUST_65_and_SHLD_5_and_MAY_3_mss_option_on_syn_alone) {
  OneEnd c;
  c.open_active();
  EXPECT_EQ(c.expect_one().options.mss, 1460);
  c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = 5001});
  ASSERT_TRUE(c.send("x"));
  for (const auto& s : c.take()) EXPECT_FALSE(s.options.mss);
}

TEST(Open, MUST_67_and_SHLD_6_mss_follows_what_we_can_receive) {
  OneEnd c;
  c.path.our_mtu = 9000;
  c.open_active();
  EXPECT_EQ(c.expect_one().options.mss, 8960);
  EXPECT_EQ(tcp::mss_for_mtu(1500, false), 1440);
}

TEST(Open, MUST_15_default_send_mss) {
  wire::Segment syn;
  syn.tuple = test_tuple();
  Tuning tuning;
  EXPECT_EQ(tcp::peer_mss_of(syn, tuning), 536);
  syn.tuple.remote.address = *IpAddress::parse("fd00::1");
  EXPECT_EQ(tcp::peer_mss_of(syn, tuning), 1220);
  OneEnd c;
  c.establish();
  ASSERT_TRUE(c.send(std::string(2000, 'x')));
  EXPECT_EQ(c.take().front().payload.size(), 536u);
}

// proves: RFC8201-5.4-2
TEST(Open, MUST_16_effective_send_mss_is_the_smallest) {
  OneEnd c;
  c.path.mtu = 1400;
  c.establish({.mss = 1460, .timestamps = wire::Timestamps{1, 0}});
  ASSERT_TRUE(c.send(std::string(5000, 'x')));
  // 1400 - 40 - 12 of timestamps
  EXPECT_EQ(c.take().front().payload.size(), 1348u);
  OneEnd d;
  d.establish({.mss = 700});
  ASSERT_TRUE(d.send(std::string(5000, 'x')));
  EXPECT_EQ(d.take().front().payload.size(), 700u);
}

TEST(Open, a_tiny_mss_is_not_obeyed) {  // CVE-2019-11479
  OneEnd c;
  c.establish({.mss = 1});
  ASSERT_TRUE(c.send(std::string(500, 'x')));
  EXPECT_EQ(c.take().front().payload.size(), 48u);
}

TEST(Open, MUST_22_and_MUST_23_syn_is_repeated_for_three_minutes) {
  OneEnd c;
  const Instant start = c.world.now;
  c.open_active();
  c.run(179s);
  EXPECT_EQ(c.c.state(), State::SynSent);
  c.run(200s);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_GE(c.c.state_since() - start, 180s);
  EXPECT_EQ(c.c.take_error(), ETIMEDOUT);
  EXPECT_TRUE(c.saw(Rule::L1_SynRetriesSpent));
  EXPECT_EQ(c.take().size(), 8u);
}

TEST(Open, tcp_syncnt_shortens_it) {
  OneEnd c;
  c.settings.syn_retries = 1;
  c.open_active();
  c.run(4s);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.take().size(), 2u);
}

TEST(Open, L3_refused) {
  OneEnd c;
  c.open_active();
  c.drop_output();
  c.inject({.flags = kRst, .seq = 0});  // without an ACK: not an answer
  EXPECT_EQ(c.c.state(), State::SynSent);
  c.inject({.flags = kRst | kAck, .seq = 0, .ack = 5001});
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.c.take_error(), ECONNREFUSED);
  EXPECT_TRUE(c.saw(Rule::L3_SynRefused));
}

TEST(Open, MUST_4_options_of_a_syn_are_agreed_on) {
  OneEnd c;
  c.open_active();
  const wire::Segment syn = c.expect_one();
  EXPECT_TRUE(syn.options.sack_permitted);
  EXPECT_TRUE(syn.options.timestamps);
  EXPECT_TRUE(syn.options.window_scale);
  c.inject({.flags = kSyn | kAck,
            .seq = 1000,
            .ack = 5001,
            .options = {.mss = 1000, .window_scale = 20, .sack_permitted = true}});
  const tcp::Info i = c.c.info(c.world.tuning, c.world.now);
  EXPECT_FALSE(i.timestamps);
  EXPECT_TRUE(i.sack);
  EXPECT_EQ(i.snd_wnd_shift, 14);  // RFC 7323 2.3
  EXPECT_FALSE(c.expect_one().options.timestamps);
}

}  // namespace
}  // namespace estab::testing
