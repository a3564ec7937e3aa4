// Active opens: addresses, ports, their shortage, and L13.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using testing::HasSubstr;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

const Endpoint kServer{ip4(9), {80}};
constexpr int kRange = 28232;  // 32768 to 60999

int error_of(const Result<ConnectionId>& r) { return r ? 0 : r.error().value(); }

TEST(Connect, reaches_a_server_and_both_ends_close) {
  Net n;
  const ListenerId l = listen_on(n.b, {{}, {80}}, n.now);
  const auto c = n.a.connect({}, {ip4(2), {80}}, {}, n.now);
  ASSERT_TRUE(c);
  n.run();
  EXPECT_TRUE(n.a.readiness(*c) & tcp::kConnected);
  const auto child = n.b.accept(l, n.now);
  ASSERT_TRUE(child);
  const std::vector<std::uint8_t> hello(100000, 'h');  // more than the bound at first: it grows
  EXPECT_EQ(*n.a.send(*c, hello, false, false, n.now), hello.size());
  n.run(1s);
  std::vector<std::uint8_t> got(100000);
  EXPECT_EQ(n.b.receive(child->connection, got, false, n.now)->bytes, hello.size());
  n.a.close(*c, false, n.now);
  n.run(1s);
  EXPECT_EQ(in_state(n.a, State::FinWait2), 1u);
  EXPECT_EQ(in_state(n.b, State::CloseWait), 1u);
  EXPECT_EQ(n.b.receive(child->connection, got, false, n.now)->bytes, 0u);
  n.b.close(child->connection, false, n.now);
  n.run(1s);
  EXPECT_EQ(in_state(n.a, State::TimeWait), 1u);
  EXPECT_EQ(n.b.totals().connections, 0u);
  n.run(61s);
  EXPECT_EQ(n.a.totals().time_wait_records, 0u);
  EXPECT_EQ(n.a.totals().payload_bytes + n.b.totals().payload_bytes, 0u);
}

TEST(Connect, refused_and_told) {
  Net n;
  const auto c = n.a.connect({}, {ip6(2), {80}}, {}, n.now);
  n.run();
  const auto notices = n.a.take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].connection, *c);
  EXPECT_TRUE(notices[0].readiness & tcp::kError);
  EXPECT_EQ(n.a.take_error(*c), ECONNREFUSED);
  EXPECT_EQ(n.a.take_error(*c), 0);
  EXPECT_EQ(count_rule(n.b, Rule::L23_NoConnection), 1u);
  n.a.close(*c, false, n.now);
  EXPECT_EQ(n.a.totals().connections, 0u);
}

// proves: MUST-44
TEST(Connect, MUST_44_ip_chooses_the_source_address_before_the_first_syn) {
  Bench b;
  const ip::InterfaceId id = b->ip().interfaces().back().id;
  ASSERT_TRUE(b->ip().add_address(id, {IpAddress::v4(192, 168, 7, 1), 24}));
  ASSERT_TRUE(b->connect({}, {IpAddress::v4(192, 168, 7, 9), {80}}, {}, b.now));
  ASSERT_TRUE(b->connect({}, kServer, {}, b.now));
  ASSERT_TRUE(b->connect({}, {ip6(9), {80}}, {}, b.now));
  b.run();
  const auto sent = b.take();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].tuple.remote.address, IpAddress::v4(192, 168, 7, 1));
  EXPECT_EQ(sent[1].tuple.remote.address, ip4(1));
  EXPECT_EQ(sent[2].tuple.remote.address, ip6(1));
}

