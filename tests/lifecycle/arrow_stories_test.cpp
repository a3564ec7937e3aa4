// Event stories that walk Figure 5: the RFC's own figures 6, 7, 12 and 13, its notes, and what the
// figure draws but no figure tells.
#include "lifecycle/story.h"
#include "support/tcp_bench.h"

namespace estab::lifecycle {
namespace {

using ::testing::ElementsAre;
using testing::OneEnd;

std::vector<int> arrows(const stack::Stack& s) { return arrows_in(stack::events_of(s)); }

// A connection from b's 10.0.0.2 to a's port 80; ours are the two ends.
struct Ends {
  stack::ListenerId listener;
  stack::ConnectionId a, b;
};
Ends open(NetStory& s) {
  Ends e;
  e.listener = stack::listen_on(s.a, {stack::ip4(1), {80}}, s.now);
  e.b = *s.b.connect(std::nullopt, {stack::ip4(1), {80}}, {}, s.now);
  s.run();
  const auto accepted = s.a.accept(e.listener, s.now);
  EXPECT_TRUE(accepted);
  e.a = accepted->connection;
  return e;
}

// Two sockets with fixed ports that connect to each other at the same moment.
Ends open_at_once(NetStory& s) {
  const auto here = s.a.bind({stack::ip4(1), {1000}}, {});
  const auto there = s.b.bind({stack::ip4(2), {2000}}, {});
  Ends e;
  e.a = *s.a.connect(*here, {stack::ip4(2), {2000}}, {}, s.now);
  e.b = *s.b.connect(*there, {stack::ip4(1), {1000}}, {}, s.now);
  return e;
}

STORY(Arrows, figure_6_and_12_handshake_and_normal_close) {
  NetStory s(log);
  const Ends e = open(s);
  EXPECT_THAT(s.take_wire(), ElementsAre("b S", "a S.", "b ."));
  EXPECT_THAT(arrows(s.b), ElementsAre(3, 10));
  EXPECT_THAT(arrows(s.a), ElementsAre(1, 6, 9));

  s.b.close(e.b, false, s.now);
  s.run();
  EXPECT_THAT(s.take_wire(), ElementsAre("b F.", "a ."));
  EXPECT_EQ(stack::in_state(s.b, State::FinWait2), 1u);
  EXPECT_EQ(stack::in_state(s.a, State::CloseWait), 1u);
  s.a.close(e.a, false, s.now);
  s.run();
  EXPECT_THAT(s.take_wire(), ElementsAre("a F.", "b ."));
  EXPECT_EQ(stack::in_state(s.b, State::TimeWait), 1u);
  s.run(60s + kTick);
  EXPECT_THAT(s.take_wire(), ElementsAre());
  EXPECT_THAT(arrows(s.b), ElementsAre(3, 10, 12, 14, 16, 20));
  EXPECT_THAT(arrows(s.a), ElementsAre(1, 6, 9, 13, 18, 19));
  s.a.close(e.listener, s.now);
  EXPECT_EQ(arrows(s.a).back(), 2);
}

STORY(Arrows, figure_7_MUST_10_simultaneous_open) {
  NetStory s(log);
  const Ends e = open_at_once(s);
  s.cross();
  EXPECT_THAT(arrows(s.a), ElementsAre(3, 8, 9));
  EXPECT_THAT(arrows(s.b), ElementsAre(3, 8, 9));
  EXPECT_EQ(s.a.counters()[Counter::EstabSimultaneousOpens], 1u);
  EXPECT_EQ(s.a.connection(e.a)->state(), State::Established);
  EXPECT_EQ(s.b.connection(e.b)->state(), State::Established);
  // b answers before a has looked: a finds SYN and SYN,ACK together, and one ACK says it all.
  EXPECT_THAT(s.take_wire(), ElementsAre("a S", "b S", "b S.", "a ."));
}

STORY(Arrows, figure_13_simultaneous_close) {
  NetStory s(log);
  const Ends e = open(s);
  s.take_wire();
  s.a.close(e.a, false, s.now);
  s.b.close(e.b, false, s.now);
  s.cross();
  EXPECT_THAT(s.take_wire(), ElementsAre("a F.", "b F.", "b .", "a ."));
  EXPECT_EQ(stack::in_state(s.a, State::TimeWait), 1u);
  EXPECT_EQ(stack::in_state(s.b, State::TimeWait), 1u);
  s.run(60s + kTick);
  EXPECT_THAT(arrows(s.a), ElementsAre(1, 6, 9, 12, 15, 17, 20));
  EXPECT_THAT(arrows(s.b), ElementsAre(3, 10, 12, 15, 17, 20));
}

// "conditional on having reached SYN-RECEIVED after a passive OPEN": the listener stays, the child
// goes; an active opener is refused.
STORY(Arrows, note_1_MUST_11_a_reset_in_syn_received) {
  StackStory s(log);
  s.listen(80);
  stack::Peer p = stack::peer_of(s, 80);
  p.send(kSyn);
  p.expect();
  p.send(kRst);
  p.expect_nothing();
  EXPECT_THAT(arrows_in(s.events()), ElementsAre(1, 6, 5));
  EXPECT_EQ(s.in(State::Listen), 1u);
  EXPECT_EQ(s.in(State::SynReceived), 0u);

  auto active = s.dialled(7);
  active.peer.send(kSyn);  // at the same time as ours: SYN-RECEIVED, opened actively
  EXPECT_EQ(active.peer.expect().flags, kSyn | kAck);
  EXPECT_EQ(s.in(State::SynReceived), 1u);
  active.peer.send(kRst);
  EXPECT_EQ(s.stack->connection(active.ours)->state(), State::Closed);
  EXPECT_EQ(s.error_of(active.ours), ECONNREFUSED);
}

STORY(Arrows, note_1_within_one_connection) {  // arrow 5 leads the very object back to LISTEN
  OneEnd c;
  c.open_passive();
  c.inject({.flags = kSyn, .seq = 1000});
  c.inject({.flags = kRst, .seq = 1001});
  EXPECT_EQ(c.c.state(), State::Listen);
  c.inject({.flags = kSyn, .seq = 7000});
  EXPECT_EQ(c.c.state(), State::SynReceived);
  EXPECT_THAT(c.arrows(), ElementsAre(1, 6, 5, 6));
  log.see(c.world.events);
}

// "The figure omits a transition from FIN-WAIT-1 to TIME-WAIT if a FIN is received and the local FIN
// is also acknowledged": arrow 14, then 16, within one segment.
STORY(Arrows, note_2_fin_with_the_ack_of_ours) {
  StackStory s(log);
  auto c = s.accepted(s.listen(80), 80);
  s.close(c.ours);
  EXPECT_EQ(c.peer.expect().flags, kFin | kAck);
  c.peer.send(kFin | kAck);
  EXPECT_EQ(c.peer.expect().flags, kAck);
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_THAT(arrows_in(s.events()), ElementsAre(1, 6, 9, 12, 14, 16));
}

STORY(Arrows, close_in_listen_and_in_syn_sent) {
  StackStory s(log);
  s.stack->close(s.listen(80), s.now);
  EXPECT_THAT(arrows_in(s.events()), ElementsAre(1, 2));
  const auto c = s.dialled(7);
  s.close(c.ours);
  EXPECT_THAT(arrows_in(s.events()), ElementsAre(1, 2, 3, 4));
  s.expect_nothing_left();
  EXPECT_TRUE(s.take().empty());  // 3.10.4 SYN-SENT: delete the TCB, say nothing
}

STORY(Arrows, close_in_syn_received) {
  StackStory s(log);
  auto c = s.dialled(7);
  c.peer.send(kSyn);
  EXPECT_EQ(c.peer.expect().flags, kSyn | kAck);
  s.close(c.ours);  // 3.10.4: nothing queued: form a FIN and enter FIN-WAIT-1
  EXPECT_EQ(s.in(State::FinWait1), 1u);
  c.peer.send(kAck);
  const wire::Segment fin = c.peer.expect();
  EXPECT_EQ(fin.flags, kFin | kAck);
  c.peer.send(kFin | kAck);
  EXPECT_THAT(arrows_in(s.events()), ElementsAre(3, 8, 11, 14, 16));
}

STORY(Arrows, send_in_listen) {  // arrow 7: sockets have no such call; the connection has
  OneEnd c;
  c.open_passive(true);
  EXPECT_TRUE(c.send("hello").has_value());
  EXPECT_EQ(c.c.state(), State::SynSent);
  EXPECT_EQ(c.expect_one().flags, kSyn);
  EXPECT_EQ(c.c.opened(), tcp::Opened::Actively);
  c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = c.iss() + 1});
  EXPECT_THAT(c.arrows(), ElementsAre(1, 7, 10));
  log.see(c.world.events);
}

STORY(Arrows, a_syn_in_syn_received_returns_to_listen) {  // 3.10.7.4 fourth; undrawn
  StackStory s(log);
  s.listen(80);
  stack::Peer p = stack::peer_of(s, 80);
  p.send(kSyn);
  p.expect();
  p.seq += 100;
  p.send(kSyn);  // another SYN, in the window
  EXPECT_EQ(s.in(State::SynReceived), 0u);
  EXPECT_EQ(s.events().back().to, State::Listen);
  EXPECT_EQ(s.events().back().event, Event::RcvSyn);
}

}  // namespace
}  // namespace estab::lifecycle
