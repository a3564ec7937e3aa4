// From off the path: an attacker who knows or guesses the 4-tuple, sees nothing, and forges.
#include "attacks/scene.h"

namespace estab::attacks {
namespace {

constexpr std::uint64_t kNumbers = std::uint64_t{1} << 32;

// Every number that a window of 65,535 cannot miss, but for RCV.NXT itself.
template <class Forge>
void sweep(Scene& s, std::uint32_t rcv_nxt, Forge&& forge) {
  std::vector<wire::Segment> all;
  for (std::uint64_t n = 1; n < kNumbers; n += 32767) {
    all.push_back(forge(rcv_nxt + static_cast<std::uint32_t>(n)));
  }
  s.flood(std::move(all));
}

ATTACK(Blind, a06_reset, ExactReset) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  s.take();
  sweep(s, v.peer.seq, [&](std::uint32_t n) { return forged(v, kRst, n, 0); });
  EXPECT_EQ(s.state_of(v.ours), State::Established);
  EXPECT_LE(s.take().size(), 1u);  // one challenge ACK in half a second
  EXPECT_THAT(s.count(Counter::TcpExtTCPChallengeACK), counted(1));
  EXPECT_THAT(s.count(Counter::EstabRstIgnored), counted(131000));
}

ATTACK(Blind, a07_syn, SynChallenge) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  s.take();
  sweep(s, v.peer.seq, [&](std::uint32_t n) { return forged(v, kSyn, n, 0); });
  EXPECT_EQ(s.state_of(v.ours), State::Established);
  EXPECT_LE(s.take().size(), 1u);
  EXPECT_THAT(s.count(Counter::TcpExtTCPSYNChallenge), counted(131000));
}

// Even one who has hit the window must guess the ACK, and half of all numbers are no duplicates.
ATTACK(Blind, a08_data, AckRange) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  std::vector<wire::Segment> all;
  for (std::uint64_t n = 100000; n < kNumbers; n += 100000) {
    const auto ack = v.peer.ack + static_cast<std::uint32_t>(n);
    all.push_back(forged(v, kAck | kPsh, v.peer.seq, ack, 1));
  }
  s.flood(std::move(all));
  EXPECT_EQ(s.read(v.ours), "");
  EXPECT_THAT(s.count(Counter::EstabAckOutOfRange), counted(42000));
}

// A young connection has sent nothing, so no ACK but one is a duplicate of anything: RFC 5961's
// range, which reaches a whole window back, would take what was never sent (CVE-2023-52881).
ATTACK(Blind, a09_ghost_acks, AckFloor) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  for (std::uint32_t back = 1; back < 65535; back += 1000) {
    s.give(forged(v, kAck | kPsh, v.peer.seq, v.peer.ack - back, 1));
  }
  EXPECT_EQ(s.read(v.ours), "");
  EXPECT_THAT(s.count(Counter::EstabAckOutOfRange), counted(66));
}

// RFC 1337's hazards begin with a RST that ends TIME-WAIT.
ATTACK(Blind, a15_time_wait_reset, TimeWaitIgnoresReset) {
  Scene s;
  Pair v = s.accepted(s.listen(80), 80);
  s.bring_to_time_wait(v);
  ASSERT_EQ(s.in(State::TimeWait), 1u);
  for (std::uint32_t off : {0u, 1u, 1000u}) s.give(forged(v, kRst, v.peer.seq + off, 0));
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  // The old duplicate that would have got into the next incarnation is still refused.
  s.give(forged(v, kAck | kPsh, v.peer.seq - 1, v.peer.ack, 10));
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_THAT(s.count(Counter::EstabTimeWaitRstIgnored), counted(3));
}

// A forged SYN takes a client's TIME-WAIT away in FreeBSD 13: half of all numbers do.
ATTACK(Blind, a15_time_wait_syn_without_listener, ReopenForListener) {
  Scene s;
  Pair v = s.dialled(kRemote);
  v.peer.send(kSyn | kAck);
  v.peer.expect();
  s.bring_to_time_wait(v);
  ASSERT_EQ(s.in(State::TimeWait), 1u);
  for (std::uint32_t n = 0; n < 16; ++n) s.give(forged(v, kSyn, v.peer.seq + (n << 28), 0));
  EXPECT_EQ(s.in(State::TimeWait), 1u);
  EXPECT_THAT(s.count(Counter::EstabTimeWaitSynOld), counted(16));
}

// CVE-2005-0356: a timestamp of the far future makes everything that is genuine old.
ATTACK(Blind, a30_poisoned_timestamp, TimestampInOrder) {
  Scene s;
  Pair v = s.accepted(s.listen(80), 80, 5000, 1000);
  for (std::uint32_t n = 1; n < 60000; n += 5000) {
    wire::Segment f = forged(v, kAck | kPsh, v.peer.seq + n, v.peer.ack, 1);
    f.options.timestamps = wire::Timestamps{0x70000000, v.peer.echo};
    s.give(f);
  }
  v.peer.timestamp = 1001;
  v.peer.send(kAck | kPsh, 1);
  EXPECT_NE(s.read(v.ours), "");
  if (defences_stand()) {
    EXPECT_EQ(s.count(Counter::TcpExtPAWSEstab), 0u);
  }
}

// An ACK out of range must not move it either, wherever it stands.
TEST(Blind, a30_timestamp_of_a_segment_whose_ack_is_wrong) {
  Scene s;
  Pair v = s.accepted(s.listen(80), 80, 5000, 1000);
  for (std::uint32_t n = 1; n < 16; ++n) {
    wire::Segment f = forged(v, kAck | kPsh, v.peer.seq, v.peer.ack + (n << 28), 1);
    f.options.timestamps = wire::Timestamps{0x70000000, v.peer.echo};
    s.give(f);
  }
  v.peer.send(kAck | kPsh, 1);
  EXPECT_EQ(s.read(v.ours), "x");
  EXPECT_EQ(s.count(Counter::TcpExtPAWSEstab), 0u);
}

// An address that is not his: the attacker cannot see our ISN, so he cannot acknowledge it.
ATTACK(Blind, a33_handshake_of_a_forged_address, HandshakeAck) {
  Scene s;
  const auto l = s.listen(80);
  Peer forger = stack::peer_of(s, 80);
  forger.send(kSyn);
  const std::uint32_t unseen = s.take().at(0).seq.value + 1;
  for (std::uint32_t n = 1; n < 64; ++n) {
    wire::Segment f = forger.make(kAck | kPsh, 1);
    f.ack = {unseen + (n << 26)};
    s.give(f);
  }
  EXPECT_FALSE(s.stack->accept(l, s.now));
  EXPECT_EQ(s.in(State::Established), 0u);
  EXPECT_THAT(s.count(Counter::TcpOutRsts), counted(63));
}

// A forged SYN for a connection that is being opened turns it into a simultaneous open: nobody has
// acknowledged our SYN yet, so nobody may be told that it is connected.
ATTACK(Blind, a33_connected_too_early, ConnectedAfterAck) {
  Scene s;
  Pair v = s.dialled(kRemote);
  s.give(forged(v, kSyn, 777, 0));
  EXPECT_EQ(s.stack->readiness(v.ours) & tcp::kConnected, 0);
  EXPECT_EQ(s.state_of(v.ours), State::SynReceived);
  EXPECT_EQ(s.count(Counter::EstabSimultaneousOpens), 1u);
  // Nor does an ACK of anything else open it.
  s.give(forged(v, kAck, 778, v.peer.ack + 1000));
  EXPECT_NE(s.state_of(v.ours), State::Established);
}

}  // namespace
}  // namespace estab::attacks
