// A peer who makes us store things: each kind has a bound, whatever he does.
#include <map>

#include "attacks/scene.h"
#include "stack/demux.h"

namespace estab::attacks {
namespace {

// --- 16, 17: closing states ---------------------------------------------------------------------

ATTACK(Hoarding, a16_time_wait, TimeWaitBound) {
  Scene s;
  s.set("tcp_max_tw_buckets", "100");
  const auto l = s.listen(80);
  for (std::uint16_t i = 0; i < 300; ++i) {
    Pair p = s.accepted(l, 80, 5000 + i);
    s.bring_to_time_wait(p);
  }
  EXPECT_LE(s.stack->totals().time_wait_records, 100u);
  EXPECT_THAT(s.count(Counter::TcpExtTCPTimeWaitOverflow), counted(200));
  s.run(61s);
  EXPECT_EQ(s.stack->totals().time_wait_records, 0u);
}

// Acknowledges one octet more each second, and opens his window by one.
void dribble(Scene& s, Pair& p, Duration length) {
  for (const Instant end = s.now + length; s.now < end; s.run(1s)) {
    s.take();
    p.peer.ack += 1;
    wire::Segment a = p.peer.make(kAck);
    a.window = 1;
    s.inject(a);
  }
}

// SA-15:13's class, and what it was for: connections that closed long ago and never go.
ATTACK(Hoarding, a17_orphan_that_is_kept_alive, OrphanBound) {
  Scene s;
  s.set("orphan_lifetime", "60");
  Pair p = s.accepted(s.listen(80), 80);
  s.write(p.ours, 10000);
  s.stack->close(p.ours, false, s.now);
  s.run();
  dribble(s, p, 70s);
  EXPECT_EQ(s.stack->totals().connections, 0u);
  EXPECT_EQ(s.stack->totals().orphans, 0u);
  EXPECT_THAT(s.count(Counter::EstabOrphanTimeout), counted(1));
}

// --- 18: sockstress, Netkill, slow readers ------------------------------------------------------

// Answers everything with a closed window.
void shut(Scene& s, std::vector<Pair>& all, Duration length) {
  for (const Instant end = s.now + length; s.now < end; s.run(1s)) {
    s.take();
    for (Pair& p : all) {
      wire::Segment a = p.peer.make(kAck);
      a.window = 0;
      s.inject(a);
    }
  }
}

ATTACK(Hoarding, a18_orphan_with_a_closed_window, PersistBound) {
  Scene s;
  s.set("orphan_lifetime", "864000");
  std::vector<Pair> all{s.accepted(s.listen(80), 80)};
  shut(s, all, 2s);
  s.write(all[0].ours, 10000);
  s.stack->close(all[0].ours, false, s.now);
  shut(s, all, 15min);
  EXPECT_EQ(s.stack->totals().connections, 0u);
  EXPECT_THAT(s.count(Counter::EstabOrphanTimeout), counted(1));
}

// An application that answers requests, and peers who never take the answers.
std::vector<Pair> fill_memory(Scene& s, stack::ListenerId l, int connections) {
  std::vector<Pair> all;
  for (int i = 0; i < connections; ++i) {
    Peer p = stack::peer_of(s, 80, static_cast<std::uint16_t>(6000 + i));
    p.send(kSyn);
    const auto answer = s.take();
    if (answer.empty()) break;  // refused
    p.ack = answer[0].seq.value + 1;
    wire::Segment a = p.make(kAck);
    a.window = 0;
    s.give(a);
    const auto id = s.accept(l);
    s.write(id, 80000);
    all.push_back({p, id});
  }
  s.take();
  return all;
}

bool good_client_is_served(Scene& s, stack::ListenerId l) {
  s.take();
  Peer good = stack::peer_of(s, 80, 5000);
  good.send(kSyn);
  const auto answer = s.take();
  if (answer.empty() || answer[0].flags != (kSyn | kAck)) return false;
  good.ack = answer[0].seq.value + 1;
  good.send(kAck);
  const auto id = s.accept(l);
  s.take();
  return s.write(id, 1000) == 1000 && s.take().size() == 1;
}

ATTACK(Hoarding, a18_answers_that_nobody_takes, MemoryPressure) {
  Scene s;
  s.set("tcp_mem", "1000000");
  const auto l = s.listen(80);
  std::vector<Pair> all = fill_memory(s, l, 100);
  EXPECT_LE(s.stack->totals().payload_bytes, 1100000u);
  EXPECT_FALSE(good_client_is_served(s, l));
  shut(s, all, 62s);
  EXPECT_TRUE(good_client_is_served(s, l));
  EXPECT_THAT(s.count(Counter::TcpExtTCPAbortOnMemory), counted(1));
}

// The owner of such a connection reads why.
TEST(Hoarding, a18_the_owner_of_a_stalled_connection_reads_enobufs) {
  Scene s;
  s.set("tcp_mem", "65536");
  const auto l = s.listen(80);
  std::vector<Pair> all = fill_memory(s, l, 1);
  ASSERT_EQ(all.size(), 1u);
  shut(s, all, 62s);
  EXPECT_EQ(s.stack->take_error(all[0].ours), ENOBUFS);
  EXPECT_EQ(s.count(Counter::TcpExtTCPAbortOnMemory), 1u);
}

// And one who does not want to wait for memory to be short says so: TCP_USER_TIMEOUT.
TEST(Hoarding, a18_user_timeout_ends_a_closed_window) {
  Scene s;
  tcp::Settings settings;
  settings.user_timeout = 30s;
  std::vector<Pair> all{s.accepted(s.listen(80, 128, settings), 80)};
  shut(s, all, 2s);
  s.write(all[0].ours, 10000);
  shut(s, all, 60s);
  EXPECT_EQ(s.state_of(all[0].ours), State::Closed);
  EXPECT_EQ(s.stack->take_error(all[0].ours), ETIMEDOUT);
}

// A slow reader who does read keeps his connection.
TEST(Hoarding, a18_a_slow_peer_that_takes_segments_stays) {
  Scene s;
  s.set("tcp_mem", "65536");
  Pair p = s.accepted(s.listen(80), 80);
  ASSERT_GE(s.write(p.ours, 80000), 65536u);
  std::uint32_t acked = p.peer.ack;
  std::uint32_t sent = acked;
  for (int i = 0; i < 40; ++i) {
    for (const wire::Segment& o : s.take()) sent = std::max(sent, o.seq.value + o.length());
    s.run(5s);
    acked = std::min(acked + 1460, sent);
    p.peer.ack = acked;
    wire::Segment a = p.peer.make(kAck);
    a.window = 1460;
    s.give(a);
  }
  EXPECT_EQ(s.state_of(p.ours), State::Established);
}

// Bytes beyond a gap that is never filled are given back at once: SACK says nothing that binds.
ATTACK(Hoarding, a18_bytes_beyond_a_gap, MemoryPressure) {
  Scene s;
  s.set("tcp_mem", "1000000");
  const auto l = s.listen(80);
  for (std::uint16_t i = 0; i < 40; ++i) {
    Pair p = s.accepted(l, 80, 6000 + i);
    for (std::uint32_t at = 1; at < 60000; at += 1400) {
      s.inject(forged(p, kAck, p.peer.seq + at, p.peer.ack, 1400));
    }
    s.run(1ms);
    s.take();
    if (s.stack->totals().payload_bytes >= 1000000) break;
  }
  s.take();
  s.run(20ms);
  EXPECT_LT(s.stack->totals().payload_bytes, 1000000u);
  EXPECT_TRUE(good_client_is_served(s, l));
  EXPECT_THAT(s.count(Counter::TcpExtOfoPruned), counted(1));
}

// --- 19: SACK panic -----------------------------------------------------------------------------

Pair with_mss(Scene& s, std::uint16_t mss, bool sack) {
  const auto l = s.listen(80);
  Peer p = stack::peer_of(s, 80);
  wire::Segment syn = p.make(kSyn);
  syn.options.mss = mss;
  syn.options.sack_permitted = sack;
  p.seq += 1;
  s.give(syn);
  p.expect();
  p.send(kAck);
  s.take();
  return {p, s.accept(l)};
}

ATTACK(Hoarding, a19_tiny_mss, MssFloor) {
  Scene s;
  const Pair p = with_mss(s, 1, false);
  s.write(p.ours, 10000);
  const auto sent = s.take();
  ASSERT_GE(sent.size(), 10u);
  for (const wire::Segment& one : sent) EXPECT_GE(one.payload.size(), 48u);
}

ATTACK(Hoarding, a19_sack_of_every_other_segment, ScoreboardBound) {
  Scene s;
  s.set("tcp_init_cwnd", "100");
  Pair p = with_mss(s, 48, true);
  s.write(p.ours, 87000);
  for (int round = 0; round < 6; ++round) {  // until the window is full
    for (const wire::Segment& o : s.take()) p.peer.ack = o.seq.value + o.length();
    s.give(p.peer.make(kAck));
    s.write(p.ours, 87000);
  }
  const auto flight = s.take();
  ASSERT_GT(flight.size(), 1100u);
  for (std::size_t i = 1; i + 5 < flight.size(); i += 6) {
    wire::Segment a = p.peer.make(kAck);
    for (const std::size_t j : {i, i + 2, i + 4}) {
      a.options.sack[a.options.sack_count++] = {flight[j].seq,
                                                {flight[j].seq.value + flight[j].length()}};
    }
    s.inject(a);
  }
  s.run();
  EXPECT_LE(tcp::Inspector::sacked_pieces(*s.stack->connection(p.ours)), 512u);
  EXPECT_THAT(s.count(Counter::EstabSackScoreboardFull), counted(50));
  EXPECT_EQ(s.state_of(p.ours), State::Established);
}

// --- 20: SegmentSmack ---------------------------------------------------------------------------

// Every other octet, each in a packet of its own, which came in a buffer of `capacity`.
void pepper(Scene& s, const Pair& p, std::uint32_t octets, std::size_t capacity) {
  for (std::uint32_t n = 1; n <= octets; ++n) {
    const Slice packet = stack::packet_of(forged(p, kAck, p.peer.seq + 2 * n, p.peer.ack, 1));
    const Buffer roomy = Buffer::allocate(capacity);
    std::copy_n(packet.bytes().data(), packet.length, roomy.data());
    s.device.in.push_back({roomy, 0, packet.length});
    if (n % 64 == 0) s.run();
  }
  s.run();
}

ATTACK(Hoarding, a20_octets_beyond_gaps, ReorderingBound) {
  Scene s;
  const Pair p = s.accepted(s.listen(80), 80);
  pepper(s, p, 4000, 64);
  EXPECT_LE(tcp::Inspector::pieces_beyond_gaps(*s.stack->connection(p.ours)), 1024u);
  EXPECT_THAT(s.count(Counter::TcpExtTCPOFODrop), counted(2900));
}

ATTACK(Hoarding, a20_octets_in_large_buffers, CompactPieces) {
  Scene s;
  const Pair p = s.accepted(s.listen(80), 80);
  pepper(s, p, 1000, 9000);
  EXPECT_LE(s.stack->totals().payload_bytes, 300000u);
}

// --- 21: FragmentSmack, teardrop ----------------------------------------------------------------

wire::IpPacket fragment(const IpAddress& from, std::uint32_t id, std::uint16_t offset, bool more) {
  wire::IpPacket f = Scene::header_of(from, ip4(1));
  f.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  f.identification = id;
  f.fragment_offset = offset;
  f.more_fragments = more;
  return f;
}

ATTACK(Hoarding, a21_fragments, FragmentMemory) {
  Scene s;
  s.set("ipfrag_high_thresh", "262144");
  const std::vector<std::uint8_t> body(1000, 'f');
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const IpAddress from = IpAddress::v4(0xc6336400 + i % 200);
    s.device.in.push_back(Scene::packet(fragment(from, i, 0, true), body));
    if (i % 64 == 0) s.run();
  }
  s.run();
  EXPECT_LE(s.stack->ip().reassembly_memory(), 262144u);
  EXPECT_THAT(s.count(Counter::EstabReasmMemory), counted(2500));
  // Somebody else's fragments still come together.
  Peer good = stack::peer_of(s, 81);
  const Slice whole = stack::packet_of(good.make(kSyn));
  const Bytes tcp = whole.bytes().subspan(20);
  s.device.in.push_back(
      Scene::packet(fragment(ip4(9), 7, 0, true), {tcp.begin(), tcp.begin() + 16}));
  s.device.in.push_back(
      Scene::packet(fragment(ip4(9), 7, 16, false), {tcp.begin() + 16, tcp.end()}));
  s.run();
  EXPECT_EQ(good.expect().flags, kRst | kAck);
  s.run(31s);
  EXPECT_EQ(s.stack->ip().reassembly_memory(), 0u);
}

// The first fragment shows a filter port 80; a second one, which overlaps it, makes it 22.
ATTACK(Hoarding, a21_overlap, FragmentOverlap) {
  Scene s;
  s.listen(22);
  Peer shown = stack::peer_of(s, 80);
  Peer meant = stack::peer_of(s, 22);
  const Slice a = stack::packet_of(shown.make(kSyn));
  const Slice b = stack::packet_of(meant.make(kSyn));
  const std::vector<std::uint8_t> first(a.bytes().begin() + 20, a.bytes().end());
  const std::vector<std::uint8_t> second(b.bytes().begin() + 20, b.bytes().end());
  std::vector<std::uint8_t> head(first.begin(), first.begin() + 8);
  ASSERT_EQ(second.size(), 24u);
  // 0..8 of the shown, then 0..16 again (over it) in two overlapping pieces, then the end.
  s.device.in.push_back(
      Scene::packet(fragment(ip4(9), 9, 8, true), {second.begin() + 8, second.begin() + 16}));
  s.device.in.push_back(
      Scene::packet(fragment(ip4(9), 9, 0, true), {second.begin(), second.begin() + 16}));
  s.device.in.push_back(
      Scene::packet(fragment(ip4(9), 9, 16, false), {second.begin() + 16, second.end()}));
  s.run();
  EXPECT_EQ(s.stack->totals().syn_records, 0u);
  EXPECT_THAT(s.count(Counter::EstabReasmOverlap), counted(1));
}

// --- 31: hash flooding --------------------------------------------------------------------------

// 4-tuples that a public hash puts into one of 4,096 rows: he has computed them at home.
ATTACK(Hoarding, a31_colliding_tuples, KeyedDemux) {
  std::vector<FourTuple> chosen;
  for (std::uint32_t i = 0; chosen.size() < 300; ++i) {
    const FourTuple t{{ip4(1), {80}},
                      {IpAddress::v4(0x0b000000 + (i >> 16)), {static_cast<std::uint16_t>(i | 1)}}};
    if (siphash(SipKey{}, t) % 4096 == 77) chosen.push_back(t);
  }
  const stack::Demux demux(SipKey{{0x243f6a8885a308d3, 0x13198a2e03707344}});
  std::map<std::uint64_t, int> rows;
  int longest = 0;
  for (const FourTuple& t : chosen) longest = std::max(longest, ++rows[demux.hash(t) % 4096]);
  EXPECT_LE(longest, 6);  // 300 balls into 4,096 bins
}

}  // namespace
}  // namespace estab::attacks
