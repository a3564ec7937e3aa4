// Rules of practice L15 to L23: resets, challenges, aborts, timeouts and strangers.
#include "lifecycle/story.h"

namespace estab::lifecycle {
namespace {

constexpr std::uint16_t kPort = 7;

STORY(Rules, L15_MUST_12_reset_at_exactly_rcv_nxt) {
  {
    StackStory s(log);
    auto c = s.connected(kPort);
    c.peer.send(kRst);
    c.peer.expect_nothing();
    EXPECT_EQ(s.last(Rule::L15_Reset).error, ECONNRESET);
    EXPECT_EQ(s.read_error(c.ours), ECONNRESET);
    EXPECT_EQ(s.read_error(c.ours), 0);  // told once; then end of stream
    EXPECT_EQ(s.write_error(c.ours), EPIPE);
    EXPECT_EQ(s.count(Counter::TcpEstabResets), 1u);
  }
  StackStory s(log);
  auto c = s.connected(kPort);
  c.peer.send(kFin | kAck);
  c.peer.expect();
  EXPECT_EQ(s.write_error(c.ours), 0);  // in CLOSE-WAIT a write is allowed
  s.run();
  c.peer.expect();
  c.peer.send(kRst);
  EXPECT_EQ(s.last(Rule::L15_Reset).from, State::CloseWait);
  EXPECT_EQ(s.write_error(c.ours), EPIPE);
}

STORY(Rules, L16_challenge) {  // RFC 5961 3 to 5
  StackStory s(log);
  auto c = s.connected(kPort);
  const auto challenged = [&](wire::Flags flags, std::uint32_t seq, std::uint32_t ack) {
    s.run(501ms);  // tcp_invalid_ratelimit
    stack::Peer forger = c.peer;
    forger.seq = seq;
    forger.ack = ack;
    const auto before = s.count(Counter::TcpExtTCPChallengeACK);
    forger.send(flags);
    const auto answer = s.take();
    ASSERT_EQ(answer.size(), 1u);
    EXPECT_EQ(answer[0].flags, kAck);
    EXPECT_EQ(answer[0].seq.value, c.peer.ack);
    EXPECT_EQ(answer[0].ack.value, c.peer.seq);
    EXPECT_EQ(s.last(Rule::L16_Challenge).at, s.now);
    EXPECT_EQ(s.count(Counter::TcpExtTCPChallengeACK), before + 1);
    forger.send(flags);
    EXPECT_TRUE(s.take().empty()) << "not rate limited";
  };
  challenged(kRst, c.peer.seq + 100, 0);
  challenged(kSyn, c.peer.seq + 100, 0);
  challenged(kSyn, c.peer.seq - 100000, 0);
  challenged(kAck, c.peer.seq, c.peer.ack + 1);         // acknowledges what was never sent
  challenged(kAck, c.peer.seq, c.peer.ack - 50000000);  // long before SND.UNA
  EXPECT_EQ(s.count(Counter::TcpExtTCPSYNChallenge), 4u);
  EXPECT_GT(s.count(Counter::TcpExtTCPACKSkippedChallenge), 0u);
  EXPECT_EQ(s.in(State::Established), 1u);
}

STORY(Rules, L16_the_whole_stack_has_one_limit) {  // RFC 5961 7
  StackStory s(log);
  s.set("tcp_challenge_ack_limit", "10");
  s.set("tcp_invalid_ratelimit", "0");
  auto c = s.connected(kPort);
  stack::Peer forger = c.peer;
  for (int i = 0; i < 1000; ++i) {
    forger.seq = c.peer.seq + 100;
    forger.send(kSyn);
  }
  EXPECT_LT(s.take().size(), 40u);
  EXPECT_GT(s.count(Counter::TcpExtTCPACKSkippedChallenge), 900u);
}

STORY(Rules, L17_abort_and_linger_zero) {
  {
    StackStory s(log);
    auto c = s.connected(kPort);
    s.close(c.ours, true);
    EXPECT_EQ(c.peer.expect().flags & (kRst | kFin), kRst);
    EXPECT_EQ(s.last(Rule::L17_Aborted).from, State::Established);
    EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnData), 1u);
    s.expect_nothing_left();
  }
  StackStory s(log);
  auto c = s.connected(kPort);
  s.stack->abort(c.ours, s.now);
  s.run();
  EXPECT_EQ(c.peer.expect().flags & kRst, kRst);
  EXPECT_EQ(s.error_of(c.ours), ECONNABORTED);
  s.close(c.ours);
  s.expect_nothing_left();
}

STORY(Rules, L18_and_SHLD_3_unread_data) {
  StackStory s(log);
  auto c = s.connected(kPort);
  c.peer.send(kAck, 10);
  c.peer.expect();
  s.close(c.ours);
  EXPECT_EQ(c.peer.expect().flags & (kRst | kFin), kRst);  // the peer reads ECONNRESET
  EXPECT_EQ(s.last(Rule::L18_ClosedWithUnreadData).event, Event::Abort);
  EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnClose), 1u);
  s.expect_nothing_left();
}

STORY(Rules, L19_and_MAY_1_and_SHLD_3_data_after_close) {
  for (const bool in_fin_wait_2 : {false, true}) {
    StackStory s(log);
    auto c = s.connected(kPort);
    s.close(c.ours);
    c.peer.expect();
    if (!in_fin_wait_2) --c.peer.ack;  // our FIN is not acknowledged
    if (in_fin_wait_2) c.peer.send(kAck);
    c.peer.send(kAck, 10);
    EXPECT_EQ(c.peer.expect().flags & kRst, kRst);
    EXPECT_EQ(s.last(Rule::L19_DataAfterClose).from,
              in_fin_wait_2 ? State::FinWait2 : State::FinWait1);
    EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnData), 1u);
    s.expect_nothing_left();
  }
}