// proves: MUST-45
TEST(Connect, MUST_45_the_address_stays_whatever_happens_to_the_routes) {
  Bench b;
  const ip::InterfaceId id = b->ip().interfaces().back().id;
  const auto binding = b->bind({{}, {7000}}, {});
  ASSERT_TRUE(b->connect(*binding, kServer, {}, b.now));
  b.run();
  EXPECT_EQ(b.take().at(0).tuple.remote, (Endpoint{ip4(1), {7000}}));
  EXPECT_EQ(b->bound_to(*binding), (Endpoint{ip4(1), {7000}}));
  ASSERT_TRUE(b->ip().add_address(id, {ip4(3), 32}));
  b.run(1100ms);
  EXPECT_EQ(b.take().at(0).tuple.remote, (Endpoint{ip4(1), {7000}}));
  // And the answers of a listener on the wildcard come from the address that was asked.
  listen_on(*b.stack, {{}, {80}}, b.now);
  Peer p = peer_of(b, 80);
  p.tuple.remote.address = ip4(3);
  p.send(kSyn);
  EXPECT_EQ(p.expect().tuple.remote.address, ip4(3));
}

// proves: MUST-46
TEST(Connect, MUST_46_broadcast_and_multicast_are_refused) {
  Bench b;
  for (const char* to : {"255.255.255.255", "10.0.0.255", "224.0.0.1", "240.0.0.1", "ff02::1"}) {
    EXPECT_EQ(error_of(b->connect({}, {*IpAddress::parse(to), {80}}, {}, b.now)), ENETUNREACH)
        << to;
    // Nor with an address of one's own.
    const IpAddress remote = *IpAddress::parse(to);
    const auto binding = b->bind({remote.is_v4() ? ip4(1) : ip6(1), {}}, {});
    EXPECT_EQ(error_of(b->connect(*binding, {remote, {80}}, {}, b.now)), ENETUNREACH) << to;
  }
  b.run();
  EXPECT_TRUE(b.take().empty());
  EXPECT_EQ(b->totals().connections, 0u);
}

TEST(Connect, wrong_arguments_have_linux_s_errors) {
  Bench b;
  EXPECT_EQ(error_of(b->connect({}, {ip4(9), {0}}, {}, b.now)), EINVAL);
  EXPECT_EQ(error_of(b->connect({}, {*IpAddress::parse("2001:db8::1"), {80}}, {}, b.now)),
            ENETUNREACH);
  const auto four = b->bind({IpAddress::any_v4(), {7000}}, {});
  EXPECT_EQ(error_of(b->connect(*four, {ip6(9), {80}}, {}, b.now)), EAFNOSUPPORT);
  const auto six = b->bind({{}, {7001}}, {.v6_only = true});
  EXPECT_EQ(error_of(b->connect(*six, kServer, {}, b.now)), ENETUNREACH);
  const auto dual = b->bind({{}, {7002}}, {});
  EXPECT_TRUE(b->connect(*dual, kServer, {}, b.now));
  EXPECT_EQ(error_of(b->connect(BindingId{}, kServer, {}, b.now)), EBADF);
  EXPECT_EQ(b->bind({ip4(77), {80}}, {}).error().value(), EADDRNOTAVAIL);
}

TEST(Connect, an_address_that_is_not_ours_is_bound_but_not_spoken_for) {  // IP_FREEBIND
  Bench b;
  for (const char* not_one : {"224.0.0.1", "255.255.255.255", "ff02::1"}) {
    const auto refused = b->bind({*IpAddress::parse(not_one), {80}}, {.free_bind = true});
    EXPECT_EQ(refused.error().value(), EADDRNOTAVAIL) << not_one;
  }
  const auto foreign = b->bind({ip4(77), {80}}, {.free_bind = true});
  ASSERT_TRUE(foreign);
  EXPECT_EQ(error_of(b->connect(*foreign, kServer, {}, b.now)), ENETUNREACH);
  // Somebody listens there when the address comes.
  ASSERT_TRUE(b->listen(*foreign, {}, {}, b.now));
  Peer p{b, {{ip4(9), {5000}}, {ip4(77), {80}}}};
  p.send(kSyn);
  p.expect_nothing();
  ASSERT_TRUE(b->ip().add_address(b->ip().interfaces().back().id, *Prefix::parse("10.0.0.77/24")));
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kSyn | kAck);
}

