// Rules of practice L8 to L14: FIN-WAIT-2 and TIME-WAIT.
#include "lifecycle/story.h"

namespace estab::lifecycle {
namespace {

constexpr std::uint16_t kPort = 80;

// Our end closed first: a record in TIME-WAIT. peer.seq is behind the peer's FIN, peer.ack behind
// ours.
struct InTimeWait : StackStory {
  explicit InTimeWait(Observed& to, std::optional<std::uint32_t> timestamp = {},
                      stack::Config config = stack::test_config())
      : StackStory(to, std::move(config)),
        listener(listen(kPort)),
        peer(stack::peer_of(*this, kPort)) {
    auto c = accepted(listener, kPort, 5000, timestamp);
    close(c.ours);
    EXPECT_EQ(c.peer.expect().flags, kFin | kAck);
    c.peer.send(kFin | kAck);
    EXPECT_EQ(c.peer.expect().flags, kAck);
    peer.seq = c.peer.seq;
    peer.ack = c.peer.ack;
    peer.timestamp = c.peer.timestamp;
    peer.echo = c.peer.echo;
    EXPECT_EQ(in(State::TimeWait), 1u);
    EXPECT_EQ(stack->totals().time_wait_records, 1u);
  }
  void fin_again() {
    --peer.seq;
    peer.send(kFin | kAck);
  }
  stack::ListenerId listener;
  stack::Peer peer;
};

STORY(Rules, L8_fin_wait_2_of_an_orphan) {
  StackStory s(log);
  auto c = s.connected(7);
  s.close(c.ours);
  c.peer.expect();
  c.peer.send(kAck);
  EXPECT_EQ(s.in(State::FinWait2), 1u);
  EXPECT_EQ(s.stack->totals().time_wait_records, 1u);  // in the same compact form
  s.run(59s);
  EXPECT_EQ(s.in(State::FinWait2), 1u);
  s.run(1s + kTick);
  EXPECT_TRUE(s.take().empty());
  EXPECT_EQ(s.count(Counter::EstabFinWait2Timeout), 1u);
  EXPECT_EQ(s.last(Rule::L8_FinWait2Timeout).from, State::FinWait2);
  s.expect_nothing_left();
  c.peer.send(kFin | kAck);
  EXPECT_EQ(c.peer.expect().flags, kRst);  // nobody is there any more: L23
}

STORY(Rules, L9_half_close_waits) {
  StackStory s(log);
  auto c = s.connected(7);
  s.shutdown_write(c.ours);
  c.peer.expect();
  c.peer.send(kAck);
  EXPECT_EQ(s.last(Rule::L9_HalfCloseWaits).from, State::FinWait2);
  s.run(24h);
  EXPECT_EQ(s.in(State::FinWait2), 1u);
  EXPECT_TRUE(s.take().empty());
  c.peer.send(kAck, 100);
  s.run(1s);
  std::vector<std::uint8_t> bytes(1000);
  EXPECT_EQ(s.stack->receive(c.ours, bytes, false, s.now)->bytes, 100u);
  EXPECT_EQ(s.write_error(c.ours), EPIPE);
}

STORY(Rules, L10_fin_again) {
  InTimeWait s(log);
  s.run(50s);
  s.fin_again();
  const wire::Segment ack = s.peer.expect();
  EXPECT_EQ(ack.flags, kAck);
  EXPECT_EQ(ack.ack.value, s.peer.seq);
  EXPECT_EQ(s.count(Counter::EstabTimeWaitFinAgain), 1u);
  EXPECT_EQ(s.last(Rule::L10_FinAgain).to, State::TimeWait);
  s.fin_again();
  s.peer.expect_nothing();  // at once again: the answer is rate limited
  EXPECT_EQ(s.count(Counter::TcpExtTCPACKSkippedTimeWait), 1u);
  s.run(59s);
  EXPECT_EQ(s.in(State::TimeWait), 1u);  // the 2 MSL started anew
  s.run(1s + kTick);
  s.expect_nothing_left();
  EXPECT_EQ(s.events().back().arrow, 20);
}

STORY(Rules, L11_old_segments_do_not_hold_it) {
  InTimeWait s(log);
  for (int i = 0; i < 10; ++i) {
    s.run(1s);
    s.peer.send(kAck);  // a bare ACK at RCV.NXT: nothing
    s.peer.expect_nothing();
  }
  const auto answered = [&](stack::Peer from, wire::Flags flags, std::uint32_t at,
                            std::size_t text) {
    s.run(5s);
    from.seq = at;
    from.send(flags, text);
    EXPECT_EQ(s.take().size(), 1u) << wire::flags_text(flags);
    EXPECT_EQ(s.last(Rule::L11_OldSegment).at, s.now) << wire::flags_text(flags);
  };
  answered(s.peer, kAck, s.peer.seq - 300, 100);     // old data
  answered(s.peer, kAck, s.peer.seq - 2, 1);         // a keep-alive probe
  answered(s.peer, kAck, s.peer.seq + 1, 0);         // an ACK inside the window
  answered(s.peer, kAck, s.peer.seq + 200000, 100);  // beyond the window
  s.run(5s);
  s.peer.seq = 1000;
  s.peer.send(kSyn | kAck);
  EXPECT_EQ(s.take().size(), 1u);
  s.run(60s - 10s - 25s - 1s);
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  s.run(1s + kTick);
  s.expect_nothing_left();  // 60 s after it began, whatever was said
}

STORY(Rules, L11r_a_reset_does_not_end_it) {
  InTimeWait s(log);
  s.peer.send(kRst);
  s.peer.expect_nothing();
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_EQ(s.count(Counter::EstabTimeWaitRstIgnored), 1u);
  EXPECT_EQ(s.last(Rule::L11r_RstIgnored).to, State::TimeWait);
  s.set("tcp_rfc1337", "0");
  s.peer.send(kRst);
  s.expect_nothing_left();
}

// The new ISN is above all that the old incarnation sent: nothing old can enter.
STORY(Rules, L12_MAY_2_and_SHLD_4_reopened_by_a_newer_syn) {
  for (const bool timestamps : {false, true}) {
    InTimeWait s(log, timestamps ? std::optional(1000u) : std::nullopt);
    const std::uint32_t old_end = s.peer.ack;
    stack::Peer again = stack::peer_of(s, kPort);
    again.seq = timestamps ? s.peer.seq - 5000 : s.peer.seq + 1;  // the timestamp alone suffices
    if (timestamps) again.timestamp = 1001;
    again.send(kSyn);
    const wire::Segment answer = again.expect();
    EXPECT_EQ(answer.flags, kSyn | kAck);
    EXPECT_GT(static_cast<std::int32_t>(answer.seq.value - old_end), 0);
    EXPECT_EQ(s.stack->totals().time_wait_records, 1u);  // kept until the SYN has proved itself
    again.send(kAck);
    EXPECT_EQ(s.stack->totals().time_wait_records, 0u);
    EXPECT_EQ(s.in(State::Established), 1u);
    EXPECT_EQ(s.count(Counter::EstabTimeWaitReopened), 1u);
    EXPECT_EQ(s.last(Rule::L12_Reopened).from, State::TimeWait);
  }
}

STORY(Rules, L12_an_older_syn_is_not_taken) {
  InTimeWait without(log);
  stack::Peer old = stack::peer_of(without, kPort);
  old.seq = without.peer.seq - 10;
  old.send(kSyn);
  EXPECT_EQ(old.expect().flags, kAck);  // by its number alone: asked
  InTimeWait with(log, 1000u);
  stack::Peer older = stack::peer_of(with, kPort);
  older.seq = with.peer.seq + 10;
  older.timestamp = 999;
  older.send(kSyn);
  older.expect_nothing();  // by its timestamp: surely old
  EXPECT_EQ(with.count(Counter::EstabTimeWaitSynOld), 1u);
  EXPECT_EQ(with.in(State::TimeWait), 1u);
}

STORY(Rules, L12b_an_old_syn_gives_it_back) {  // RFC 1122 4.2.2.13 (2)
  InTimeWait s(log);
  stack::Peer again = stack::peer_of(s, kPort);
  again.seq = s.peer.seq + 1;
  again.send(kSyn);
  EXPECT_EQ(again.expect().flags, kSyn | kAck);
  EXPECT_EQ(s.in(State::SynReceived), 1u);
  s.fin_again();  // the true peer still wants its ACK
  EXPECT_EQ(s.peer.expect().flags, kAck);
  again.send(kRst);  // "I never asked for this"
  EXPECT_EQ(s.in(State::SynReceived), 0u);
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_EQ(s.count(Counter::EstabTimeWaitReturned), 1u);
  EXPECT_EQ(s.last(Rule::L12b_ReturnedToTimeWait).to, State::TimeWait);
  s.run(60s + kTick);
  s.expect_nothing_left();
}

STORY(Rules, L12b_a_handshake_that_never_ends_gives_it_back) {
  InTimeWait s(log);
  s.set("tcp_synack_retries", "2");
  stack::Peer forged = stack::peer_of(s, kPort);
  forged.seq = s.peer.seq + 1;
  forged.send(kSyn);
  s.run(8s);
  EXPECT_EQ(s.in(State::SynReceived), 0u);
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_EQ(s.last(Rule::L12b_ReturnedToTimeWait).to, State::TimeWait);
  s.run(60s - 8s + kTick);  // its 2 MSL went on
  s.expect_nothing_left();
}

// Somebody guessed the name and an ISN; then the true peer comes back with a SYN of its own.
STORY(Rules, L12b_a_forged_syn_does_not_keep_the_true_peer_out) {
  InTimeWait s(log);
  stack::Peer forged = stack::peer_of(s, kPort);
  forged.seq = s.peer.seq + 1000000;
  forged.send(kSyn);
  s.take();
  stack::Peer again = stack::peer_of(s, kPort);
  again.seq = s.peer.seq + 1;
  again.send(kSyn);
  const wire::Segment ack = again.expect();  // of the forged one: the true peer says RST to that
  EXPECT_EQ(ack.flags, kAck);
  again.seq = ack.ack.value;
  again.send(kRst);
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_EQ(s.in(State::SynReceived), 0u);
  again.seq = s.peer.seq + 1;
  again.send(kSyn);  // its repeat
  EXPECT_EQ(again.expect().flags, kSyn | kAck);
  again.send(kAck);
  EXPECT_EQ(s.in(State::Established), 1u);
  EXPECT_EQ(s.in(State::TimeWait), 0u);
}

STORY(Rules, L12b_only_where_a_listener_stands) {
  StackStory s(log);
  auto p = s.connected(7);  // we dialled: nobody listens on our port
  s.close(p.ours);
  s.take();
  p.peer.ack += 1;
  p.peer.send(kFin | kAck);
  s.take();
  ASSERT_EQ(s.in(State::TimeWait), 1u);
  stack::Peer forged = p.peer;
  forged.seq += 1000;
  forged.send(kSyn);
  EXPECT_EQ(forged.expect().flags, kAck);  // a challenge
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_EQ(s.in(State::SynReceived), 0u);
  EXPECT_EQ(s.count(Counter::EstabTimeWaitSynOld), 1u);
}

STORY(Rules, L13_connect_takes_it_over) {
  StackStory s(log);
  s.set("tcp_tw_reuse", "1");
  const auto port = s.stack->bind({stack::ip4(1), {6000}}, {true});
  const auto connect = [&] { return s.stack->connect(*port, {stack::ip4(9), {7}}, {}, s.now); };
  const auto id = connect();
  ASSERT_TRUE(id);
  s.run();
  stack::Peer p{s, {{stack::ip4(9), {7}}, {stack::ip4(1), {6000}}}};
  p.timestamp = 500;
  const wire::Segment syn = p.expect();
  p.ack = syn.seq.value + 1;
  p.send(kSyn | kAck);
  p.expect();
  s.close(*id);
  p.expect();
  p.send(kFin | kAck);
  p.expect();
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  s.run(999ms);
  EXPECT_EQ(connect().error().value(), EADDRNOTAVAIL);
  EXPECT_EQ(s.stack->port_shortage()->in_time_wait, 1u);
  s.run(1ms);
  ASSERT_TRUE(connect());
  s.run();
  const wire::Segment next = p.expect();
  EXPECT_EQ(next.flags, kSyn);
  EXPECT_GT(static_cast<std::int32_t>(next.seq.value - p.ack), 0);
  EXPECT_EQ(s.count(Counter::TcpExtTWRecycled), 1u);
  EXPECT_EQ(s.last(Rule::L13_ReusedByConnect).from, State::TimeWait);
  EXPECT_EQ(s.in(State::TimeWait), 0u);
}

STORY(Rules, L14_too_many) {
  StackStory s(log);
  s.set("tcp_max_tw_buckets", "1");
  const auto listener = s.listen(kPort);
  for (const std::uint16_t from : {std::uint16_t{5000}, std::uint16_t{5001}}) {
    auto c = s.accepted(listener, kPort, from);
    s.close(c.ours);
    c.peer.expect();
    c.peer.send(kFin | kAck);
    EXPECT_EQ(c.peer.expect().flags, kAck);  // the FIN is acknowledged all the same
  }
  EXPECT_EQ(s.stack->totals().time_wait_records, 1u);
  EXPECT_EQ(s.count(Counter::TcpExtTCPTimeWaitOverflow), 1u);
  EXPECT_EQ(s.last(Rule::L14_TooManyTimeWait).to, State::Closed);
  s.run(60s + kTick);
  s.expect_nothing_left();
}

}  // namespace
}  // namespace estab::lifecycle