STORY(Rules, L20_retransmissions_spent) {
  StackStory s(log);
  auto c = s.connected(kPort);
  s.fill(c.ours, 10);
  s.run(800s);
  EXPECT_EQ(s.in(State::Established), 1u);
  s.take();
  s.run(400s);  // tcp_retries2 = 15: 924.6 s at least
  const auto last = s.take();
  ASSERT_FALSE(last.empty());
  EXPECT_EQ(last.back().flags & kRst, kRst);  // the state is known: the peer may hear of it
  EXPECT_EQ(s.last(Rule::L20_TimedOut).error, ETIMEDOUT);
  EXPECT_GE(s.last(Rule::L20_TimedOut).in_state, 924s);
  EXPECT_EQ(s.error_of(c.ours), ETIMEDOUT);
  EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnTimeout), 1u);
}

STORY(Rules, L20_user_timeout_and_keep_alive) {
  {
    StackStory s(log);
    tcp::Settings settings;
    settings.user_timeout = 5s;
    auto c = s.connected(kPort, settings);
    s.fill(c.ours, 10);
    s.run(13s);
    EXPECT_EQ(s.error_of(c.ours), ETIMEDOUT);
    EXPECT_EQ(s.last(Rule::L20_TimedOut).from, State::Established);
  }
  StackStory s(log);
  tcp::Settings settings;
  settings.keep_alive = true;
  settings.keep_idle = 10s;
  settings.keep_interval = 2s;
  settings.keep_count = 3;
  auto c = s.connected(kPort, settings);
  s.run(15s);
  EXPECT_EQ(s.take().size(), 3u);
  s.run(1s);
  EXPECT_EQ(c.peer.expect().flags & kRst, kRst);
  EXPECT_EQ(s.read_error(c.ours), ETIMEDOUT);
  EXPECT_EQ(s.last(Rule::L20_TimedOut).error, ETIMEDOUT);
}

STORY(Rules, L21_orphans_give_up_early) {
  StackStory s(log);
  auto c = s.connected(kPort);
  s.close(c.ours);
  s.run(300s);  // tcp_orphan_retries = 8: 102.2 s at least
  const auto sent = s.take();
  EXPECT_EQ(sent.back().flags & kRst, kRst);
  EXPECT_EQ(s.last(Rule::L21_OrphanLimit).from, State::FinWait1);
  EXPECT_GE(s.last(Rule::L21_OrphanLimit).in_state, 102s);
  EXPECT_EQ(s.count(Counter::EstabOrphanTimeout), 1u);
  s.expect_nothing_left();
}

STORY(Rules, L21_no_more_orphans_than_the_limit) {
  StackStory s(log);
  s.set("tcp_max_orphans", "1");
  auto first = s.connected(kPort);
  auto second = s.connected(kPort + 1);
  s.close(first.ours);
  EXPECT_EQ(first.peer.expect().flags, kFin | kAck);
  s.close(second.ours);
  EXPECT_EQ(second.peer.expect().flags & (kRst | kFin), kRst);
  EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnMemory), 1u);
  EXPECT_EQ(s.stack->totals().orphans, 1u);
}

// FreeBSD-SA-15:13, sockstress: the peer takes an octet now and then, so that nothing ever counts as
// silence. The orphan's last hour ends it.
STORY(Rules, L22_closing_is_bounded) {
  StackStory s(log);
  s.set("orphan_lifetime", "600");
  auto c = s.connected(kPort);
  s.fill(c.ours, 60000);
  s.close(c.ours);
  std::uint32_t taken = c.peer.ack;
  const Instant begun = s.now;
  while (s.stack->totals().orphans > 0 && s.now - begun < 1h) {
    s.take();
    stack::Peer p = c.peer;
    p.ack = taken++;
    wire::Segment trickle = p.make(kAck);
    trickle.window = 1;
    s.give(trickle);
    s.run(10s);
  }
  EXPECT_LE(s.now - begun, 610s);
  EXPECT_EQ(s.last(Rule::L22_ClosingBounded).from, State::FinWait1);
  EXPECT_EQ(s.last(Rule::L22_ClosingBounded).error, ETIMEDOUT);
  EXPECT_EQ(s.count(Counter::EstabOrphanTimeout), 1u);
  EXPECT_EQ(s.take().back().flags & kRst, kRst);
  s.expect_nothing_left();
}

STORY(Rules, L23_no_connection) {
  StackStory s(log);
  stack::Peer p = stack::peer_of(s, 99);
  p.ack = 4711;
  p.send(kAck, 3);
  const wire::Segment for_ack = p.expect();
  EXPECT_EQ(for_ack.flags, kRst);
  EXPECT_EQ(for_ack.seq.value, 4711u);
  p.seq = 1000;
  p.send(kSyn);
  const wire::Segment for_syn = p.expect();
  EXPECT_EQ(for_syn.flags, kRst | kAck);
  EXPECT_EQ(for_syn.seq.value, 0u);
  EXPECT_EQ(for_syn.ack.value, 1001u);
  p.send(kRst);
  p.expect_nothing();  // never a RST for a RST
  EXPECT_EQ(s.count(Counter::EstabTcpNoConnection), 3u);
  EXPECT_EQ(s.last(Rule::L23_NoConnection).segment_flags, kSyn);
  for (int i = 0; i < 1000; ++i) p.send(kAck);
  EXPECT_LT(s.take().size(), 300u);  // tcp_rst_ratelimit_prefix
  EXPECT_GT(s.count(Counter::EstabRstLimited), 700u);
}

}  // namespace
}  // namespace estab::lifecycle
