// Rules of practice L1 to L7: what goes wrong while a connection opens.
#include "lifecycle/story.h"
#include "wire/icmp.h"

namespace estab::lifecycle {
namespace {

// An ICMP destination unreachable that quotes the start of `packet`, sent to its source.
Slice unreachable(wire::Icmpv4Unreachable code, const Slice& packet) {
  const auto quoted = wire::parse_ip(packet.bytes());
  wire::IcmpMessage m;
  m.type = static_cast<std::uint8_t>(wire::Icmpv4Type::kDestinationUnreachable);
  m.code = static_cast<std::uint8_t>(code);
  m.body = packet.bytes().first(28);  // IP header and 8 octets: the sequence number is the last
  wire::IpPacket ip;
  ip.source = stack::ip4(254);
  ip.destination = quoted->source;
  ip.protocol = static_cast<std::uint8_t>(wire::Protocol::kIcmpv4);
  std::vector<std::uint8_t> bytes(20 + wire::kIcmpHeader + m.body.size());
  const std::size_t header = wire::build_ip(ip, bytes.size() - 20, bytes.data());
  wire::build_icmp(m, ip.source, ip.destination, bytes.data() + header);
  return Slice::copy_of(bytes);
}

STORY(Rules, L1_syn_retries_spent) {
  StackStory s(log);
  const auto c = s.dialled(80);
  s.run(600s);
  EXPECT_EQ(s.take().size(), 7u);  // tcp_syn_retries
  EXPECT_EQ(s.count(Counter::TcpExtTCPSynRetrans), 7u);
  EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnTimeout), 1u);
  EXPECT_EQ(s.last(Rule::L1_SynRetriesSpent).error, ETIMEDOUT);
  EXPECT_EQ(s.last(Rule::L1_SynRetriesSpent).from, State::SynSent);
  EXPECT_GE(s.last(Rule::L1_SynRetriesSpent).in_state, 180s);  // MUST-23
  EXPECT_EQ(s.error_of(c.ours), ETIMEDOUT);
  EXPECT_EQ(s.error_of(c.ours), 0);
}

STORY(Rules, L2_syn_unreachable) {
  struct Case {
    wire::Icmpv4Unreachable code;
    int error;
  };
  for (const Case each : {Case{wire::Icmpv4Unreachable::kHost, EHOSTUNREACH},
                          Case{wire::Icmpv4Unreachable::kNet, ENETUNREACH},
                          Case{wire::Icmpv4Unreachable::kPort, ECONNREFUSED}}) {
    StackStory s(log);
    const auto id = s.stack->connect(std::nullopt, {stack::ip4(9), {80}}, {}, s.now);
    s.run();
    ASSERT_EQ(s.device.out.size(), 1u);
    const Slice syn = s.device.out.front();
    s.take();
    std::vector<std::uint8_t> forged(syn.bytes().begin(), syn.bytes().end());
    forged[24] ^= 1;  // another sequence number: a guess (RFC 5927 4)
    s.device.in.push_back(unreachable(each.code, Slice::copy_of(forged)));
    s.run();
    EXPECT_EQ(s.stack->connection(*id)->state(), State::SynSent);
    EXPECT_EQ(s.count(Counter::TcpExtOutOfWindowIcmps), 1u);

    s.device.in.push_back(unreachable(each.code, syn));
    s.run();
    EXPECT_EQ(s.stack->connection(*id)->state(), State::Closed);
    EXPECT_EQ(s.last(Rule::L2_SynUnreachable).error, each.error);
    EXPECT_EQ(s.error_of(*id), each.error);
    EXPECT_EQ(s.count(Counter::TcpAttemptFails), 1u);
    EXPECT_TRUE(s.take().empty());
  }
}

STORY(Rules, L3_refused) {
  StackStory s(log);
  auto c = s.dialled(80);
  c.peer.ack -= 1;
  c.peer.send(kRst | kAck);  // acknowledges nothing of ours: anybody's guess
  EXPECT_EQ(s.stack->connection(c.ours)->state(), State::SynSent);
  c.peer.ack += 1;
  c.peer.send(kRst | kAck);
  EXPECT_EQ(s.last(Rule::L3_SynRefused).error, ECONNREFUSED);
  EXPECT_EQ(s.error_of(c.ours), ECONNREFUSED);
  EXPECT_EQ(s.count(Counter::TcpAttemptFails), 1u);
  c.peer.expect_nothing();
}

STORY(Rules, L4_syn_ack_retries_spent) {
  StackStory s(log);
  s.listen(80);
  stack::Peer p = stack::peer_of(s, 80);
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
  s.run(62s);
  EXPECT_EQ(s.in(State::SynReceived), 1u);
  s.run(2s);
  const auto repeated = s.take();
  EXPECT_EQ(repeated.size(), 5u);  // tcp_synack_retries, and nothing at the end
  for (const wire::Segment& each : repeated) EXPECT_EQ(each.flags, kSyn | kAck);
  EXPECT_EQ(s.count(Counter::TcpExtTCPSynRetrans), 5u);
  EXPECT_EQ(s.count(Counter::TcpAttemptFails), 1u);
  EXPECT_EQ(s.last(Rule::L4_SynAckRetriesSpent).from, State::SynReceived);
  s.expect_nothing_left();
}

