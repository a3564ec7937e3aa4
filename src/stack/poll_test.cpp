// One step: batches, loopback, timers, ICMP errors; and what tools see.
#include <map>

#include "stack/test_net.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"

namespace estab::stack {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};
const Endpoint kServer{ip4(9), {80}};

// proves: MUST-58, MUST-59
TEST(Poll, MUST_58_MUST_59_one_ack_for_everything_that_is_queued) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  for (int i = 0; i < 20; ++i) {
    const wire::Segment s = p.make(kAck | kPsh, 1000);
    p.seq += 1000;
    b.inject(s);
  }
  b.run(0s);
  const auto sent = b.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].ack.value, p.seq);
}

TEST(Poll, a_batch_is_bounded_and_the_rest_is_asked_for_at_once) {
  Bench b;
  Peer p = peer_of(b, 9999);
  for (int i = 0; i < 300; ++i) b.inject(p.make(kRst));
  EXPECT_EQ(b->poll(b.now), b.now);
  EXPECT_FALSE(b.device.in.empty());
  b.run();
  EXPECT_TRUE(b.device.in.empty());
  EXPECT_EQ(b.count(Counter::TcpInSegs), 300u);
}

TEST(Poll, an_idle_stack_wants_to_be_left_alone) {
  Bench b;
  EXPECT_EQ(b->poll(b.now), std::nullopt);
  listen_on(*b.stack, at80, b.now);
  EXPECT_EQ(b->poll(b.now), std::nullopt);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  const auto next = b->poll(b.now);
  ASSERT_TRUE(next);
  EXPECT_GE(*next, b.now + 1s);
  EXPECT_LE(*next, b.now + 1s + 32ms);
}

TEST(Poll, loopback_within_one_stack) {
  Stack stack(test_config());
  Instant now = Instant{} + 5s;
  const ListenerId l = listen_on(stack, at80, now);
  for (const char* address : {"127.0.0.1", "::1", "127.9.9.9"}) {
    const auto c = stack.connect({}, {*IpAddress::parse(address), {80}}, {}, now);
    ASSERT_TRUE(c) << address;
    stack.poll(now);
    const auto child = stack.accept(l, now);
    ASSERT_TRUE(child) << address;
    const std::vector<std::uint8_t> bytes(50000, 'x');
    EXPECT_EQ(*stack.send(*c, bytes, false, false, now), bytes.size());
    std::vector<std::uint8_t> got(60000);
    std::size_t received = 0;
    for (int i = 0; i < 100 && received < bytes.size(); ++i) {
      stack.poll(now);
      const auto r = stack.receive(child->connection, got, false, now);
      if (r) received += r->bytes;
    }
    EXPECT_EQ(received, bytes.size());
    stack.close(*c, true, now);
    stack.poll(now);
    EXPECT_EQ(stack.connection(child->connection)->state(), State::Closed);
    stack.close(child->connection, false, now);
  }
  EXPECT_EQ(stack.totals().connections, 0u);
}

// Two ends that talk without pause do not keep poll() from returning.
TEST(Poll, loopback_work_is_bounded_in_one_step) {
  Stack stack(test_config());
  const Instant now = Instant{} + 5s;
  listen_on(stack, at80, now);
  tcp::Settings big;
  big.send_buffer = 4 << 20;
  const auto c = stack.connect({}, {IpAddress::v4(127, 0, 0, 1), {80}}, big, now);
  stack.poll(now);
  const std::vector<std::uint8_t> bytes(4 << 20, 'x');
  ASSERT_TRUE(stack.send(*c, bytes, false, false, now));
  for (int i = 0; i < 10; ++i) stack.poll(now);
  SUCCEED();
}

// An ICMP error about `about`, a segment as the stack sent it (seen from the peer).
Slice icmp_about(const wire::Segment& about, std::uint8_t type, std::uint8_t code,
                 std::uint32_t rest = 0) {
  wire::Segment original = about;
  original.tuple = about.tuple.reversed();
  const Slice quoted = packet_of(original);
  wire::IcmpMessage m;
  m.type = type;
  m.code = code;
  m.rest = rest;
  m.body = quoted.bytes().first(std::min<std::size_t>(quoted.length, 60));
  wire::IpPacket p;
  p.source = ip4(254);
  p.destination = original.tuple.local.address;
  p.protocol = static_cast<std::uint8_t>(wire::Protocol::kIcmpv4);
  std::vector<std::uint8_t> bytes(200);
  const std::size_t head = wire::build_ip(p, 8 + m.body.size(), bytes.data());
  wire::build_icmp(m, p.source, p.destination, bytes.data() + head);
  bytes.resize(head + 8 + m.body.size());
  return Slice::copy_of(bytes);
}

