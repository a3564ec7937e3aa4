// TIME-WAIT and orphaned FIN-WAIT-2 as records: L8, L10, L11, L12, L12b, L14, MUST-13.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using testing::IsEmpty;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};

// A server that accepted and closed first; the peer has answered with ACK and FIN.
struct Closed {
  explicit Closed(Bench& bench, IpAddress from = ip4(9), std::optional<std::uint32_t> ts = {},
                  const tcp::Settings& settings = {})
      : b(bench), p(peer_of(bench, 80, 5000, from)) {
    l = listen_on(*b.stack, at80, b.now, {}, {true}, settings);
    p.timestamp = ts;
    p.connect();
    const auto child = b->accept(l, b.now);
    EXPECT_TRUE(child);
    iss = p.ack;
    b->close(child->connection, false, b.now);
    b.run();
    EXPECT_EQ(p.expect().flags, kFin | kAck);
    p.send(kAck);
  }
  void finish() {
    if (p.timestamp) ++*p.timestamp;
    p.send(kFin | kAck);
    EXPECT_EQ(p.expect().flags, kAck);
    b.take();
  }
  Bench& b;
  Peer p;
  ListenerId l;
  std::uint32_t iss = 0;
};

std::uint64_t records(Bench& b) { return b->totals().time_wait_records; }

// proves: MUST-13
TEST(TimeWait, MUST_13_lasts_two_msl_and_is_a_record) {
  for (const IpAddress& from : {ip4(9), ip6(9)}) {
    Bench b;
    Closed c(b, from);
    c.finish();
    EXPECT_EQ(records(b), 1u);
    EXPECT_EQ(b->totals().connections, 0u);
    EXPECT_EQ(in_state(*b.stack, State::TimeWait), 1u);
    b.run(60s - 1ms);
    EXPECT_EQ(records(b), 1u);
    b.run(40ms);
    EXPECT_EQ(records(b), 0u);
    EXPECT_EQ(b.count(Counter::TcpExtTW), 1u);
    EXPECT_EQ(events_of(*b.stack).back().arrow, 20);
    EXPECT_EQ(in_state(*b.stack, State::TimeWait), 0u);
  }
}

TEST(TimeWait, its_length_is_a_knob_and_a_listener_s_own) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("time_wait", "10"));
  Closed c(b);
  c.finish();
  b.run(9s);
  EXPECT_EQ(records(b), 1u);
  b.run(2s);
  EXPECT_EQ(records(b), 0u);

  Bench own;
  tcp::Settings settings;
  settings.time_wait = 3s;
  Closed d(own, ip4(9), {}, settings);
  d.finish();
  own.run(2s);
  d.p.seq -= 1;
  d.p.send(kFin | kAck);  // L10 starts its own length anew
  own.run(2s);
  EXPECT_EQ(records(own), 1u);
  own.run(2s);
  EXPECT_EQ(records(own), 0u);
}

TEST(TimeWait, L8_an_orphan_in_fin_wait_2_is_a_record_and_ends) {
  Bench b;
  Closed c(b);
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(b->totals().connections, 0u);
  EXPECT_EQ(in_state(*b.stack, State::FinWait2), 1u);
  EXPECT_EQ(in_state(*b.stack, State::TimeWait), 0u);
  b.run(59s);
  EXPECT_EQ(records(b), 1u);
  b.run(2s);
  EXPECT_EQ(records(b), 0u);
  EXPECT_EQ(in_state(*b.stack, State::FinWait2), 0u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L8_FinWait2Timeout), 1u);
  EXPECT_EQ(b.count(Counter::EstabFinWait2Timeout), 1u);
}

TEST(TimeWait, L8_tcp_linger2_is_the_socket_s_own_wait) {
  Bench b;
  tcp::Settings settings;
  settings.fin_wait_2 = 5s;
  Closed c(b, ip4(9), {}, settings);
  b.run(4s);
  EXPECT_EQ(records(b), 1u);
  b.run(2s);
  EXPECT_EQ(records(b), 0u);
}

