// Passive opens: the SYN queue, the accept queue, and rules L4 to L7.
#include "stack/test_net.h"
#include "wire/source_route.h"

namespace estab::stack {
namespace {

using testing::IsEmpty;
using wire::kAck;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};

TEST(Listen, a_handshake_makes_a_child_that_accept_returns) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  EXPECT_EQ(b->totals().syn_records, 1u);
  EXPECT_EQ(b->totals().connections, 0u);  // no full connection before the handshake is done
  EXPECT_EQ(in_state(*b.stack, State::SynReceived), 1u);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
  EXPECT_EQ(b->accept(l, b.now).error().value(), EAGAIN);
  p.send(kAck);
  EXPECT_EQ(b->readiness(l), tcp::kReadable);
  const auto notices = b->take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].listener, l);
  const auto child = b->accept(l, b.now);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->tuple, p.tuple.reversed());
  EXPECT_EQ(b->connection(child->connection)->state(), State::Established);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(in_state(*b.stack, State::Established), 1u);
  std::vector<int> arrows;
  for (const LifecycleEvent& e : events_of(*b.stack)) arrows.push_back(e.arrow);
  EXPECT_EQ(arrows, (std::vector<int>{1, 6, 9}));
  EXPECT_EQ(b.count(Counter::TcpPassiveOpens), 1u);
}

// proves: MUST-41
TEST(Listen, MUST_41_a_passive_open_leaves_what_was_there_alone) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  Peer half = peer_of(b, 80, 5001);
  half.send(kSyn);
  b.take();
  const auto second = b->bind(at80, {true});
  EXPECT_EQ(second.error().value(), EADDRINUSE);
  listen_on(*b.stack, {ip4(1), {81}}, b.now);
  EXPECT_EQ(b->totals().listeners, 2u);
  EXPECT_EQ(b->totals().syn_records, 1u);
  EXPECT_TRUE(b->accept(l, b.now));
}

// proves: MUST-42
TEST(Listen, MUST_42_listen_while_connections_of_the_port_are_opening) {
  Bench b;
  const auto first = b->bind({ip4(1), {80}}, {true});
  ASSERT_TRUE(first);
  ASSERT_TRUE(b->connect(*first, {ip4(9), {7}}, {}, b.now));  // SYN-SENT from port 80
  b.run();
  EXPECT_EQ(in_state(*b.stack, State::SynSent), 1u);
  const auto second = b->bind({ip4(1), {80}}, {true});
  ASSERT_TRUE(second);
  const auto listener = b->listen(*second, {}, {}, b.now);
  ASSERT_TRUE(listener);
  b.take();
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);  // and one in SYN-RECEIVED beside it
  EXPECT_EQ(in_state(*b.stack, State::SynSent), 1u);
}

// proves: MUST-43
TEST(Listen, MUST_43_the_local_address_may_be_named) {
  Bench b;
  ASSERT_TRUE(b->ip().add_address(b->ip().interfaces().back().id, {ip4(3), 24}));
  listen_on(*b.stack, {ip4(3), {80}}, b.now);
  Peer other = peer_of(b, 80);
  other.send(kSyn);
  EXPECT_EQ(other.expect().flags, kRst | kAck);
  Peer p = peer_of(b, 80);
  p.tuple.remote.address = ip4(3);
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
}

TEST(Listen, the_specific_name_wins_over_the_wildcard) {
  Bench b;
  const BindOptions port{.reuse_address = false, .reuse_port = true};
  const ListenerId dual = listen_on(*b.stack, at80, b.now, {}, port);
  const ListenerId any4 = listen_on(*b.stack, {IpAddress::any_v4(), {80}}, b.now, {}, port);
  const ListenerId named = listen_on(*b.stack, {ip4(1), {80}}, b.now, {}, port);
  const auto arrives_at = [&](std::uint16_t from, IpAddress address) {
    Peer p = peer_of(b, 80, from, address);
    p.connect();
    for (const ListenerId l : {dual, any4, named}) {
      if (b->accept(l, b.now)) return l;
    }
    return ListenerId{};
  };
  EXPECT_EQ(arrives_at(1, ip4(9)), named);
  EXPECT_EQ(arrives_at(2, ip6(9)), dual);
  b->close(named, b.now);
  EXPECT_EQ(arrives_at(3, ip4(9)), any4);
  b->close(any4, b.now);
  EXPECT_EQ(arrives_at(4, ip4(9)), dual);
}

