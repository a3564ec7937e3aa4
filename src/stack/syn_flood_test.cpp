// A listener under a SYN flood: cookies, the SYN queue's bound, its eviction, and the limits on what
// forged SYNs can make us send. Rules L4, L5, L6; RFC 4987.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using testing::IsEmpty;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};

// What a modern peer sends.
wire::Segment modern(Peer& p, wire::Flags flags) {
  wire::Segment s = p.make(flags);
  if ((flags & kSyn) != 0) {
    s.options.sack_permitted = true;
    s.options.window_scale = 9;
  }
  return s;
}

IpAddress forged(std::uint64_t n) {  // 16.0.0.0/4, never the same prefix twice in a row
  return IpAddress::v4(static_cast<std::uint32_t>(0x10000000 | ((n * 2654435761u) & 0x0fffffff)));
}

struct Flooded : Bench {
  explicit Flooded(const char* cookies = "1", const char* queue = "16") {
    EXPECT_TRUE(stack->set_tuning("tcp_syncookies", cookies));
    EXPECT_TRUE(stack->set_tuning("tcp_max_syn_backlog", queue));
    listener = listen_on(*stack, at80, now, {.backlog = 4096});
  }
  // `count` SYNs from everywhere; the answers go nowhere.
  void flood(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t n = sent++;
      Peer p = peer_of(*this, 80, static_cast<std::uint16_t>(1 + n % 65000), forged(n));
      p.seq = static_cast<std::uint32_t>(n * 77777);
      inject(p.make(kSyn));
      if (i % 128 == 127) run();
    }
    run();
    device.out.clear();
  }
  std::uint64_t sent = 0;
  ListenerId listener;
};

// --- cookies

// proves: RFC4987-3.6-1, RFC4987-3.7-1
TEST(SynCookies, L6_a_full_queue_answers_and_keeps_nothing) {
  Flooded f;
  f.flood(1000);
  EXPECT_EQ(f->totals().syn_records, 16u);
  const std::uint64_t bytes = f->totals().table_bytes;
  f.flood(1000);
  EXPECT_EQ(f->totals().syn_records, 16u);
  EXPECT_EQ(f->totals().table_bytes, bytes);
  EXPECT_EQ(f->totals().connections, 0u);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesSent), 1984u);
  EXPECT_EQ(f.count(Counter::TcpExtTCPReqQFullDoCookies), 1984u);
  EXPECT_EQ(f.count(Counter::TcpExtTCPReqQFullDrop), 0u);
  EXPECT_EQ(f.count(Counter::TcpExtListenDrops), 0u);
}

TEST(SynCookies, a_good_cookie_makes_the_connection_along_arrows_6_and_9) {
  Flooded f;
  f.flood(100);
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  const wire::Segment syn_ack = p.expect();
  EXPECT_EQ(syn_ack.flags, kSyn | kAck);
  EXPECT_EQ(f->totals().syn_records, 16u);
  f.run(3s);
  f.device.out.clear();
  const std::uint64_t before = f->events_since(0, 100000).next;
  p.send(kAck);
  const auto child = f->accept(f.listener, f.now);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->tuple, p.tuple.reversed());
  EXPECT_EQ(f->connection(child->connection)->state(), State::Established);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesRecv), 1u);
  EXPECT_EQ(f.count(Counter::TcpPassiveOpens), 17u);
  const auto events = f->events_since(before, 100).events;
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].arrow, 6);
  EXPECT_EQ(events[0].rule, Rule::L6_SynQueueFull);
  EXPECT_EQ(events[1].arrow, 9);
  EXPECT_EQ(events[0].connection, events[1].connection);
  // Both directions work.
  p.send(kAck, 5);
  std::array<std::uint8_t, 10> bytes{};
  EXPECT_EQ(f->receive(child->connection, bytes, false, f.now)->bytes, 5u);
}