TEST(Connect, the_very_tuple_lives) {
  Bench b;
  const auto binding = b->bind({ip4(1), {7000}}, {.reuse_address = true});
  ASSERT_TRUE(b->connect(*binding, kServer, {}, b.now));
  const auto second = b->bind({ip4(1), {7000}}, {.reuse_address = true});
  ASSERT_TRUE(second);
  EXPECT_EQ(error_of(b->connect(*second, kServer, {}, b.now)), EADDRNOTAVAIL);
  ASSERT_TRUE(b->port_shortage());
  EXPECT_THAT(b->port_shortage()->to_string(), HasSubstr("taken"));
  EXPECT_TRUE(b->connect(*second, {ip4(9), {81}}, {}, b.now));
}

// 28,232 ports for each destination; then EADDRNOTAVAIL, which says why; and it takes no time that
// grows with what is held.
TEST(Connect, every_port_of_the_range_then_a_shortage_that_explains_itself) {
  Bench b;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < kRange; ++i) {
    const auto c = b->connect({}, kServer, {}, b.now);
    ASSERT_TRUE(c) << i;
    ports.insert(b->connection(*c)->tuple().local.port.value);
  }
  EXPECT_EQ(ports.size(), static_cast<std::size_t>(kRange));
  EXPECT_EQ(*ports.begin(), 32768);
  EXPECT_EQ(*ports.rbegin(), 60999);
  for (int i = 0; i < 2000; ++i) {  // as quick as the others: it knows by now
    EXPECT_EQ(error_of(b->connect({}, kServer, {}, b.now)), EADDRNOTAVAIL);
  }
  ASSERT_TRUE(b->port_shortage());
  EXPECT_EQ(b->port_shortage()->range, static_cast<std::uint32_t>(kRange));
  EXPECT_EQ(b->port_shortage()->in_use, static_cast<std::uint32_t>(kRange));
  EXPECT_EQ(b->port_shortage()->in_time_wait, 0u);
  EXPECT_THAT(b->port_shortage()->to_string(), HasSubstr("10.0.0.9:80"));
  EXPECT_EQ(b.count(Counter::EstabPortsExhausted), 2000u);
  // Another destination has the whole range to itself.
  EXPECT_TRUE(b->connect({}, {ip4(9), {81}}, {}, b.now));
  EXPECT_FALSE(b->port_shortage());
  // One ends: its port serves again.
  b.device.out.clear();
  b.run();
  auto syns = b.take();
  wire::Segment rst;
  rst.tuple = syns.at(100).tuple;
  rst.flags = kRst | kAck;
  rst.ack = {syns.at(100).seq.value + 1};
  b.give(rst);
  const auto again = b->connect({}, kServer, {}, b.now);
  ASSERT_TRUE(again);
  EXPECT_EQ(b->connection(*again)->tuple().local, rst.tuple.remote);
}

// The client closes first, so that its end keeps TIME-WAIT.
struct Client {
  explicit Client(Net& net) : n(net), l(listen_on(net.b, {{}, {80}}, net.now)) {}
  bool once(const IpAddress& server) {
    const auto c = n.a.connect({}, {server, {80}}, {}, n.now);
    if (!c) {
      error = c.error().value();
      return false;
    }
    n.run();
    const auto child = n.b.accept(l, n.now);
    n.a.close(*c, false, n.now);
    n.run();
    n.b.close(child->connection, false, n.now);
    n.run();
    return true;
  }
  Net& n;
  ListenerId l;
  int error = 0;
};

// 30,000 connects in a row to one destination, each closed at once.
TEST(Connect, L13_time_wait_exhausts_the_ports_and_tcp_tw_reuse_goes_on) {
  Net n;
  Client client(n);
  for (int i = 0; i < kRange; ++i) ASSERT_TRUE(client.once(ip4(2))) << i;
  EXPECT_EQ(n.a.totals().time_wait_records, static_cast<std::uint64_t>(kRange));
  for (int i = kRange; i < 30000; ++i) ASSERT_FALSE(client.once(ip4(2)));
  EXPECT_EQ(client.error, EADDRNOTAVAIL);
  EXPECT_EQ(n.a.port_shortage()->in_time_wait, static_cast<std::uint32_t>(kRange));
  EXPECT_THAT(n.a.port_shortage()->to_string(), HasSubstr("28232 are held by TIME-WAIT"));
  n.now += 2s;
  EXPECT_FALSE(client.once(ip4(2)));  // tcp_tw_reuse = 2: on loopback alone
  ASSERT_TRUE(n.a.set_tuning("tcp_tw_reuse", "1"));
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(client.once(ip4(2))) << i;
  EXPECT_EQ(n.a.totals().time_wait_records, static_cast<std::uint64_t>(kRange));
  EXPECT_EQ(n.a.counters()[Counter::TcpExtTWRecycled], 2000u);
}