TEST(Listen, v6_only_leaves_ipv4_out) {
  Bench b;
  listen_on(*b.stack, at80, b.now, {}, {.v6_only = true});
  Peer four = peer_of(b, 80);
  four.send(kSyn);
  EXPECT_TRUE(four.expect().has(kRst));
  Peer six = peer_of(b, 80, 5000, ip6(9));
  six.send(kSyn);
  EXPECT_EQ(six.expect().flags, kSyn | kAck);
  EXPECT_TRUE(b->bind({IpAddress::any_v4(), {80}}, {}));
}

TEST(Listen, reuse_port_spreads_peers_over_the_group_and_stays_with_each) {
  Bench b;
  std::vector<ListenerId> group(4);
  for (ListenerId& one : group) {
    one = listen_on(*b.stack, at80, b.now, {}, {.reuse_port = true, .owner = 7});
  }
  EXPECT_FALSE(b->bind(at80, {.reuse_port = true, .owner = 8}));
  EXPECT_FALSE(b->bind(at80, {.owner = 7}));
  for (std::uint16_t from = 1; from <= 200; ++from) {
    Peer p = peer_of(b, 80, from);
    p.connect();
  }
  for (const ListenerId l : group) {
    int n = 0;
    while (b->accept(l, b.now)) ++n;
    EXPECT_GT(n, 20);
    EXPECT_LT(n, 90);
  }
}

// proves: RFC4987-3.3-1
TEST(Listen, L4_syn_ack_repeats_with_back_off_and_ends) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  const Instant begin = b.now;
  p.send(kSyn);
  const WireSeq iss = p.expect().seq;
  std::vector<int> seconds;
  while (b->totals().syn_records > 0 && b.now < begin + 200s) {
    b.run(100ms);
    for (const wire::Segment& s : b.take()) {
      EXPECT_EQ(s.flags, kSyn | kAck);
      EXPECT_EQ(s.seq, iss);
      seconds.push_back(static_cast<int>((b.now - begin) / 1s));
    }
  }
  EXPECT_EQ(seconds, (std::vector<int>{1, 3, 7, 15, 31}));
  EXPECT_NEAR(static_cast<double>((b.now - begin) / 1s), 63, 1);
  EXPECT_EQ(count_rule(*b.stack, Rule::L4_SynAckRetriesSpent), 1u);
  EXPECT_EQ(b.count(Counter::TcpExtTCPSynRetrans), 5u);
  EXPECT_EQ(b.count(Counter::TcpAttemptFails), 1u);
  // The tuple is free again.
  p.seq = 77;
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
}

TEST(Listen, a_repeated_syn_draws_the_same_syn_ack) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  const wire::Segment first = p.expect();
  p.seq = 1000;
  p.send(kSyn);
  EXPECT_EQ(p.expect().seq, first.seq);
  EXPECT_EQ(b->totals().syn_records, 1u);
}

// Arrow 5: the child ends, the listener stays.
TEST(Listen, rst_in_syn_received_returns_to_listen) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  p.expect();
  p.send(kRst);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(events_of(*b.stack).back().arrow, 5);
  p.expect_nothing();
  Peer again = peer_of(b, 80, 5001);
  again.connect();
  EXPECT_TRUE(b->accept(l, b.now));
}

ListenOptions backlog(int n) { return {.backlog = n}; }

