// What an observer off the path can learn from answers, ports and numbers that he is given himself
// about those that others are given.
#include <cstdlib>
#include <map>
#include <set>

#include "attacks/scene.h"
#include "wire/icmp.h"

namespace estab::attacks {
namespace {

// --- 10: CVE-2016-5696 --------------------------------------------------------------------------

// The attacker has connections of his own and spends the stack's whole budget of challenge ACKs on
// them. If he gets one fewer than the budget, a segment that he forged for the victim's connection
// drew the missing one: so he finds the 4-tuple and its numbers.
bool attacker_reads_challenges(std::uint64_t seed, bool victim_hit) {
  constexpr std::uint16_t kOwn = 160;
  Scene s(seed);
  s.set("tcp_challenge_ack_limit", "100");
  const auto l = s.listen(80, 1000);
  const Pair victim = s.accepted(l, 80);
  std::vector<Pair> own;
  for (std::uint16_t i = 0; i < kOwn; ++i) own.push_back(s.accepted(l, 80, 6000 + i));
  s.now += 10s;
  s.run();
  s.take();
  // In the window: a challenge ACK. Beside it: nothing.
  const std::uint32_t guess = victim.peer.seq + (victim_hit ? 100u : 1u << 20);
  s.give(forged(victim, kRst, guess, 0));
  for (int again = 0; again < 2; ++again) {
    for (const Pair& p : own) s.inject(forged(p, kRst, p.peer.seq + 100, 0));
    s.run();
  }
  std::size_t mine = 0;
  for (const wire::Segment& a : s.take()) mine += a.tuple.local != victim.peer.tuple.local ? 1 : 0;
  const bool believes_hit = mine < 100;
  return believes_hit == victim_hit;
}

ATTACK(Observer, a10_challenge_acks, ChallengeLimit) {
  int right = 0;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    right += attacker_reads_challenges(seed, true) ? 1 : 0;
    right += attacker_reads_challenges(seed, false) ? 1 : 0;
  }
  EXPECT_LE(right, 24) << "of 32 guesses, of which a coin gets 16";
}

// One connection, however it is hammered, spends two a second of what all have.
ATTACK(Observer, a10_one_connection_cannot_drain_the_budget, ChallengeLimit) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  s.take();
  for (int ms = 0; ms < 1000; ++ms) {
    s.run(1ms);
    s.give(forged(v, kRst, v.peer.seq + 100, 0));
  }
  EXPECT_LE(s.take().size(), 2u);
  EXPECT_THAT(s.count(Counter::TcpExtTCPACKSkippedChallenge), counted(998));
}

// Nor does a TIME-WAIT record: what it does not answer costs the others nothing.
ATTACK(Observer, a10_one_record_cannot_drain_the_budget, ChallengeLimit) {
  Scene s;
  const auto l = s.listen(80);
  const Pair v = s.accepted(l, 80);
  Pair closed = s.accepted(l, 80, 5001);
  s.bring_to_time_wait(closed);
  for (int i = 0; i < 2000; ++i) {
    s.give(forged(closed, kAck, closed.peer.seq, closed.peer.ack + 1000));
  }
  s.take();
  s.give(forged(v, kRst, v.peer.seq + 100, 0));
  EXPECT_EQ(s.take().size(), 1u);  // a genuine peer who has lost his place gets his answer
  EXPECT_THAT(s.count(Counter::TcpExtTCPACKSkippedTimeWait), counted(1900));
}

// --- 11: ports ----------------------------------------------------------------------------------

std::uint16_t port_towards(Scene& s, const Endpoint& remote) {
  const auto id = s.stack->connect(std::nullopt, remote, {}, s.now);
  EXPECT_TRUE(id);
  const std::uint16_t port = s.stack->connection(*id)->tuple().local.port.value;
  s.stack->close(*id, false, s.now);
  s.run();
  s.take();
  return port;
}

// The attacker's own server sees which port we use, and foretells the one that a resolver's or a
// bank's connection gets next (CVE-2022-1012, CVE-2024-10603).
ATTACK(Observer, a11_next_port, PortSecret) {
  Scene s;
  int hits = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint16_t seen = port_towards(s, {ip4(66), {80}});
    const std::uint16_t next = port_towards(s, kRemote);
    hits += std::abs(next - seen) <= 2 ? 1 : 0;
  }
  EXPECT_LE(hits, 2);
}

// Where each destination begins is spread over the range: chi-square over 16 bins, 15 degrees of
// freedom, exceeds 44.3 once in 10,000.
ATTACK(Observer, a11_ports_are_spread, PortSecret) {
  Scene s;
  s.set("ip_local_port_range_low", "32768");
  s.set("ip_local_port_range_high", "65535");
  std::array<double, 16> bins{};
  for (std::uint16_t i = 0; i < 1600; ++i) {
    bins[(port_towards(s, {ip4(9), {static_cast<std::uint16_t>(1000 + i)}}) - 32768) / 2048] += 1;
  }
  double chi = 0;
  for (const double n : bins) chi += (n - 100) * (n - 100) / 100;
  // Without the secret they come in turn: too even to be random, or all in a row.
  EXPECT_LT(chi, 44.3);
  EXPECT_GT(chi, 2.0);
}

// --- 11: ICMP's limit (SAD DNS, CVE-2020-25705) -------------------------------------------------

std::size_t errors_drawn(Scene& s, const IpAddress& from, int probes) {
  wire::IpPacket udp = Scene::header_of(from, ip4(1));
  udp.protocol = static_cast<std::uint8_t>(wire::Protocol::kUdp);
  for (int i = 0; i < probes; ++i)
    s.device.in.push_back(Scene::packet(udp, {1, 2, 3, 4, 0, 8, 0, 0}));
  s.run();
  std::size_t to_him = 0;
  for (const Slice& f : s.take_frames()) {
    const auto p = wire::parse_ip(f.bytes());
    if (p && p->destination == from) ++to_him;
  }
  return to_him;
}

