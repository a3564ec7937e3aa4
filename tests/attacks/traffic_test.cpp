// Traffic: what a packet makes us send, to whom, and how fast.
#include "attacks/scene.h"

namespace estab::attacks {
namespace {

std::size_t bytes_out(Scene& s) {
  std::size_t n = 0;
  for (const Slice& f : s.take_frames()) n += f.length;
  return n;
}

// --- 4: reflection ------------------------------------------------------------------------------

// Each possible first segment in a victim's name, to a port that listens and one that does not: it
// draws SYN,ACK and its repetitions, or one RST, or nothing; never more than the SYN's own size
// times the SYN,ACKs that tcp_synack_retries allows.
TEST(Traffic, a04_what_one_forged_segment_draws) {
  for (const std::uint16_t port : {std::uint16_t{80}, std::uint16_t{81}}) {
    for (int flags = 0; flags < 256; ++flags) {
      for (const std::size_t size : {0, 100}) {
        Scene s;
        s.listen(80);
        wire::Segment first = stack::peer_of(s, port).make(static_cast<wire::Flags>(flags), size);
        const std::size_t in = stack::packet_of(first).length;
        s.give(first);
        s.run(5min);
        const bool opens = port == 80 && (flags & (kSyn | kAck | kRst)) == kSyn;
        EXPECT_LE(bytes_out(s), opens ? 6 * in : in) << flags << " " << size << " " << port;
      }
    }
  }
}

// A victim's prefix gets so many RSTs a second and no more, whatever is said in its name.
ATTACK(Traffic, a04_reset_flood_in_a_victims_name, ResetRate) {
  Scene s;
  std::vector<wire::Segment> all;
  for (std::uint16_t i = 0; i < 10000; ++i) {
    Peer p = stack::peer_of(s, 81, static_cast<std::uint16_t>(1000 + i));
    all.push_back(p.make(kAck, 100));
  }
  s.flood(std::move(all));
  EXPECT_LE(s.take().size(), 150u);  // tcp_rst_ratelimit_prefix is 100, drawn anew each second
  EXPECT_THAT(s.count(Counter::EstabRstLimited), counted(9850));
}

// Groups and impossible senders get nothing.
TEST(Traffic, a04_groups_and_martians_get_no_answer) {
  Scene s;
  s.listen(80);
  const IpAddress bad[] = {IpAddress::v4(224, 0, 0, 1),  IpAddress::v4(255, 255, 255, 255),
                           IpAddress::v4(10, 0, 0, 255), IpAddress::v4(127, 0, 0, 1),
                           IpAddress::v4(0, 0, 0, 0),    IpAddress::v4(240, 0, 0, 1)};
  for (const IpAddress& a : bad) {
    for (const int flags : {+kSyn, +kAck, kSyn | kAck}) {
      Peer p = stack::peer_of(s, 80, 5000, a);
      s.give(p.make(static_cast<wire::Flags>(flags)));
      Peer q = stack::peer_of(s, 80);
      q.tuple.remote.address = a;
      s.give(q.make(static_cast<wire::Flags>(flags)));
    }
  }
  EXPECT_EQ(bytes_out(s), 0u);
  EXPECT_EQ(s.stack->totals().syn_records, 0u);
  EXPECT_GE(s.count(Counter::EstabIpMartianSource), 18u);
}

// --- 5: LAND ------------------------------------------------------------------------------------

ATTACK(Traffic, a05_land, OwnAddressOutside) {
  Scene s;
  s.listen(80);
  wire::Segment land = stack::peer_of(s, 80).make(kSyn);
  land.tuple = {{ip4(1), {80}}, {ip4(1), {80}}};
  s.give(land);
  s.run(10s);
  EXPECT_EQ(s.count(Counter::TcpPassiveOpens), 0u);
  EXPECT_EQ(s.stack->totals().connections + s.stack->totals().syn_records, 0u);
  EXPECT_THAT(s.count(Counter::EstabIpMartianSource), counted(1));
}

// To connect to oneself is right, when it is oneself who does it.
TEST(Traffic, a05_connecting_to_oneself_works) {
  Scene s;
  const auto l = s.listen(80);
  const auto id = s.stack->connect(std::nullopt, {ip4(1), {80}}, {}, s.now);
  ASSERT_TRUE(id);
  s.run();
  EXPECT_EQ(s.state_of(*id), State::Established);
  EXPECT_TRUE(s.stack->accept(l, s.now));
}

// --- 27: a receiver who drives us ---------------------------------------------------------------

// Acknowledges all that came, `pieces` ACKs a segment. Returns the congestion window after three
// round trips.
std::uint32_t window_after(int pieces) {
  Scene s;
  Pair p = s.accepted(s.listen(80), 80);
  s.write(p.ours, 80000);
  for (int round = 0; round < 2; ++round) {
    for (const wire::Segment& o : s.take()) {
      const std::uint32_t step =
          std::max<std::uint32_t>(o.length() / static_cast<std::uint32_t>(pieces), 1);
      for (std::uint32_t at = step; at < o.length() + step; at += step) {
        p.peer.ack = o.seq.value + std::min(at, o.length());
        s.give(p.peer.make(kAck));
      }
    }
  }
  return s.info(p.ours).snd_cwnd;
}

ATTACK(Traffic, a27_divided_acks, ByteCounting) {
  EXPECT_LE(window_after(100), window_after(1) * 5 / 4);
}

// Duplicate ACKs that nothing caused: each would let another segment go.
ATTACK(Traffic, a27_forged_duplicates, DuplicateBound) {
  Scene s;
  Pair p = s.accepted(s.listen(80), 80);
  s.write(p.ours, 87000);
  const std::size_t window = s.take().size();
  p.peer.send(kAck);
  for (int i = 0; i < 500; ++i) s.give(p.peer.make(kAck));
  EXPECT_LE(s.take().size(), 2 * window);
  EXPECT_THAT(s.count(Counter::TcpExtTCPRenoRecovery), counted(1));
}

// Acknowledges what he has not seen, and what was not even sent: no loss would ever be noticed.
ATTACK(Traffic, a27_acks_of_what_was_never_sent, AckOfUnsent) {
  Scene s;
  Pair p = s.accepted(s.listen(80), 80);
  s.write(p.ours, 80000);
  s.take();
  for (std::uint32_t ahead = 20000; ahead < 80000; ahead += 1000) {
    s.give(forged(p, kAck, p.peer.seq, p.peer.ack + ahead));
  }
  EXPECT_EQ(s.stack->connection(p.ours)->unacked_bytes(), 80000u);
  EXPECT_THAT(s.count(Counter::EstabAckOutOfRange), counted(60));
}

// --- 28: ACK storms -----------------------------------------------------------------------------

// Two stacks whose idea of each other's numbers was made wrong by forged data: each finds the
// other's ACKs out of range and says so, which the other one finds out of range.
ATTACK(Traffic, a28_storm_between_two, AnswerRate) {
  stack::Net net;
  const auto l = stack::listen_on(net.b, {ip4(2), {80}}, net.now);
  const auto client = net.a.connect(std::nullopt, {ip4(2), {80}}, {}, net.now);
  ASSERT_TRUE(client);
  net.run(1s);
  const auto server = net.b.accept(l, net.now);
  ASSERT_TRUE(server);
  std::size_t packets = 0;
  wire::Segment from_a, from_b;  // as the other end sees them
  net.lose = [&](const wire::Segment& s) {
    (s.tuple.local.address == ip4(2) ? from_a : from_b) = s;
    return ++packets > 5000;  // what would go on for ever ends here
  };
  const std::uint8_t byte = 'x';
  ASSERT_TRUE(net.a.send(*client, {&byte, 1}, false, false, net.now));
  net.run(1s);
  const auto forge = [](const wire::Segment& like) {
    wire::Segment s;
    s.tuple = like.tuple.reversed();
    s.flags = kAck | kPsh;
    s.seq = {like.seq.value + like.length()};
    s.ack = like.ack;
    s.window = 65535;
    s.options.timestamps = like.options.timestamps;
    s.payload.append(Slice::copy_of(std::vector<std::uint8_t>(100, 'f')));
    return s;
  };
  net.device_b.in.push_back(stack::packet_of(forge(from_a)));
  net.device_a.in.push_back(stack::packet_of(forge(from_b)));
  packets = 0;
  net.run(60s);
  EXPECT_LE(packets, 250u);  // two a second each, and their own data
  EXPECT_THAT(net.a.counters()[Counter::TcpExtTCPACKSkippedChallenge] +
                  net.b.counters()[Counter::TcpExtTCPACKSkippedChallenge] +
                  net.a.counters()[Counter::TcpExtTCPACKSkippedSeq] +
                  net.b.counters()[Counter::TcpExtTCPACKSkippedSeq],
              counted(1));
}

// Each of the pairs that are known to talk for ever: SYN to SYN, FIN to FIN, both windows closed.
TEST(Traffic, a28_both_windows_closed) {
  stack::Net net;
  tcp::Settings small;
  small.receive_buffer = 2304;
  const auto l = stack::listen_on(net.b, {ip4(2), {80}}, net.now, {}, {true}, small);
  const auto a = net.a.connect(std::nullopt, {ip4(2), {80}}, small, net.now);
  net.run(1s);
  const auto b = net.b.accept(l, net.now);
  const std::vector<std::uint8_t> much(20000, 'm');
  ASSERT_TRUE(net.a.send(*a, much, false, false, net.now));
  ASSERT_TRUE(net.b.send(b->connection, much, false, false, net.now));
  net.run(10s);
  std::size_t packets = 0;
  net.lose = [&](const wire::Segment&) { return ++packets > 5000; };
  net.run(10min);
  EXPECT_LE(packets, 200u);
}

TEST(Traffic, a28_syn_to_syn_and_fin_to_fin) {
  stack::Net net;
  std::size_t packets = 0;
  net.lose = [&](const wire::Segment&) { return ++packets > 5000; };
  const auto pa = net.a.bind({ip4(1), {700}}, {true});
  const auto pb = net.b.bind({ip4(2), {700}}, {true});
  const auto a = net.a.connect(*pa, {ip4(2), {700}}, {}, net.now);
  const auto b = net.b.connect(*pb, {ip4(1), {700}}, {}, net.now);
  net.run(10s);
  net.a.close(*a, false, net.now);
  net.b.close(*b, false, net.now);
  net.run(5min);
  EXPECT_LE(packets, 40u);
  EXPECT_EQ(net.a.totals().connections + net.b.totals().connections, 0u);
}

// --- 29: forged ICMP ----------------------------------------------------------------------------

wire::IcmpMessage about(const wire::Segment& sent, std::uint8_t type, std::uint8_t code,
                        std::uint32_t seq, std::uint32_t rest, std::vector<std::uint8_t>& body) {
  wire::Segment quoted = sent;
  quoted.tuple = sent.tuple.reversed();
  quoted.seq = {seq};
  const Slice packet = stack::packet_of(quoted);
  body.assign(packet.bytes().begin(), packet.bytes().end());
  return {.v6 = false, .type = type, .code = code, .rest = rest, .body = body};
}

// Every type and code that is an error of IPv4.
template <class F>
void each_error(F&& f) {
  for (std::uint8_t code = 0; code < 16; ++code) f(std::uint8_t{3}, code);
  f(std::uint8_t{4}, std::uint8_t{0});
  for (std::uint8_t code = 0; code < 2; ++code) f(std::uint8_t{11}, code);
  for (std::uint8_t code = 0; code < 3; ++code) f(std::uint8_t{12}, code);
}

// CVE-2004-0790: while it is being opened an error does end a connection, if it quotes our SYN.
ATTACK(Traffic, a29_error_that_quotes_nothing_in_flight, IcmpInFlight) {
  Scene s;
  std::vector<std::uint8_t> body;
  Pair v = s.dialled(kRemote);
  wire::Segment syn = v.peer.make(kSyn);
  const std::uint32_t iss = v.peer.ack - 1;
  each_error([&](std::uint8_t type, std::uint8_t code) {
    for (std::uint32_t n = 1; n < 8; ++n) {
      s.give_icmp(about(syn, type, code, iss + (n << 29), 0, body));
    }
  });
  EXPECT_EQ(s.state_of(v.ours), State::SynSent);
  EXPECT_THAT(s.count(Counter::TcpExtOutOfWindowIcmps), counted(140));
}

// In each state that has something in flight.
ATTACK(Traffic, a29_hard_error_about_what_is_in_flight, IcmpSoft) {
  for (const State state :
       {State::Established, State::FinWait1, State::CloseWait, State::LastAck, State::Closing}) {
    Scene s;
    std::vector<std::uint8_t> body;
    Pair v = s.accepted(s.listen(80), 80);
    if (state == State::CloseWait || state == State::LastAck) v.peer.send(kFin | kAck);
    s.take();
    s.write(v.ours, 5000);
    if (state != State::Established && state != State::CloseWait) {
      EXPECT_TRUE(s.stack->shutdown(v.ours, false, true, s.now));
      s.run();
    }
    if (state == State::Closing) v.peer.send(kFin | kAck);
    const wire::Segment sent = s.take().at(0);
    ASSERT_EQ(s.state_of(v.ours), state);
    each_error([&](std::uint8_t type, std::uint8_t code) {
      s.give_icmp(about(sent, type, code, sent.seq.value, 0, body));
    });
    EXPECT_EQ(s.state_of(v.ours), state);
    EXPECT_THAT(s.count(Counter::IcmpInSrcQuenchs), counted(1));
  }
}

ATTACK(Traffic, a29_path_mtu_of_68, PathMtuFloor) {
  Scene s;
  std::vector<std::uint8_t> body;
  Pair v = s.accepted(s.listen(80), 80);
  s.write(v.ours, 20000);
  const wire::Segment sent = s.take().at(0);
  s.give_icmp(about(sent, 3, 4, sent.seq.value, 68, body));
  for (const wire::Segment& o : s.take()) EXPECT_GE(o.payload.size(), 512u);
  EXPECT_GE(s.info(v.ours).snd_mss, 512u);
}

}  // namespace
}  // namespace estab::attacks