// Handshakes that have begun while there was room, ending when there is none.
struct Overflow {
  explicit Overflow(Bench& bench) : b(bench) {
    l = listen_on(*b.stack, at80, b.now, backlog(1));
    for (std::uint16_t i = 0; i < 3; ++i) peers.push_back(peer_of(b, 80, 5000 + i));
    // Three half-open ones need a backlog of three.
    EXPECT_TRUE(b->set_backlog(l, 3));
    for (Peer& p : peers) {
      p.send(kSyn);
      p.expect();
    }
    EXPECT_TRUE(b->set_backlog(l, 1));
    peers[0].send(kAck);
    peers[1].send(kAck);
    b.take();
  }
  Bench& b;
  ListenerId l;
  std::vector<Peer> peers;
};

TEST(Listen, L5_final_ack_is_dropped_while_the_accept_queue_is_full) {
  Bench b;
  Overflow o(b);
  Peer& late = o.peers[2];
  late.send(kAck);
  late.expect_nothing();
  EXPECT_EQ(b->totals().syn_records, 1u);
  EXPECT_EQ(b.count(Counter::TcpExtListenOverflows), 1u);
  EXPECT_EQ(b.count(Counter::TcpExtListenDrops), 1u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L5_AcceptQueueFull), 1u);
  b.run(2s);
  EXPECT_EQ(late.expect().flags, kSyn | kAck);  // it repeats, so that the ACK comes again
  EXPECT_TRUE(b->accept(o.l, b.now));
  late.send(kAck);
  EXPECT_TRUE(b->accept(o.l, b.now));
  const auto child = b->accept(o.l, b.now);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->tuple, late.tuple.reversed());
  // Linux: a SYN that could not get through is not even begun.
  EXPECT_EQ(b.count(Counter::TcpExtListenOverflows), 1u);
}

TEST(Listen, L5_tcp_abort_on_overflow_resets_instead) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("tcp_abort_on_overflow", "1"));
  Overflow o(b);
  Peer& late = o.peers[2];
  late.send(kAck);
  const wire::Segment rst = late.expect();
  EXPECT_EQ(rst.flags, kRst);
  EXPECT_EQ(rst.seq.value, late.ack);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L5_AcceptQueueFull), 1u);
}

TEST(Listen, the_accept_queue_takes_one_more_than_backlog_as_in_linux) {
  for (const int n : {0, 1, 5}) {
    Bench b;
    listen_on(*b.stack, at80, b.now, backlog(n));
    for (std::uint16_t i = 0; i < 10; ++i) {
      Peer p = peer_of(b, 80, 5000 + i);
      p.send(kSyn);
      if (b.device.out.empty()) break;
      p.expect();
      p.send(kAck);
      b.take();
    }
    EXPECT_EQ(in_state(*b.stack, State::Established), static_cast<std::uint64_t>(n + 1));
    EXPECT_GE(b.count(Counter::TcpExtListenOverflows), 1u);
  }
}

TEST(Listen, L6_without_cookies_a_syn_beyond_the_syn_queue_is_dropped) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("tcp_syncookies", "0"));
  ASSERT_TRUE(b->set_tuning("tcp_max_syn_backlog", "4"));
  listen_on(*b.stack, at80, b.now, backlog(100));
  for (std::uint16_t i = 0; i < 10; ++i) peer_of(b, 80, 5000 + i).send(kSyn);
  EXPECT_EQ(b->totals().syn_records, 4u);
  EXPECT_EQ(b.take().size(), 4u);
  EXPECT_EQ(b.count(Counter::TcpExtTCPReqQFullDrop), 6u);
  EXPECT_EQ(b.count(Counter::TcpExtListenDrops), 6u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L6_SynQueueFull), 6u);
  // backlog bounds it too, and somaxconn bounds backlog
  ASSERT_TRUE(b->set_tuning("somaxconn", "2"));
  listen_on(*b.stack, {{}, {81}}, b.now, backlog(100));
  for (std::uint16_t i = 0; i < 10; ++i) peer_of(b, 81, 5000 + i).send(kSyn);
  EXPECT_EQ(b->totals().syn_records, 6u);
}