bool attacker_reads_errors(std::uint64_t seed, bool closed_port_hit) {
  Scene s(seed);
  s.set("icmp_ratelimit", "100");
  s.set("icmp_ratelimit_prefix", "50");
  s.run(10s);
  // Forged in the victim's name; an error for each only if the port is closed.
  if (closed_port_hit) errors_drawn(s, IpAddress::v4(192, 0, 2, 7), 60);
  const bool believes = errors_drawn(s, IpAddress::v4(198, 51, 100, 7), 100) < 100;
  return believes == closed_port_hit;
}

ATTACK(Observer, a11_icmp_budget, IcmpLimit) {
  int right = 0;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    right += attacker_reads_errors(seed, true) ? 1 : 0;
    right += attacker_reads_errors(seed, false) ? 1 : 0;
  }
  EXPECT_LE(right, 24) << "of 32 guesses, of which a coin gets 16";
}

// --- 12: IP identifications ---------------------------------------------------------------------

std::vector<std::uint16_t> reply_ids(Scene& s, const IpAddress& from, int pings) {
  std::vector<std::uint16_t> ids;
  for (int i = 0; i < pings; ++i) {
    s.give_icmp({.v6 = false, .type = 8, .code = 0, .rest = 1, .body = {}}, from);
    for (const Slice& f : s.take_frames()) {
      const auto p = wire::parse_ip(f.bytes());
      if (p) ids.push_back(static_cast<std::uint16_t>(p->identification));
    }
  }
  return ids;
}

// He pings, lets the victim's traffic pass, pings again: the distance of the two says how much there
// was (CVE-2020-36516 went on from there to the connection's numbers).
ATTACK(Observer, a12_ip_id, PacketIds) {
  Scene s;
  int right = 0;
  for (int packets = 1; packets <= 20; ++packets) {
    const auto before = reply_ids(s, ip4(66), 1);
    reply_ids(s, ip4(9), packets);
    const auto after = reply_ids(s, ip4(66), 1);
    ASSERT_EQ(before.size() + after.size(), 2u);
    right += after[0] - before[0] - 1 == packets ? 1 : 0;
  }
  EXPECT_EQ(right, 0);
}

TEST(Observer, a12_segments_have_no_id) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  s.device.out.clear();
  s.write(v.ours, 10000);
  const auto frames = s.take_frames();
  ASSERT_FALSE(frames.empty());
  for (const Slice& f : frames) {
    const auto p = wire::parse_ip(f.bytes());
    ASSERT_TRUE(p);
    EXPECT_TRUE(p->dont_fragment);
    EXPECT_EQ(p->identification, 0u);
  }
}

// --- 13, 14: ISN and timestamp ------------------------------------------------------------------

wire::Segment syn_towards(Scene& s, const Endpoint& remote) {
  const auto id = s.stack->connect(std::nullopt, remote, {}, s.now);
  EXPECT_TRUE(id);
  s.run();
  return s.take().at(0);
}

// The attacker's server is connected to; at the same moment another connection opens. He has the
// clock, and what he lacks is F(4-tuple, secret).
ATTACK(Observer, a13_isn, IsnSecret) {
  Scene s;
  int close_by = 0;
  for (std::uint16_t i = 0; i < 200; ++i) {
    s.run(17ms);
    const std::uint32_t his =
        syn_towards(s, {ip4(66), {static_cast<std::uint16_t>(100 + i)}}).seq.value;
    const std::uint32_t other =
        syn_towards(s, {ip4(9), {static_cast<std::uint16_t>(100 + i)}}).seq.value;
    close_by += std::abs(static_cast<std::int32_t>(other - his)) < (1 << 18) ? 1 : 0;
  }
  EXPECT_LE(close_by, 1);
}

// Two connections of one 4-tuple: the second's numbers lie above (RFC 6528), and the stack's seed
// does not give the secret away: another secret, other numbers.
TEST(Observer, a13_isn_of_one_tuple_grows_and_hangs_on_the_secret) {
  std::set<std::uint32_t> first;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Scene s(seed);
    const auto l = s.listen(80);
    Peer p = stack::peer_of(s, 80);
    p.send(kSyn);
    const std::uint32_t one = p.expect().seq.value;
    first.insert(one >> 16);
    p.send(kRst);
    s.run(1s);
    p.send(kSyn);
    const std::uint32_t two = p.expect().seq.value;
    EXPECT_GE(two - one, 250000u);
    EXPECT_LE(two - one, 260000u);
    (void)l;
  }
  EXPECT_GE(first.size(), 48u);
}

// One clock for all says how long we are up, and which addresses are one machine.
ATTACK(Observer, a14_timestamps, TimestampOffset) {
  Scene s;
  std::map<std::uint32_t, int> seconds;
  int uptime = 0;
  for (std::uint8_t i = 2; i < 100; ++i) {
    const auto t = syn_towards(s, {ip4(i), {80}}).options.timestamps;
    ASSERT_TRUE(t);
    ++seconds[t->value >> 10];
    const auto up = static_cast<std::uint32_t>(s.now.time_since_epoch() / 1ms);
    uptime += std::abs(static_cast<std::int32_t>(t->value - up)) < 60000 ? 1 : 0;
  }
  EXPECT_GE(seconds.size(), 95u);
  EXPECT_LE(uptime, 1);
}

}  // namespace
}  // namespace estab::attacks