TEST(TimeWait, arrow_16_from_a_record) {
  Bench b;
  Closed c(b);
  b.run(30s);
  c.finish();
  EXPECT_EQ(in_state(*b.stack, State::TimeWait), 1u);
  EXPECT_EQ(events_of(*b.stack).back().arrow, 16);
  b.run(59s);  // 2 MSL from now on, whatever FIN-WAIT-2 had left
  EXPECT_EQ(records(b), 1u);
  b.run(2s);
  EXPECT_EQ(records(b), 0u);
}

TEST(TimeWait, data_for_an_orphan_in_fin_wait_2_is_reset) {
  Bench b;
  Closed c(b);
  c.p.send(kAck, 5);
  EXPECT_TRUE(c.p.expect().has(kRst));
  EXPECT_EQ(records(b), 0u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L19_DataAfterClose), 1u);
  EXPECT_EQ(in_state(*b.stack, State::FinWait2), 0u);
}

TEST(TimeWait, L10_the_fin_again_is_acknowledged_and_starts_anew) {
  Bench b;
  Closed c(b);
  c.finish();
  b.run(50s);
  c.p.seq -= 1;
  c.p.send(kFin | kAck);
  const wire::Segment ack = c.p.expect();
  EXPECT_EQ(ack.flags, kAck);
  EXPECT_EQ(ack.ack.value, c.p.seq);
  b.run(59s);
  EXPECT_EQ(records(b), 1u);
  b.run(2s);
  EXPECT_EQ(records(b), 0u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L10_FinAgain), 1u);
}

TEST(TimeWait, L11_old_data_is_acknowledged_and_changes_nothing) {
  Bench b;
  Closed c(b);
  c.finish();
  b.run(50s);
  c.p.seq -= 100;
  c.p.send(kAck, 10);
  EXPECT_EQ(c.p.expect().flags, kAck);
  c.p.send(kAck, 10);
  c.p.expect_nothing();  // rate limited
  EXPECT_EQ(b.count(Counter::TcpExtTCPACKSkippedTimeWait), 1u);
  b.run(11s);
  EXPECT_EQ(records(b), 0u);
}

TEST(TimeWait, L11r_rst_is_ignored_unless_the_knob_says_otherwise) {
  Bench b;
  Closed c(b);
  c.finish();
  c.p.send(kRst);
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(b.count(Counter::EstabTimeWaitRstIgnored), 1u);
  ASSERT_TRUE(b->set_tuning("tcp_rfc1337", "0"));
  c.p.send(kRst);
  EXPECT_EQ(records(b), 0u);
  EXPECT_EQ(b->totals().by_state[static_cast<std::size_t>(State::TimeWait)], 0u);
}

// proves: MAY-2, SHLD-4
TEST(TimeWait, L12_MAY_2_SHLD_4_a_rightful_syn_reopens) {
  struct Case {
    bool timestamps;
    std::int32_t seq;        // relative to the old RCV.NXT
    std::int32_t timestamp;  // relative to TS.Recent
    bool reopens;
  };
  const Case cases[] = {{false, 1, 0, true},     {false, -1000, 0, false}, {true, -1000, 5, true},
                        {true, 1000, -5, false}, {true, 1000, 0, true},    {true, -1000, 0, false}};
  for (const Case& x : cases) {
    Bench b;
    Closed c(b, ip4(9), x.timestamps ? std::optional(100u) : std::nullopt);
    c.finish();
    const std::uint32_t old_snd_nxt = c.p.ack;
    b.run(100ms);  // within the peer's ISN clock, not ours
    c.p.seq += static_cast<std::uint32_t>(x.seq);
    if (c.p.timestamp) *c.p.timestamp += static_cast<std::uint32_t>(x.timestamp);
    c.p.ack = 0;
    c.p.send(kSyn);
    const auto sent = b.take();
    EXPECT_EQ(b->totals().syn_records, x.reopens ? 1u : 0u);
    EXPECT_EQ(records(b), 1u) << "the record is kept until the third ACK";
    if (!x.reopens) {
      EXPECT_THAT(sent, testing::Each(testing::Field(&wire::Segment::flags, kAck)));
      continue;
    }
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].flags, kSyn | kAck);
    // RFC 9293 3.6.1 (1): larger than the largest number of the previous incarnation
    EXPECT_GT(static_cast<std::int32_t>(sent[0].seq.value - old_snd_nxt), 0);
    c.p.ack = sent[0].seq.value + 1;
    if (sent[0].options.timestamps) c.p.echo = sent[0].options.timestamps->value;
    c.p.send(kAck);
    EXPECT_EQ(records(b), 0u);
    EXPECT_TRUE(b->accept(c.l, b.now));
    EXPECT_EQ(count_rule(*b.stack, Rule::L12_Reopened), 1u);
    EXPECT_EQ(b.count(Counter::EstabTimeWaitReopened), 1u);
  }
}