// A flood from everywhere costs a bounded amount and leaves room for nothing else to break.
TEST(Listen, a_syn_flood_is_bounded_in_memory) {
  Bench b;
  listen_on(*b.stack, at80, b.now, backlog(4096));
  std::uint64_t before = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    Peer p = peer_of(b, 80, static_cast<std::uint16_t>(1 + i % 60000),
                     IpAddress::v4(0x0b000000 + i * 7));
    b.inject(p.make(kSyn));
    if (i % 1000 != 0) continue;
    b.run();
    b.device.out.clear();
    if (i == 4000) before = b->totals().table_bytes;
  }
  EXPECT_EQ(b->totals().syn_records, 2048u);
  EXPECT_EQ(b->totals().connections, 0u);
  EXPECT_EQ(b->totals().table_bytes, before);
}

TEST(Listen, L7_closing_resets_each_queued_child_and_forgets_the_half_open) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer accepted = peer_of(b, 80, 5000);
  accepted.connect();
  const auto kept = b->accept(l, b.now);
  ASSERT_TRUE(kept);
  Peer queued = peer_of(b, 80, 5001);
  queued.connect();
  Peer half = peer_of(b, 80, 5002);
  half.send(kSyn);
  half.expect();
  b->take_notices();
  b->close(l, b.now);
  b.run();
  const auto sent = b.take();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].has(kRst));
  EXPECT_EQ(sent[0].tuple, queued.tuple);
  EXPECT_EQ(b->totals().syn_records, 0u);
  EXPECT_EQ(b->totals().connections, 1u);
  EXPECT_EQ(b->connection(kept->connection)->state(), State::Established);
  EXPECT_EQ(count_rule(*b.stack, Rule::L7_ListenerClosed), 2u);
  const auto notices = b->take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].listener, l);
  EXPECT_TRUE(notices[0].readiness & tcp::kError);
  EXPECT_EQ(b->accept(l, b.now).error().value(), EINVAL);
  half.send(kAck);
  EXPECT_TRUE(half.expect().has(kRst));
}

TEST(Listen, a_child_that_was_reset_in_the_queue_is_still_handed_out) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  p.send(kRst);
  const auto child = b->accept(l, b.now);
  ASSERT_TRUE(child);
  EXPECT_EQ(b->connection(child->connection)->state(), State::Closed);
  std::uint8_t byte;
  EXPECT_EQ(b->receive(child->connection, {&byte, 1}, false, b.now).error().value(), ECONNRESET);
  b->close(child->connection, false, b.now);
  EXPECT_EQ(b->totals().connections, 0u);
}

TEST(Listen, defer_accept_waits_for_data) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now, {.backlog = 8, .defer_accept = 10s});
  Peer p = peer_of(b, 80);
  p.connect();
  EXPECT_FALSE(b->accept(l, b.now));
  EXPECT_EQ(b.count(Counter::TcpExtTCPDeferAcceptDrop), 1u);
  b.run(5s);
  p.expect_nothing();  // no SYN,ACK repeats meanwhile
  p.send(kAck, 3);
  EXPECT_TRUE(b->accept(l, b.now));
}

TEST(Listen, defer_accept_ends_with_its_time) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now, {.backlog = 8, .defer_accept = 10s});
  Peer p = peer_of(b, 80);
  p.connect();
  b.run(14s);
  p.expect_nothing();
  b.run(2s);  // 10 s are four repeats, which end at 15 s, as in Linux
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
  p.send(kAck);
  EXPECT_TRUE(b->accept(l, b.now));
}

TEST(Listen, what_a_listener_does_not_want_is_answered_or_ignored) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kRst);
  p.expect_nothing();
  p.ack = 4711;
  p.send(kAck);
  const wire::Segment rst = p.expect();
  EXPECT_EQ(rst.flags, kRst);
  EXPECT_EQ(rst.seq.value, 4711u);
  p.send(0);
  p.expect_nothing();
}