// proves: MUST-54
TEST(Icmp, MUST_54_an_error_finds_the_connection_that_caused_it) {
  Bench b;
  const auto one = b->connect({}, kServer, {}, b.now);
  const auto other = b->connect({}, {ip4(9), {81}}, {}, b.now);
  b.run();
  const auto syns = b.take();
  ASSERT_EQ(syns.size(), 2u);
  b.device.in.push_back(icmp_about(syns[0], 3, 1));
  b.run();
  EXPECT_EQ(b->take_error(*one), EHOSTUNREACH);  // L2
  EXPECT_EQ(b->connection(*other)->state(), State::SynSent);
  EXPECT_EQ(count_rule(*b.stack, Rule::L2_SynUnreachable), 1u);
}

// proves: RFC8201-4-1
TEST(Icmp, what_is_not_in_flight_is_not_believed) {
  Bench b;
  const auto c = b->connect({}, kServer, {}, b.now);
  b.run();
  wire::Segment syn = b.take().at(0);
  syn.seq.value += 1000;
  b.device.in.push_back(icmp_about(syn, 3, 3));
  b.run();
  EXPECT_EQ(b->connection(*c)->state(), State::SynSent);
  EXPECT_EQ(b.count(Counter::TcpExtOutOfWindowIcmps), 1u);
  syn.tuple.remote.port.value += 1;
  b.device.in.push_back(icmp_about(syn, 3, 3));
  b.run();
  EXPECT_EQ(b.count(Counter::EstabIcmpNoConnection), 1u);
}

TEST(Icmp, a_half_open_record_ends_by_a_hard_error_about_its_syn_ack) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  wire::Segment syn_ack = p.expect();
  b.device.in.push_back(icmp_about(syn_ack, 3, 1));  // soft: nothing
  b.run();
  EXPECT_EQ(b->totals().syn_records, 1u);
  wire::Segment forged = syn_ack;
  forged.seq.value += 1;
  b.device.in.push_back(icmp_about(forged, 3, 3));
  b.run();
  EXPECT_EQ(b->totals().syn_records, 1u);
  b.device.in.push_back(icmp_about(syn_ack, 3, 3));
  b.run();
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(b.count(Counter::TcpAttemptFails), 1u);
}

// proves: RFC8201-4-4, RFC8201-4-5, RFC8201-5.2-2, RFC8201-5.4-1, RFC7323-5.7-1
TEST(Icmp, a_new_path_mtu_is_told_to_every_connection_of_that_destination) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  std::vector<Peer> peers{peer_of(b, 80, 5000), peer_of(b, 80, 5001), peer_of(b, 80, 5002, ip4(8))};
  std::vector<ConnectionId> children;
  for (Peer& p : peers) {
    p.connect();
    children.push_back(b->accept(l, b.now)->connection);
  }
  const std::vector<std::uint8_t> bytes(20000, 'x');
  ASSERT_TRUE(b->send(children[0], bytes, false, false, b.now));
  b.run();
  const auto sent = b.take();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].payload.size(), 1460u);
  b.device.in.push_back(icmp_about(sent[0], 3, 4, 1000));
  b.run();
  b.take();
  EXPECT_EQ(b->ip().mtu_for(ip4(9), b.now), 1000u);
  for (const std::size_t i : {1u, 2u}) {
    ASSERT_TRUE(b->send(children[i], bytes, false, false, b.now));
    b.run();
    std::size_t largest = 0;
    for (const wire::Segment& s : b.take()) {
      if (s.tuple.local == peers[i].tuple.local) largest = std::max(largest, s.payload.size());
    }
    EXPECT_EQ(largest, i == 1 ? 960u : 1460u);
  }
}