TEST(TimeWait, a_syn_for_nobody_leaves_the_record_alone) {
  Bench b;
  Closed c(b);
  c.finish();
  b->close(c.l, b.now);
  b.run(1s);
  c.p.seq += 1000;
  c.p.send(kSyn);
  EXPECT_EQ(c.p.expect().flags, kAck);  // a challenge, not a RST
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(b->totals().syn_records, 0u);
}

// A forged or old SYN, to whose SYN,ACK the true peer says RST.
TEST(TimeWait, L12b_the_syn_proves_old_back_to_time_wait) {
  Bench b;
  Closed c(b);
  c.finish();
  const std::uint32_t rcv_nxt = c.p.seq;
  b.run(10s);
  c.p.seq += 5000;
  c.p.send(kSyn);
  EXPECT_EQ(c.p.expect().flags, kSyn | kAck);
  wire::Segment rst = c.p.make(kRst);
  rst.seq = {c.p.seq};
  b.give(rst);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(in_state(*b.stack, State::TimeWait), 1u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L12b_ReturnedToTimeWait), 1u);
  EXPECT_EQ(b.count(Counter::EstabTimeWaitReturned), 1u);
  EXPECT_EQ(b.count(Counter::EstabTimeWaitReopened), 0u);
  // It is the old record in every respect.
  c.p.seq = rcv_nxt - 1;
  c.p.send(kFin | kAck);
  EXPECT_EQ(c.p.expect().ack.value, rcv_nxt);
  EXPECT_EQ(count_rule(*b.stack, Rule::L10_FinAgain), 1u);
}

TEST(TimeWait, L12b_a_handshake_that_never_ends_returns_too) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("time_wait", "200"));
  Closed c(b);
  c.finish();
  c.p.seq += 5000;
  c.p.send(kSyn);
  b.run(70s);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L4_SynAckRetriesSpent), 1u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L12b_ReturnedToTimeWait), 1u);
  EXPECT_EQ(records(b), 1u);
  b.run(131s);
  EXPECT_EQ(records(b), 0u);
}

TEST(TimeWait, L12b_closing_the_listener_returns_too) {
  Bench b;
  Closed c(b);
  c.finish();
  c.p.seq += 5000;
  c.p.send(kSyn);
  b->close(c.l, b.now);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L12b_ReturnedToTimeWait), 1u);
}

// The forged SYN must not make the true peer's FIN go unanswered meanwhile.
TEST(TimeWait, while_reopened_the_old_peer_s_fin_is_still_acknowledged) {
  Bench b;
  Closed c(b);
  c.finish();
  const std::uint32_t rcv_nxt = c.p.seq;
  const std::uint32_t snd_nxt = c.p.ack;
  b.run(1s);
  c.p.seq += 5000;
  c.p.send(kSyn);
  c.p.expect();
  c.p.seq = rcv_nxt - 1;
  c.p.ack = snd_nxt;
  c.p.send(kFin | kAck);
  const wire::Segment ack = c.p.expect();
  EXPECT_EQ(ack.flags, kAck);
  EXPECT_EQ(ack.ack.value, rcv_nxt);
  EXPECT_EQ(b->totals().syn_records, 1u);
}