TEST(SynCookies, window_scale_sack_and_mss_survive) {
  Flooded f("2");
  Peer p = peer_of(f, 80);
  p.timestamp = 5000;
  wire::Segment syn = modern(p, kSyn);
  syn.options.mss = 1400;
  f.give(syn);
  p.seq += 1;
  const wire::Segment syn_ack = p.expect();
  EXPECT_TRUE(syn_ack.options.sack_permitted);
  EXPECT_TRUE(syn_ack.options.window_scale);
  p.send(kAck);
  const auto child = f->accept(f.listener, f.now);
  ASSERT_TRUE(child);
  const tcp::Info info = f->connection(child->connection)->info(f->tuning(), f.now);
  EXPECT_TRUE(info.timestamps);
  EXPECT_TRUE(info.sack);
  EXPECT_EQ(info.snd_wnd_shift, 9);
  EXPECT_EQ(info.rcv_wnd_shift, syn_ack.options.window_scale);
  EXPECT_EQ(info.snd_mss, 1400u - 12u);
}

TEST(SynCookies, ipv6) {
  Flooded f("2");
  Peer p = peer_of(f, 80, 5000, ip6(9));
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
  EXPECT_EQ(f->totals().syn_records, 0u);
  p.send(kAck);
  EXPECT_EQ(in_state(*f.stack, State::Established), 1u);
}

// Anchor 3 of cookies: the third ACK is lost, the client's data says the same.
TEST(SynCookies, data_completes_the_handshake_when_the_third_ack_is_lost) {
  Flooded f("2");
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  p.expect();
  p.send(kAck, 100);
  const auto child = f->accept(f.listener, f.now);
  ASSERT_TRUE(child);
  EXPECT_EQ(f->connection(child->connection)->readable_bytes(), 100u);
  f.take();
  // And a FIN.
  Peer q = peer_of(f, 80, 5001);
  q.send(kSyn);
  q.expect();
  q.send(kFin | kAck, 10);
  const auto closed = f->accept(f.listener, f.now);
  ASSERT_TRUE(closed);
  EXPECT_EQ(f->connection(closed->connection)->state(), State::CloseWait);
}

TEST(SynCookies, always_means_that_no_record_is_made) {
  Flooded f("2");
  f.flood(50);
  EXPECT_EQ(f->totals().syn_records, 0u);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesSent), 50u);
}

TEST(SynCookies, never_means_that_a_full_queue_drops) {
  Flooded f("0");
  f.flood(50);
  EXPECT_EQ(f->totals().syn_records, 16u);
  EXPECT_EQ(f.count(Counter::TcpExtTCPReqQFullDrop), 34u);
  EXPECT_EQ(f.count(Counter::TcpExtListenDrops), 34u);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesSent), 0u);
}

// --- forgery

TEST(SynCookies, a_storm_of_acks_makes_no_connection) {
  Flooded f;
  ASSERT_TRUE(f->set_tuning("tcp_rst_ratelimit", "10"));
  Random random(5);
  const auto storm = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Peer p = peer_of(f, 80, static_cast<std::uint16_t>(1 + random.below(65000)),
                       forged(random.next()));
      p.seq = static_cast<std::uint32_t>(random.next());
      p.ack = static_cast<std::uint32_t>(random.next());
      f.inject(p.make(kAck));
      if (i % 128 == 127) f.run();
    }
    f.run();
    f.device.out.clear();
  };
  storm(2000);  // no overflow was recent: not even looked at
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 0u);
  f.flood(100);
  storm(20000);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 20000u);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesRecv), 0u);
  EXPECT_EQ(f->totals().connections, 0u);
  f.run(130s);
  storm(1000);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 20000u);
}

// Even a true cookie is nothing when none can be out.
// proves: RFC4987-3.7-1
TEST(SynCookies, a_cookie_is_taken_only_while_an_overflow_was_recent) {
  Flooded f;
  f.flood(17);
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  p.expect();
  f.run(130s);
  f.device.out.clear();
  p.send(kAck);
  EXPECT_EQ(p.expect().flags, kRst);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 0u);
  // Nor after the operator has switched them off.
  Peer q = peer_of(f, 80, 5001);
  f.flood(17);
  q.send(kSyn);
  q.expect();
  ASSERT_TRUE(f->set_tuning("tcp_syncookies", "0"));
  q.send(kAck);
  EXPECT_EQ(q.expect().flags, kRst);
  EXPECT_EQ(f->totals().connections, 0u);
}