TEST(Icmp, a_connection_without_path_mtu_discovery_hears_nothing_of_it) {  // IP_PMTUDISC_DONT
  Bench b;
  tcp::Settings settings;
  settings.mtu_discovery_v4 = tcp::PathMtuDiscovery::Dont;
  const ListenerId without = listen_on(*b.stack, {ip4(1), {81}}, b.now, {}, {true}, settings);
  const ListenerId with = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 81);
  Peer q = peer_of(b, 80);
  p.connect();
  q.connect();
  const ConnectionId deaf = b->accept(without, b.now)->connection;
  const ConnectionId hears = b->accept(with, b.now)->connection;
  const std::vector<std::uint8_t> bytes(1460, 'x');
  const auto send = [&](ConnectionId id) {
    EXPECT_TRUE(b->send(id, bytes, false, false, b.now));
    b.run();
    return b.take().at(0);
  };
  const wire::Segment sent = send(deaf);
  EXPECT_EQ(sent.payload.size(), 1460u);
  b.device.in.push_back(icmp_about(sent, 3, 4, 1000));
  b.run();
  EXPECT_EQ(b->ip().mtu_for(ip4(9), b.now), 1500u);
  EXPECT_EQ(b.count(Counter::EstabPmtuIgnored), 1u);
  b.device.in.push_back(icmp_about(send(hears), 3, 4, 1000));
  b.run();
  b.take();
  EXPECT_EQ(b->ip().mtu_for(ip4(9), b.now), 1000u);
  EXPECT_EQ(send(deaf).payload.size(), 1460u);  // nor of what another one has learned
}

// (b): when R1 is reached, the IP layer is told to doubt the route.
// proves: MUST-20
TEST(Poll, MUST_20_at_r1_the_next_hop_has_to_prove_itself) {
  class Ethernet : public TestDevice {
   public:
    using TestDevice::TestDevice;
    LinkKind link() const override { return LinkKind::kEthernet; }
    MacAddress mac() const override { return {{2, 0, 0, 0, 0, 1}}; }
  };
  Ethernet device("tap0");
  Stack stack(test_config());
  Instant now = Instant{} + 10s;
  stack.attach(device, addresses(1));
  ASSERT_TRUE(stack.connect({}, kServer, {}, now));
  stack.poll(now);
  std::vector<std::uint8_t> reply(wire::EthernetHeader::kSize + wire::ArpPacket::kSize);
  const MacAddress peer{{2, 0, 0, 0, 0, 9}};
  wire::build_ethernet({device.mac(), peer, 0x0806}, reply.data());
  wire::build_arp({wire::ArpOperation::kReply, peer, ip4(9), device.mac(), ip4(1)},
                  reply.data() + wire::EthernetHeader::kSize);
  device.in.push_back(Slice::copy_of(reply));
  stack.poll(now);
  const auto state = [&] {
    const auto all = stack.ip().neighbours(now);
    return all.empty() ? ip::NeighbourState::kIncomplete : all[0].state;
  };
  const auto run_until = [&](Instant end) {
    while (const auto next = stack.poll(now)) {
      if (*next > end) break;
      now = *next;
    }
    now = end;
  };
  run_until(Instant{} + 16s);  // retransmissions after 1 and 3 s
  EXPECT_EQ(state(), ip::NeighbourState::kReachable);
  run_until(Instant{} + 18s);  // the third after 7 s: tcp_retries1
  EXPECT_NE(state(), ip::NeighbourState::kReachable);
}

// proves: MUST-20
TEST(Poll, MUST_20_past_past_r1_the_connection_still_lives_and_past_r2_it_ends) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  const ConnectionId child = b->accept(l, b.now)->connection;
  const std::vector<std::uint8_t> byte(1, 'x');
  ASSERT_TRUE(b->send(child, byte, false, false, b.now));
  b.run(60s);
  EXPECT_EQ(b->connection(child)->state(), State::Established);
  EXPECT_EQ(b->connection(child)->soft_error(), ETIMEDOUT);  // R1 has passed
  b.run(30min);
  EXPECT_EQ(b->take_error(child), ETIMEDOUT);
  EXPECT_EQ(b->totals().by_state[static_cast<std::size_t>(State::Established)], 0u);
}