TEST(TimeWait, a_record_may_run_out_while_reopened) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("time_wait", "2"));
  Closed c(b);
  c.finish();
  c.p.seq += 5000;
  c.p.send(kSyn);
  const wire::Segment syn_ack = c.p.expect();
  b.run(5s);
  b.take();
  EXPECT_EQ(records(b), 0u);
  EXPECT_EQ(b->totals().syn_records, 1u);
  c.p.ack = syn_ack.seq.value + 1;
  c.p.send(kAck);
  EXPECT_TRUE(b->accept(c.l, b.now));
  EXPECT_EQ(b.count(Counter::EstabTimeWaitReopened), 0u);

  Bench d;
  ASSERT_TRUE(d->set_tuning("time_wait", "2"));
  Closed e(d);
  e.finish();
  e.p.seq += 5000;
  e.p.send(kSyn);
  d.run(5s);
  d.take();
  e.p.send(kRst);
  EXPECT_EQ(d->totals().syn_records, 0u);
  EXPECT_EQ(records(d), 0u);
  EXPECT_EQ(count_rule(*d.stack, Rule::L12b_ReturnedToTimeWait), 0u);
}

TEST(TimeWait, L14_past_the_bound_the_newest_closes_at_once) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("tcp_max_tw_buckets", "3"));
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  for (std::uint16_t i = 0; i < 5; ++i) {
    Peer p = peer_of(b, 80, 5000 + i);
    p.connect();
    const auto child = b->accept(l, b.now);
    b->close(child->connection, false, b.now);
    b.run();
    p.expect();
    p.send(kFin | kAck);
    EXPECT_EQ(p.expect().flags, kAck);
  }
  EXPECT_EQ(records(b), 3u);
  EXPECT_EQ(b->totals().connections, 0u);
  EXPECT_EQ(b.count(Counter::TcpExtTCPTimeWaitOverflow), 2u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L14_TooManyTimeWait), 2u);
  // The oldest is still there, the newest is nobody's.
  Peer oldest = peer_of(b, 80, 5000);
  oldest.seq = 1001;
  oldest.send(kFin | kAck);
  EXPECT_EQ(oldest.expect().flags, kAck);
  Peer newest = peer_of(b, 80, 5004);
  newest.seq = 1001;
  newest.send(kFin | kAck);
  EXPECT_TRUE(newest.expect().has(kRst));
}

// A socket that is slow to close keeps its unread data, but not the tuple.
TEST(TimeWait, unread_data_outlives_the_connection) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  const auto child = b->accept(l, b.now);
  p.send(kAck, 7);
  ASSERT_TRUE(b->shutdown(child->connection, false, true, b.now));
  b.run();
  b.take();
  p.ack += 1;
  p.send(kFin | kAck);
  b.take();
  EXPECT_EQ(records(b), 1u);
  EXPECT_EQ(in_state(*b.stack, State::TimeWait), 1u);
  b.run(61s);
  EXPECT_EQ(records(b), 0u);
  std::array<std::uint8_t, 20> to;
  const auto read = b->receive(child->connection, to, false, b.now);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->bytes, 7u);
  EXPECT_EQ(b->receive(child->connection, to, false, b.now)->bytes, 0u);
  b->close(child->connection, false, b.now);
  EXPECT_EQ(b->totals().connections, 0u);
  EXPECT_EQ(b->totals().payload_bytes, 0u);
  b.run();
  EXPECT_THAT(b.take(), IsEmpty());
}

// A server closes and listens again at once.
TEST(TimeWait, bind_over_time_wait_needs_reuse_address_as_in_linux) {
  for (const bool first : {false, true}) {
    for (const bool second : {false, true}) {
      Bench b;
      const auto binding = b->bind({ip4(1), {80}}, {.reuse_address = first});
      const auto l = b->listen(*binding, {}, {}, b.now);
      Peer p = peer_of(b, 80);
      p.connect();
      const auto child = b->accept(*l, b.now);
      b->close(child->connection, false, b.now);
      b.run();
      p.expect();
      p.send(kFin | kAck);
      b->close(*l, b.now);
      b->unbind(*binding);
      ASSERT_EQ(records(b), 1u);
      const auto again = b->bind({ip4(1), {80}}, {.reuse_address = second});
      EXPECT_EQ(again.has_value(), first && second);
      if (again) {
        EXPECT_TRUE(b->listen(*again, {}, {}, b.now));
      } else {
        EXPECT_EQ(again.error().value(), EADDRINUSE);
      }
      EXPECT_TRUE(b->bind({ip6(1), {80}}, {}));  // another address: no conflict
      b.run(61s);
      EXPECT_EQ(b->bind({ip4(1), {80}}, {}).has_value(), !again);
    }
  }
}

}  // namespace
}  // namespace estab::stack