TEST(SynCookies, an_old_cookie_is_refused_and_counted) {
  Flooded f("2");
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  p.expect();
  for (int i = 0; i < 5; ++i) {
    f.run(30s);
    f.flood(1);  // cookies go on being sent
  }
  p.send(kAck);
  EXPECT_EQ(p.expect().flags, kRst);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 1u);
  EXPECT_EQ(f->totals().connections, 0u);
}

TEST(SynCookies, another_listener_s_cookie_is_worth_nothing) {
  Flooded f("2");
  listen_on(*f.stack, {{}, {81}}, f.now);
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  p.expect();
  Peer warm = peer_of(f, 81);
  warm.send(kSyn);
  f.take();
  p.tuple.remote.port.value = 81;
  p.send(kAck);
  EXPECT_EQ(p.expect().flags, kRst);
  EXPECT_EQ(f.count(Counter::TcpExtSyncookiesFailed), 1u);
}

// --- L5 with a cookie

TEST(SynCookies, L5_a_full_accept_queue_drops_or_resets) {
  for (const bool reset : {false, true}) {
    Flooded f("2");
    ASSERT_TRUE(f->set_backlog(f.listener, 1));
    ASSERT_TRUE(f->set_tuning("tcp_abort_on_overflow", reset ? "1" : "0"));
    std::vector<Peer> peers;
    for (std::uint16_t i = 0; i < 3; ++i) {
      peers.push_back(peer_of(f, 80, static_cast<std::uint16_t>(5000 + i)));
      peers.back().send(kSyn);
      peers.back().expect();
    }
    for (Peer& p : peers) p.send(kAck);
    EXPECT_EQ(f.count(Counter::TcpExtListenOverflows), 1u);
    EXPECT_EQ(count_rule(*f.stack, Rule::L5_AcceptQueueFull), 1u);
    if (reset) {
      EXPECT_EQ(peers[2].expect().flags, kRst);
      continue;
    }
    peers[2].expect_nothing();
    ASSERT_TRUE(f->accept(f.listener, f.now));
    peers[2].send(kAck, 4);  // the peer's data comes again
    EXPECT_EQ(in_state(*f.stack, State::Established), 3u);
  }
}

// --- the SYN queue

// proves: RFC4987-3.4-1
TEST(SynQueue, a_crowded_queue_gives_up_the_old_after_two_repeats) {
  Flooded f("0", "64");
  f.flood(64);
  f.run(8s);
  // 1 + 2 + 4 s instead of 63, until the queue is half empty again.
  EXPECT_EQ(f->totals().syn_records, 32u);
  EXPECT_EQ(f.count(Counter::EstabSynRecvPruned), 32u);
}

TEST(SynQueue, one_half_open_connection_in_an_empty_queue_has_all_its_repeats) {
  Flooded f("0", "64");
  f.flood(1);
  f.run(50s);
  EXPECT_EQ(f->totals().syn_records, 1u);
  EXPECT_EQ(f.count(Counter::EstabSynRecvPruned), 0u);
}

// --- limits on answers

TEST(SynAckLimit, one_prefix_gets_no_more_than_its_rate) {
  Flooded f("2");
  ASSERT_TRUE(f->set_tuning("tcp_synack_ratelimit_prefix", "100"));
  for (std::uint16_t i = 0; i < 1000; ++i) {
    f.inject(peer_of(f, 80, static_cast<std::uint16_t>(2000 + i), ip4(9)).make(kSyn));
  }
  f.run();
  const std::size_t answers = f.take().size();
  EXPECT_GE(answers, 50u);  // jittered: half to one and a half times the rate
  EXPECT_LE(answers, 150u);
  EXPECT_EQ(f.count(Counter::EstabSynAckLimited), 1000 - answers);
  // Another prefix is not concerned.
  Peer other = peer_of(f, 80, 5000, IpAddress::v4(10, 9, 9, 9));
  other.send(kSyn);
  EXPECT_EQ(other.expect().flags, kSyn | kAck);
}

TEST(SynAckLimit, whoever_answers_is_not_limited) {
  for (const char* cookies : {"1", "2"}) {
    Flooded f(cookies, "1000");
    ASSERT_TRUE(f->set_tuning("tcp_synack_ratelimit_prefix", "20"));
    ASSERT_TRUE(f->set_tuning("tcp_synack_ratelimit", "20"));
    for (std::uint16_t i = 0; i < 500; ++i) {
      Peer p = peer_of(f, 80, static_cast<std::uint16_t>(2000 + i));
      p.connect();
    }
    EXPECT_EQ(in_state(*f.stack, State::Established), 500u);
    EXPECT_EQ(f.count(Counter::EstabSynAckLimited), 0u);
  }
}