TEST(Look, a_walk_in_slices_shows_each_once_while_things_come_and_go) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  for (std::uint16_t i = 0; i < 30; ++i) {
    Peer p = peer_of(b, 80, 5000 + i, i % 2 == 0 ? ip4(9) : ip6(9));
    if (i % 3 == 0) {
      p.send(kSyn);
      b.take();
      continue;
    }
    p.connect();
    const ConnectionId child = b->accept(l, b.now)->connection;
    if (i % 3 == 1) continue;
    b->close(child, false, b.now);
    b.run();
    b.take();
    p.ack += 1;
    p.send(kFin | kAck);
  }
  b.take();
  const auto whole = all_of(*b.stack, b.now);
  EXPECT_EQ(whole.size(), 31u);
  std::map<State, int> states;
  for (const tcp::Info& i : whole) ++states[i.state];
  EXPECT_EQ(states[State::Listen], 1);
  EXPECT_EQ(states[State::SynReceived], 10);
  EXPECT_EQ(states[State::Established], 10);
  EXPECT_EQ(states[State::TimeWait], 10);
  for (const auto& [state, count] : states) {
    EXPECT_EQ(in_state(*b.stack, state), static_cast<std::uint64_t>(count)) << ss_name(state);
  }
  for (const std::size_t slice : {1u, 2u, 7u}) {
    EXPECT_EQ(all_of(*b.stack, b.now, slice).size(), whole.size());
  }
  std::map<std::uint64_t, int> seen;
  std::uint64_t cursor = 0;
  std::uint16_t fresh = 6000;
  do {
    cursor = b->visit(cursor, 3, b.now, [&](const tcp::Info& i) { ++seen[i.id]; });
    Peer p = peer_of(b, 80, fresh++);
    p.send(kSyn);
  } while (cursor != 0);
  for (const tcp::Info& i : whole) EXPECT_EQ(seen[i.id], 1);
}

TEST(Look, a_time_wait_record_shows_its_timer) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  b->close(b->accept(l, b.now)->connection, false, b.now);
  b.run();
  p.expect();
  p.send(kFin | kAck);
  b.run(10s);
  const auto all = all_of(*b.stack, b.now);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].state, State::TimeWait);
  EXPECT_EQ(all[1].timer, tcp::TimerKind::TimeWait);
  EXPECT_EQ(all[1].timer_left, 50s);
  EXPECT_EQ(all[1].in_state, 10s);
  EXPECT_EQ(all[1].memory, 64u);
  EXPECT_EQ(all[1].tuple, p.tuple.reversed());
}

// One connection has one id from its SYN to the end of its TIME-WAIT.
TEST(Look, the_story_of_a_connection_is_told_under_one_id) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  b->close(b->accept(l, b.now)->connection, false, b.now);
  b.run();
  p.expect();
  p.send(kAck);
  p.send(kFin | kAck);
  b.run(70s);
  const auto events = events_of(*b.stack);
  std::vector<int> arrows;
  for (std::size_t i = 1; i < events.size(); ++i) {
    EXPECT_EQ(events[i].connection, events[1].connection);
    EXPECT_EQ(events[i].from, events[i - 1].to == State::Listen ? State::Listen : events[i - 1].to);
    arrows.push_back(events[i].arrow);
  }
  EXPECT_THAT(arrows, ElementsAre(6, 9, 12, 14, 16, 20));
}

TEST(Look, readers_of_events_learn_what_they_missed) {
  Config c = test_config();
  c.event_capacity = 8;
  Bench b(std::move(c));
  for (std::uint16_t i = 0; i < 20; ++i) {
    Peer p = peer_of(b, 9999, 100 + i);
    p.send(kSyn);
  }
  const auto first = b->events_since(0, 100);
  EXPECT_EQ(first.events.size(), 8u);
  EXPECT_EQ(first.lost, 12u);
  EXPECT_EQ(first.next, 20u);
  EXPECT_EQ(b.count(Counter::EstabEventsLost), 12u);
  EXPECT_THAT(b->events_since(first.next, 100).events, IsEmpty());
  EXPECT_THAT(b->events_since(1000, 100).events, IsEmpty());
  EXPECT_EQ(b->events_since(15, 2).events.size(), 2u);
}

TEST(Poll, a_detached_device_is_not_touched_again) {
  Bench b;
  const auto c = b->connect({}, kServer, {}, b.now);
  b.run();
  EXPECT_EQ(b.take().size(), 1u);
  b->detach(b->ip().interfaces().back().id, b.now);
  b.run(10s);
  EXPECT_THAT(b.take(), IsEmpty());
  EXPECT_EQ(b->take_error(*c), ENETUNREACH);
}

TEST(Poll, malformed_segments_are_counted_by_reason) {
  Bench b;
  Peer p = peer_of(b, 80);
  Slice bad = packet_of(p.make(kSyn));
  bad.buffer.data()[20 + 16] ^= 1;  // TCP checksum
  b.device.in.push_back(bad);
  b.run();
  EXPECT_EQ(b.count(Counter::TcpInCsumErrors), 1u);
  EXPECT_EQ(b.count(Counter::TcpInErrs), 1u);
  EXPECT_THAT(b.take(), IsEmpty());
}

}  // namespace
}  // namespace estab::stack
