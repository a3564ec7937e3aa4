// SYNs that nobody means: floods, forged cookies, and what cookies cost those who do mean them.
#include "attacks/scene.h"

namespace estab::attacks {
namespace {

// A SYN from an address and port of its own.
wire::Segment forged_syn(Scene& s, std::uint32_t n, std::uint16_t port = 80) {
  const IpAddress from = IpAddress::v4(0xc0000000 + (n * 2654435761u >> 6));
  return stack::peer_of(s, port, static_cast<std::uint16_t>(1024 + n % 60000), from).make(kSyn);
}

void flood_with_syns(Scene& s, std::uint32_t count, std::uint16_t port = 80) {
  for (std::uint32_t n = 0; n < count; ++n) {
    s.inject(forged_syn(s, n, port));
    if (n % 64 == 63) s.run();
    if (n % 1024 == 1023) s.device.out.clear();
  }
  s.run();
  s.device.out.clear();
}

// The peer answers the SYN,ACK; nothing when there is none, or no connection comes of it.
stack::ConnectionId finish(Scene& s, stack::ListenerId l, Peer& p) {
  const auto answer = s.take();
  if (answer.empty() || answer[0].flags != (kSyn | kAck)) return {};
  p.seq += 1;
  p.ack = answer[0].seq.value + 1;
  if (answer[0].options.timestamps) p.echo = answer[0].options.timestamps->value;
  p.send(kAck);
  return s.accept(l);
}

stack::ConnectionId good_client(Scene& s, stack::ListenerId l, std::uint16_t from = 5000) {
  Peer p = stack::peer_of(s, 80, from);
  s.give(p.make(kSyn));
  return finish(s, l, p);
}

// --- 1 ------------------------------------------------------------------------------------------

ATTACK(SynFlood, a01_memory, SynQueueBound) {
  Scene s;
  const auto l = s.listen(80, 128);
  flood_with_syns(s, 20000);
  EXPECT_LE(s.stack->totals().syn_records, 128u);
  EXPECT_LE(s.stack->totals().table_bytes, 1u << 20);
  EXPECT_TRUE(good_client(s, l));
  EXPECT_THAT(s.count(Counter::TcpExtTCPReqQFullDoCookies), counted(19800));
}

ATTACK(SynFlood, a01_every_client_connects, SynCookies) {
  Scene s;
  const auto l = s.listen(80, 128);
  std::uint32_t served = 0;
  for (std::uint16_t i = 0; i < 100; ++i) {
    flood_with_syns(s, 300);
    served += good_client(s, l, static_cast<std::uint16_t>(5000 + i)) ? 1 : 0;
  }
  EXPECT_EQ(served, 100u);
  EXPECT_THAT(s.count(Counter::TcpExtSyncookiesRecv), counted(99));
}

// --- 2 ------------------------------------------------------------------------------------------

// He floods, so that cookies are looked at, and then guesses one of an address that is not his.
ATTACK(SynFlood, a02_forged_cookie, CookieSecret) {
  Scene s;
  const auto l = s.listen(80, 128);
  flood_with_syns(s, 300);
  std::vector<wire::Segment> guesses;
  for (std::uint32_t low = 0; low < 16; ++low) {  // the bits that mean something
    for (std::uint32_t high = 0; high < 1000; ++high) {
      wire::Segment g = stack::peer_of(s, 80, 6000).make(kAck);
      g.ack = {(high * 0x00418937 << 4 | low) + 1};
      guesses.push_back(g);
    }
  }
  s.flood(std::move(guesses));
  EXPECT_FALSE(s.stack->accept(l, s.now));
  EXPECT_THAT(s.count(Counter::TcpExtSyncookiesFailed), counted(16000));
}

// A cookie of an earlier life of the listener, or a lucky guess: nothing was given out by this one.
ATTACK(SynFlood, a02_cookie_that_nobody_gave, CookieWhenAsked) {
  Scene s;
  const auto first = s.listen(80, 128);
  flood_with_syns(s, 300);
  Peer p = stack::peer_of(s, 80);
  s.give(p.make(kSyn));
  const auto cookie = s.take();
  ASSERT_EQ(cookie.size(), 1u);
  s.stack->close(first, s.now);
  const auto second = s.listen(80, 128);
  p.seq += 1;
  p.ack = cookie[0].seq.value + 1;
  p.send(kAck);
  EXPECT_FALSE(s.stack->accept(second, s.now));
  EXPECT_THAT(s.count(Counter::TcpOutRsts), counted(1));
}

// And one that is older than two epochs is nothing, whoever gave it.
TEST(SynFlood, a02_replay_of_an_old_cookie) {
  Scene s;
  const auto l = s.listen(80, 128);
  flood_with_syns(s, 300);
  Peer p = stack::peer_of(s, 80);
  s.give(p.make(kSyn));
  const auto cookie = s.take();
  ASSERT_EQ(cookie.size(), 1u);
  s.run(129s);
  flood_with_syns(s, 300);
  p.seq += 1;
  p.ack = cookie[0].seq.value + 1;
  p.send(kAck);
  EXPECT_FALSE(s.stack->accept(l, s.now));
  EXPECT_EQ(s.count(Counter::TcpExtSyncookiesFailed), 1u);
}

// --- 3 ------------------------------------------------------------------------------------------

// The third segment is lost and the client speaks: its data completes the handshake, and the large
// window and SACK are as they would have been.
ATTACK(SynFlood, a03_what_a_cookie_must_not_cost, CookieOptions) {
  Scene s;
  tcp::Settings large;
  large.receive_buffer = 4 << 20;
  const auto l = s.listen(80, 128, large);
  flood_with_syns(s, 300);
  Peer p = stack::peer_of(s, 80);
  p.timestamp = 1;
  wire::Segment syn = p.make(kSyn);
  syn.options.window_scale = 9;
  syn.options.sack_permitted = true;
  s.give(syn);
  const auto answer = s.take();
  ASSERT_EQ(answer.size(), 1u);
  p.seq += 1;
  p.ack = answer[0].seq.value + 1;
  p.echo = answer[0].options.timestamps->value;
  p.send(kAck | kPsh, 100);
  const auto id = s.accept(l);
  ASSERT_TRUE(id);
  EXPECT_EQ(s.read(id).size(), 100u);
  const tcp::Info i = s.info(id);
  EXPECT_TRUE(i.sack);
  EXPECT_TRUE(i.window_scaling);
  EXPECT_EQ(i.snd_wnd_shift, 9);
  EXPECT_EQ(i.snd_mss, 1448u);
  EXPECT_THAT(s.count(Counter::TcpExtSyncookiesRecv), counted(1));
}

// --- 4: SYN,ACKs for a victim -------------------------------------------------------------------

ATTACK(SynFlood, a04_syn_acks_for_a_victims_prefix, SynAckRate) {
  Scene s;
  s.set("tcp_synack_ratelimit_prefix", "100");
  const auto l = s.listen(80, 4096);
  for (std::uint16_t i = 0; i < 5000; ++i) {
    s.inject(stack::peer_of(s, 80, static_cast<std::uint16_t>(1024 + i)).make(kSyn));
    if (i % 64 == 0) s.run();
  }
  s.run();
  EXPECT_LE(s.take().size(), 150u);
  EXPECT_THAT(s.count(Counter::EstabSynAckLimited), counted(4850));
  // Whoever is really there is served as soon as a second has passed.
  s.run(1s);
  s.take();
  EXPECT_TRUE(good_client(s, l, 9999));
}

// --- 15: TIME-WAIT assassination by SYN ---------------------------------------------------------

// Half of all ISNs reopen a TIME-WAIT. Where the SYN was forged, the true peer (or nobody) answers
// our SYN,ACK, and the record is what it was.
ATTACK(SynFlood, a15_time_wait_syn_with_listener, TentativeReopen) {
  for (const bool peer_answers : {true, false}) {
    Scene s;
    Pair v = s.accepted(s.listen(80), 80);
    s.bring_to_time_wait(v);
    ASSERT_EQ(s.in(State::TimeWait), 1u);
    s.give(forged(v, kSyn, v.peer.seq + 1000000, 0));
    const auto answer = s.take();
    ASSERT_EQ(answer.size(), 1u);
    if (peer_answers) {
      s.give(forged(v, kRst, answer[0].ack.value, 0));  // RFC 9293 3.10.7.1: nothing of his
      EXPECT_EQ(s.in(State::TimeWait), 1u);
      EXPECT_THAT(s.count(Counter::EstabTimeWaitReturned), counted(1));
    }
    // His FIN comes again: answered, whatever stands in front of the record.
    s.take();
    s.give(forged(v, kFin | kAck, v.peer.seq - 1, v.peer.ack));
    const auto again = s.take();
    ASSERT_GE(again.size(), 1u);
    EXPECT_EQ(again[0].flags, kAck);
    EXPECT_EQ(again[0].ack.value, v.peer.seq);
  }
}

}  // namespace
}  // namespace estab::attacks