TEST(Connect, L13_waits_for_tcp_tw_reuse_delay) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("ip_local_port_range", "40000 40009"));
  ASSERT_TRUE(n.a.set_tuning("tcp_tw_reuse", "1"));
  Client client(n);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.once(ip4(2))) << i;
  EXPECT_FALSE(client.once(ip4(2)));
  n.now += 999ms;
  EXPECT_FALSE(client.once(ip4(2)));
  n.now += 1ms;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(client.once(ip4(2)));
  EXPECT_FALSE(client.once(ip4(2)));
  EXPECT_EQ(count_rule(n.a, Rule::L13_ReusedByConnect), 10u);
}

// What is known of a shortage is out of date when a live connection goes to TIME-WAIT.
TEST(Connect, L13_a_shortage_of_live_connections_ends_too) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("ip_local_port_range", "40000 40000"));
  ASSERT_TRUE(n.a.set_tuning("tcp_tw_reuse", "1"));
  const ListenerId l = listen_on(n.b, {{}, {80}}, n.now);
  const auto c = n.a.connect({}, {ip4(2), {80}}, {}, n.now);
  n.run();
  EXPECT_FALSE(n.a.connect({}, {ip4(2), {80}}, {}, n.now));
  EXPECT_EQ(n.a.port_shortage()->in_use, 1u);
  n.a.close(*c, false, n.now);
  n.run();
  EXPECT_FALSE(n.a.connect({}, {ip4(2), {80}}, {}, n.now));
  EXPECT_EQ(n.a.port_shortage()->in_time_wait, 1u);  // FIN-WAIT-2, as a record
  n.run(5s);
  n.b.close(n.b.accept(l, n.now)->connection, false, n.now);
  n.run();
  EXPECT_FALSE(n.a.connect({}, {ip4(2), {80}}, {}, n.now));
  n.run(1100ms);
  EXPECT_TRUE(n.a.connect({}, {ip4(2), {80}}, {}, n.now));
}

TEST(Connect, L13_needs_timestamps) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("ip_local_port_range", "40000 40000"));
  ASSERT_TRUE(n.a.set_tuning("tcp_tw_reuse", "1"));
  ASSERT_TRUE(n.b.set_tuning("tcp_timestamps", "0"));
  Client client(n);
  ASSERT_TRUE(client.once(ip4(2)));
  n.now += 5s;
  EXPECT_FALSE(client.once(ip4(2)));
  n.run(60s);
  EXPECT_TRUE(client.once(ip4(2)));
}

// The new incarnation's numbers lie above the old one's, and the peer takes its SYN.
TEST(Connect, L13_on_loopback_by_default) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("ip_local_port_range", "40000 40009"));
  const ListenerId l = listen_on(n.a, {{}, {80}}, n.now);
  for (int i = 0; i < 50; ++i) {
    const auto c = n.a.connect({}, {IpAddress::v4(127, 0, 0, 1), {80}}, {}, n.now);
    ASSERT_TRUE(c) << i;
    n.run();
    const auto child = n.a.accept(l, n.now);
    ASSERT_TRUE(child);
    n.a.close(*c, false, n.now);
    n.run();
    n.a.close(child->connection, false, n.now);
    n.run(200ms);
  }
  EXPECT_GT(n.a.counters()[Counter::TcpExtTWRecycled], 30u);
}