STORY(Rules, L5_accept_queue_full) {
  StackStory s(log);
  const auto listener = s.listen(80, {.backlog = 0});  // room for one
  stack::Peer first = stack::peer_of(s, 80, 5000);
  stack::Peer second = stack::peer_of(s, 80, 5001);
  first.send(kSyn);
  first.expect();
  s.run();
  first.send(kAck);
  second.send(kSyn);  // the queue is full by now: not even a record
  second.expect_nothing();
  EXPECT_EQ(s.count(Counter::TcpExtListenOverflows), 1u);

  ASSERT_TRUE(s.stack->set_backlog(listener, 1));
  stack::Peer third = stack::peer_of(s, 80, 5002);
  third.send(kSyn);
  third.expect();
  ASSERT_TRUE(s.stack->set_backlog(listener, 0));
  third.send(kAck);  // the final ACK finds it full: silence, and the SYN,ACK repeats
  third.expect_nothing();
  EXPECT_EQ(s.count(Counter::TcpExtListenOverflows), 2u);
  EXPECT_EQ(s.count(Counter::TcpExtListenDrops), 2u);
  EXPECT_EQ(s.last(Rule::L5_AcceptQueueFull).to, State::SynReceived);
  s.run(1s + kTick);
  EXPECT_EQ(third.expect().flags, kSyn | kAck);
  ASSERT_TRUE(s.stack->accept(listener, s.now));
  third.send(kAck);
  EXPECT_EQ(s.in(State::Established), 2u);
}

STORY(Rules, L5_abort_on_overflow) {
  StackStory s(log);
  s.set("tcp_abort_on_overflow", "1");
  const auto listener = s.listen(80, {.backlog = 1});
  stack::Peer first = stack::peer_of(s, 80, 5000);
  stack::Peer second = stack::peer_of(s, 80, 5001);
  first.connect();
  second.send(kSyn);
  second.expect();
  ASSERT_TRUE(s.stack->set_backlog(listener, 0));
  second.send(kAck);
  EXPECT_EQ(second.expect().flags, kRst);
  EXPECT_EQ(s.last(Rule::L5_AcceptQueueFull).to, State::Closed);
  EXPECT_EQ(s.in(State::SynReceived), 0u);
}

STORY(Rules, L6_syn_queue_full_draws_a_cookie) {
  StackStory s(log);
  s.set("tcp_max_syn_backlog", "1");
  const auto listener = s.listen(80);
  stack::Peer first = stack::peer_of(s, 80, 5000);
  stack::Peer second = stack::peer_of(s, 80, 5001);
  first.send(kSyn);
  first.expect();
  second.send(kSyn);
  EXPECT_EQ(second.expect().flags, kSyn | kAck);
  EXPECT_EQ(s.in(State::SynReceived), 1u);  // nothing was stored for the second
  EXPECT_EQ(s.count(Counter::TcpExtSyncookiesSent), 1u);
  EXPECT_EQ(s.last(Rule::L6_SynQueueFull).to, State::Listen);
  second.send(kAck);
  EXPECT_EQ(s.count(Counter::TcpExtSyncookiesRecv), 1u);
  EXPECT_EQ(s.last(Rule::L6_SynQueueFull).to, State::SynReceived);  // arrow 6, known only now
  EXPECT_EQ(s.last(Rule::L6_SynQueueFull).arrow, 6);
  EXPECT_EQ(s.in(State::Established), 1u);
  EXPECT_TRUE(s.stack->accept(listener, s.now));
}

STORY(Rules, L6_syn_queue_full_drops_without_cookies) {
  StackStory s(log);
  s.set("tcp_syncookies", "0");
  s.set("tcp_max_syn_backlog", "1");
  s.listen(80);
  stack::Peer first = stack::peer_of(s, 80, 5000);
  stack::Peer second = stack::peer_of(s, 80, 5001);
  first.send(kSyn);
  first.expect();
  second.send(kSyn);
  second.expect_nothing();  // dropped: its sender will try again
  EXPECT_EQ(s.count(Counter::TcpExtTCPReqQFullDrop), 1u);
  EXPECT_EQ(s.last(Rule::L6_SynQueueFull).to, State::Listen);
  EXPECT_EQ(s.in(State::SynReceived), 1u);
}

STORY(Rules, L7_listener_closed) {
  StackStory s(log);
  const auto listener = s.listen(80);
  stack::Peer waits = stack::peer_of(s, 80, 5000);
  stack::Peer opens = stack::peer_of(s, 80, 5001);
  waits.connect();
  opens.send(kSyn);
  opens.expect();
  s.stack->take_notices();
  s.stack->close(listener, s.now);
  s.run();
  const wire::Segment rst = waits.expect();  // to the queued child alone; who opens is told later
  EXPECT_EQ(rst.flags & kRst, kRst);
  EXPECT_EQ(rst.tuple.local.port.value, 5000);
  EXPECT_EQ(s.last(Rule::L7_ListenerClosed).from, State::Established);
  EXPECT_EQ(s.stack->accept(listener, s.now).error().value(), EINVAL);
  const auto notices = s.stack->take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].listener, listener);
  opens.send(kAck);
  EXPECT_EQ(opens.expect().flags, kRst);  // L23
  s.expect_nothing_left();
}

}  // namespace
}  // namespace estab::lifecycle