TEST(SynAckLimit, the_whole_stack_has_one_too) {
  Flooded f("2");
  ASSERT_TRUE(f->set_tuning("tcp_synack_ratelimit", "100"));
  f.flood(1000);
  EXPECT_LE(f.count(Counter::TcpExtSyncookiesSent), 150u);
  EXPECT_GE(f.count(Counter::EstabSynAckLimited), 850u);
}

TEST(SynAckLimit, wrong_acks_to_a_half_open_connection_draw_limited_resets) {
  Flooded f("0");
  ASSERT_TRUE(f->set_tuning("tcp_rst_ratelimit_prefix", "10"));
  Peer p = peer_of(f, 80);
  p.send(kSyn);
  p.expect();
  for (std::uint32_t i = 0; i < 100; ++i) {
    p.ack += 1000;
    f.inject(p.make(kAck));
  }
  f.run();
  EXPECT_LE(f.take().size(), 15u);
  EXPECT_GE(f.count(Counter::EstabRstLimited), 85u);
  EXPECT_EQ(f->totals().syn_records, 1u);
}

// --- L12 under a flood

// A reopening SYN has its record, which bounds how many there can be: the queue keeps it room.
TEST(SynQueue, L12_time_wait_reopens_while_the_queue_is_full) {
  Flooded f;
  Peer p = peer_of(f, 80);
  p.connect();
  const auto child = f->accept(f.listener, f.now);
  f->close(child->connection, false, f.now);
  f.run();
  f.take();
  p.ack += 1;
  p.send(kFin | kAck);
  f.take();
  ASSERT_EQ(f->totals().time_wait_records, 1u);
  f.flood(100);
  EXPECT_EQ(f->totals().syn_records, 16u);
  Peer again = peer_of(f, 80);
  again.seq = p.seq + 1;
  again.send(kSyn);
  const wire::Segment syn_ack = again.expect();
  EXPECT_EQ(f->totals().syn_records, 17u);
  EXPECT_GT(static_cast<std::int32_t>(syn_ack.seq.value - p.ack), 0);
  again.send(kAck);
  EXPECT_EQ(in_state(*f.stack, State::Established), 1u);
  EXPECT_EQ(f.count(Counter::EstabTimeWaitReopened), 1u);
}

// --- the whole story

// 40,000 SYNs from everywhere, and clients among them: with cookies each gets through at its first
// try, and memory stays where it was; without, none does.
TEST(SynFlood, clients_connect_with_cookies_and_do_not_without) {
  for (const bool cookies : {true, false}) {
    Flooded f(cookies ? "1" : "0", "2048");
    f.flood(4096);
    const std::uint64_t bytes = f->totals().table_bytes;
    int connected = 0;
    for (std::uint16_t i = 0; i < 100; ++i) {
      f.now += 1ms;
      f.flood(300);
      Peer p = peer_of(f, 80, static_cast<std::uint16_t>(5000 + i));
      p.timestamp = 1 + i;
      f.give(modern(p, kSyn));
      p.seq += 1;
      const auto answer = f.take();
      if (answer.empty()) continue;
      p.ack = answer[0].seq.value + 1;
      p.echo = answer[0].options.timestamps->value;
      f.flood(100);
      p.send(kAck, 1);
      if (f->accept(f.listener, f.now)) ++connected;
    }
    EXPECT_EQ(connected, cookies ? 100 : 0);
    EXPECT_EQ(f->totals().syn_records, 2048u);
    EXPECT_LT(f->totals().table_bytes, bytes + 300000);  // 100 connections
    EXPECT_EQ(f.count(Counter::TcpExtSyncookiesRecv), cookies ? 100u : 0u);
    EXPECT_EQ(f.count(Counter::TcpExtTCPReqQFullDrop) > 30000u, !cookies);
    EXPECT_EQ(f.count(Counter::EstabEventsLost), 0u);
  }
}

}  // namespace
}  // namespace estab::stack