TEST(Connect, L13_a_bound_port_may_be_reused_too) {
  Net n;
  ASSERT_TRUE(n.a.set_tuning("tcp_tw_reuse", "1"));
  const ListenerId l = listen_on(n.b, {{}, {80}}, n.now);
  for (int i = 0; i < 3; ++i) {
    const auto binding = n.a.bind({ip4(1), {7000}}, {.reuse_address = true});
    ASSERT_TRUE(binding);
    const auto c = n.a.connect(*binding, {ip4(2), {80}}, {}, n.now);
    ASSERT_TRUE(c);
    n.run();
    const auto child = n.b.accept(l, n.now);
    n.a.close(*c, false, n.now);
    n.a.unbind(*binding);
    n.run();
    n.b.close(child->connection, false, n.now);
    n.run();
    const auto soon = n.a.bind({ip4(1), {7000}}, {.reuse_address = true});
    EXPECT_EQ(error_of(n.a.connect(*soon, {ip4(2), {80}}, {}, n.now)), EADDRNOTAVAIL);
    EXPECT_THAT(n.a.port_shortage()->to_string(), HasSubstr("TIME-WAIT"));
    n.a.unbind(*soon);
    n.run(2s);
  }
  EXPECT_EQ(n.a.counters()[Counter::TcpExtTWRecycled], 2u);
}

TEST(Connect, ports_that_somebody_named_are_passed_over) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("ip_local_port_range", "40000 40002"));
  ASSERT_TRUE(b->bind({ip4(1), {40001}}, {}));
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 2; ++i) {
    ports.insert(b->connection(*b->connect({}, kServer, {}, b.now))->tuple().local.port.value);
  }
  EXPECT_EQ(ports, (std::set<std::uint16_t>{40000, 40002}));
  EXPECT_EQ(error_of(b->connect({}, kServer, {}, b.now)), EADDRNOTAVAIL);
}

TEST(Connect, bind_to_port_0_chooses_and_runs_out_with_eaddrinuse) {
  Bench b;
  ASSERT_TRUE(b->set_tuning("ip_local_port_range", "40000 40009"));
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 10; ++i) {
    const auto id = b->bind({ip4(1), {}}, {.reuse_address = true});
    ASSERT_TRUE(id);
    ports.insert(b->bound_to(*id)->port.value);
  }
  EXPECT_EQ(ports.size(), 10u);
  EXPECT_EQ(b->bind({{}, {}}, {.reuse_address = true}).error().value(), EADDRINUSE);
}

TEST(Connect, a_dead_handle_is_ebadf) {
  Bench b;
  const auto c = b->connect({}, kServer, {}, b.now);
  b->close(*c, false, b.now);
  std::uint8_t byte = 0;
  EXPECT_EQ(b->send(*c, {&byte, 1}, false, false, b.now).error().value(), EBADF);
  EXPECT_EQ(b->receive(*c, {&byte, 1}, false, b.now).error().value(), EBADF);
  EXPECT_EQ(b->shutdown(*c, true, true, b.now).error().value(), EBADF);
  EXPECT_EQ(b->connection(*c), nullptr);
  b->close(*c, true, b.now);
  b->abort(*c, b.now);
}

// A connection with itself: simultaneous open with one TCB (RFC 9293 3.5, figure 7).
TEST(Connect, to_itself) {
  Bench b;
  const auto binding = b->bind({IpAddress::v4(127, 0, 0, 1), {7000}}, {});
  const auto c = b->connect(*binding, {IpAddress::v4(127, 0, 0, 1), {7000}}, {}, b.now);
  ASSERT_TRUE(c);
  b.run();
  EXPECT_EQ(b->connection(*c)->state(), State::Established);
  const std::vector<std::uint8_t> hello(10, 'h');
  ASSERT_TRUE(b->send(*c, hello, false, false, b.now));
  b.run();
  std::array<std::uint8_t, 20> to;
  EXPECT_EQ(b->receive(*c, to, false, b.now)->bytes, 10u);
}

}  // namespace
}  // namespace estab::stack
