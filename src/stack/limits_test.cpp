// What bounds the stack: orphans, memory, connections, answers to strangers, and quiet time.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using testing::IsEmpty;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};
const Endpoint kServer{ip4(9), {80}};

int error_of(const Result<ConnectionId>& r) { return r ? 0 : r.error().value(); }

TEST(Limits, L21_an_orphan_too_many_is_reset) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("tcp_max_orphans", "2"));
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  std::vector<Peer> peers;
  for (std::uint16_t i = 0; i < 4; ++i) {
    peers.push_back(peer_of(b, 80, 5000 + i));
    peers[i].connect();
  }
  for (std::uint16_t i = 0; i < 4; ++i) {
    b->close(b->accept(l, b.now)->connection, false, b.now);
    b.run();
    const auto flags = peers[i].expect().flags;
    if (i < 2) {
      EXPECT_EQ(flags, kFin | kAck);
    } else {
      EXPECT_TRUE(flags & kRst);
    }
  }
  EXPECT_EQ(b->totals().orphans, 2u);
  EXPECT_EQ(b->totals().connections, 2u);
  EXPECT_EQ(b.count(Counter::TcpExtTCPAbortOnMemory), 2u);
  EXPECT_EQ(count_rule(*b.stack, Rule::L21_OrphanLimit), 2u);
  // The two end in bounded time although nobody answers (L21, L22).
  b.run(1h);
  EXPECT_EQ(b->totals().orphans, 0u);
  EXPECT_EQ(b->totals().connections, 0u);
}

TEST(Limits, max_connections_refuses_new_ones_both_ways) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("max_connections", "2"));
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  ASSERT_TRUE(b->connect({}, kServer, {}, b.now));
  EXPECT_EQ(error_of(b->connect({}, kServer, {}, b.now)), ENOBUFS);
  b.run();
  b.take();
  Peer more = peer_of(b, 80, 5001);
  more.send(kSyn);
  more.expect_nothing();
  EXPECT_EQ(b.count(Counter::EstabConnectionTableFull), 2u);
  EXPECT_EQ(b->totals().connections, 2u);
  EXPECT_TRUE(b->accept(l, b.now));
}

// Past tcp_mem new work is refused and old work goes on.
TEST(Limits, tcp_mem_refuses_new_work_and_old_work_goes_on) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("tcp_mem", "65536"));
  const ListenerId l = listen_on(n.b, at80, n.now);
  const ListenerId mine = listen_on(n.a, at80, n.now);
  std::vector<ConnectionId> clients(3);
  for (ConnectionId& c : clients) c = *n.a.connect({}, {ip4(2), {80}}, {}, n.now);
  n.run();
  const std::vector<std::uint8_t> bytes(80000, 'x');
  n.lose = [](const wire::Segment& s) { return !s.payload.empty(); };
  ASSERT_TRUE(n.a.send(clients[0], bytes, false, false, n.now));
  EXPECT_GE(n.a.totals().payload_bytes, 65536u);
  EXPECT_EQ(error_of(n.a.connect({}, {ip4(2), {80}}, {}, n.now)), ENOBUFS);
  EXPECT_EQ(n.a.send(clients[0], bytes, false, false, n.now).error().value(), EAGAIN);
  EXPECT_FALSE(n.a.readiness(clients[0]) & tcp::kWritable);
  EXPECT_EQ(*n.a.send(clients[1], Bytes{bytes}.first(1000), false, false, n.now), 1000u);
  ASSERT_TRUE(n.b.connect({}, {ip4(1), {80}}, {}, n.now));
  n.run();
  EXPECT_EQ(n.a.totals().syn_records, 0u);
  EXPECT_FALSE(n.a.accept(mine, n.now));
  EXPECT_GE(n.a.counters()[Counter::EstabMemoryRefused], 3u);
  // It goes on as soon as the wire lets it.
  n.lose = nullptr;
  n.a.take_notices();
  n.run(2s);
  EXPECT_EQ(n.a.totals().payload_bytes, 0u);
  const auto notices = n.a.take_notices();
  EXPECT_TRUE(std::any_of(notices.begin(), notices.end(), [&](const Notice& x) {
    return x.connection == clients[0] && (x.readiness & tcp::kWritable) != 0;
  }));
  EXPECT_TRUE(n.a.connect({}, {ip4(2), {80}}, {}, n.now));
  n.run(5s);
  EXPECT_TRUE(n.a.accept(mine, n.now));
  EXPECT_TRUE(n.b.accept(l, n.now));
}

TEST(Limits, L23_a_segment_of_nobody_is_answered) {
  Bench b;
  Peer p = peer_of(b, 9999);
  p.send(kSyn);
  wire::Segment rst = p.expect();
  EXPECT_EQ(rst.flags, kRst | kAck);
  EXPECT_EQ(rst.seq.value, 0u);
  EXPECT_EQ(rst.ack.value, 1001u);
  p.ack = 77;
  p.send(kAck, 5);
  rst = p.expect();
  EXPECT_EQ(rst.flags, kRst);
  EXPECT_EQ(rst.seq.value, 77u);
  p.send(kRst);
  p.expect_nothing();
  EXPECT_EQ(count_rule(*b.stack, Rule::L23_NoConnection), 2u);
  EXPECT_EQ(b.count(Counter::EstabTcpNoConnection), 3u);
}

TEST(Limits, L23_is_limited_for_each_prefix_and_for_the_stack) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("tcp_rst_ratelimit", "40"));
  ASSERT_TRUE(b->set_tuning("tcp_rst_ratelimit_prefix", "10"));
  const auto flood = [&](std::uint8_t net, int count) {
    for (int i = 0; i < count; ++i) {
      Peer p =
          peer_of(b, 9999, 1, IpAddress::v4(11, 0, net, static_cast<std::uint8_t>(i % 250 + 1)));
      b.inject(p.make(kSyn));
    }
    b.run();
    return b.take().size();
  };
  const std::size_t one = flood(1, 200);
  EXPECT_GE(one, 5u);
  EXPECT_LE(one, 15u);  // jittered between half and one and a half times
  std::size_t all = one;
  for (std::uint8_t net = 2; net < 60; ++net) all += flood(net, 20);
  EXPECT_GE(all, 20u);
  EXPECT_LE(all, 60u);
  EXPECT_EQ(b.count(Counter::EstabRstLimited), 200u + 58u * 20u - all);
  b.run(2s);
  EXPECT_GE(flood(1, 20), 5u);
  ASSERT_TRUE(b->set_tuning("tcp_rst_ratelimit", "0"));
  EXPECT_EQ(flood(100, 20), 0u);
}

TEST(Limits, quiet_time_sends_nothing_at_all) {
  Config c = test_config();
  c.tuning.quiet_time = 30;
  Bench b(std::move(c));
  listen_on(*b.stack, at80, b.now);
  const auto client = b->connect({}, kServer, {}, b.now);
  ASSERT_TRUE(client);
  Peer p = peer_of(b, 80);
  Peer nobody = peer_of(b, 9999);
  for (int i = 0; i < 29; ++i) {
    b.inject(p.make(kSyn));
    b.inject(nobody.make(kSyn));
    b.run(1s);
    ASSERT_THAT(b.take(), IsEmpty());
  }
  b.run(1s);
  const auto sent = b.take();
  ASSERT_EQ(sent.size(), 1u);  // the SYN that has waited
  EXPECT_EQ(sent[0].flags, kSyn);
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
}

}  // namespace
}  // namespace estab::stack