// A packet that came along a completed source route: the way back is used for the SYN,ACK and for
// everything the connection sends (RFC 9293 3.9.2.1).
// proves: MUST-53
TEST(Listen, MUST_53_answers_go_back_along_the_source_route) {
  Bench b;
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  // From 10.0.0.9 by way of 10.0.0.7, pointer past the end.
  const std::vector<std::uint8_t> recorded{131, 7, 8, 10, 0, 0, 7, 0};
  const auto give_routed = [&](const wire::Segment& s) {
    wire::IpPacket packet;
    packet.source = s.tuple.local.address;
    packet.destination = s.tuple.remote.address;
    packet.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
    packet.options = recorded;
    std::vector<std::uint8_t> bytes(200);
    const std::size_t tcp = wire::tcp_header_size(s);
    const std::size_t head = wire::build_ip(packet, tcp, bytes.data());
    wire::build_tcp(s, bytes.data() + head);
    bytes.resize(head + tcp);
    b.device.in.push_back(Slice::copy_of(bytes));
    b.run();
  };
  const auto hops_of = [](const Slice& frame) {
    const auto packet = wire::parse_ip(frame.bytes());
    const auto route = wire::parse_source_route(packet->options);
    return std::pair(packet->destination, route ? route->hops[0] : IpAddress{});
  };
  Peer p = peer_of(b, 80);
  give_routed(p.make(kSyn));
  ASSERT_EQ(b.device.out.size(), 1u);
  EXPECT_EQ(hops_of(b.device.out[0]), std::pair(ip4(7), ip4(9)));
  const auto packet = wire::parse_ip(b.device.out[0].bytes());
  p.seq += 1;
  p.ack = 0;
  for (int i = 0; i < 4; ++i) p.ack = p.ack << 8 | packet->payload[4 + static_cast<std::size_t>(i)];
  p.ack += 1;
  b.device.out.clear();
  give_routed(p.make(kAck));
  const auto child = b->accept(l, b.now);
  ASSERT_TRUE(child);
  const std::vector<std::uint8_t> bytes(10, 'x');
  ASSERT_TRUE(b->send(child->connection, bytes, false, false, b.now));
  b.device.out.clear();
  b.run();
  ASSERT_EQ(b.device.out.size(), 1u);
  EXPECT_EQ(hops_of(b.device.out[0]), std::pair(ip4(7), ip4(9)));
}

TEST(Listen, tcp_maxseg_bounds_what_the_syn_ack_says) {
  Bench b;
  tcp::Settings settings;
  settings.max_segment = 900;
  listen_on(*b.stack, at80, b.now, {}, {}, settings);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  EXPECT_EQ(p.expect().options.mss, 900);
}

// proves: MUST-63
TEST(Listen, MUST_63_a_syn_from_an_invalid_source_is_ignored) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  for (const char* source :
       {"224.0.0.1", "255.255.255.255", "10.0.0.255", "0.0.0.0", "127.0.0.1", "10.0.0.1"}) {
    Peer p = peer_of(b, 80, 5000, *IpAddress::parse(source));
    p.send(kSyn);
    EXPECT_THAT(b.take(), IsEmpty()) << source;
  }
  EXPECT_EQ(b->totals().syn_records, 0u);
}

// proves: MUST-57
TEST(Listen, MUST_57_a_syn_to_a_broadcast_or_multicast_address_is_discarded) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  for (const char* destination : {"255.255.255.255", "10.0.0.255", "224.0.0.1"}) {
    Peer p = peer_of(b, 80);
    p.tuple.remote.address = *IpAddress::parse(destination);
    p.send(kSyn);
    EXPECT_THAT(b.take(), IsEmpty()) << destination;
  }
  EXPECT_EQ(b->totals().syn_records, 0u);
}

// proves: RFC4987-3.2-1
TEST(Listen, listening_twice_changes_the_backlog) {
  Bench b;
  const auto binding = b->bind(at80, {});
  const auto first = b->listen(*binding, backlog(5), {}, b.now);
  const auto again = b->listen(*binding, backlog(9), {}, b.now);
  EXPECT_EQ(*first, *again);
  const auto all = all_of(*b.stack, b.now);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].send_queue, 9u);
  EXPECT_EQ(b->listen(BindingId{}, {}, {}, b.now).error().value(), EBADF);
}

}  // namespace
}  // namespace estab::stack
