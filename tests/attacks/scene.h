// A stack under attack, in virtual time: 10.0.0.1 is ours, the test is everybody else. The victim's
// peer is 10.0.0.9; an attacker who is not on the path forges his segments by Peer::make() and sees
// nothing of what goes to the victim.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "attacks/attack.h"
#include "stack/test_net.h"
#include "wire/icmp.h"

namespace estab::tcp {

class Inspector {  // looks where only tests may
 public:
  static std::size_t sacked_pieces(const Connection& c) { return c.scoreboard_.pieces(); }
  static std::size_t pieces_beyond_gaps(const Connection& c) { return c.receive_queue_.pieces(); }
};

}  // namespace estab::tcp

namespace estab::attacks {

using namespace std::chrono_literals;
using stack::ip4;
using stack::ip6;
using stack::Peer;
using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;
using wire::kUrg;

struct Pair {
  Peer peer;
  stack::ConnectionId ours;
};

class Scene : public stack::Bench {
 public:
  explicit Scene(std::uint64_t seed = 1) : Bench(stack::test_config(seed)) {}

  void set(const char* knob, const std::string& value) {
    const auto done = stack->set_tuning(knob, value);
    EXPECT_TRUE(done) << done.error();
  }
  stack::ListenerId listen(std::uint16_t port, int backlog = 128,
                           const tcp::Settings& settings = {}) {
    stack::ListenOptions options;
    options.backlog = backlog;
    return stack::listen_on(*stack, {ip4(1), {port}}, now, options, {true}, settings);
  }
  stack::ConnectionId accept(stack::ListenerId listener) {
    const auto got = stack->accept(listener, now);
    return got ? got->connection : stack::ConnectionId{};
  }
  // A peer that has connected to `port`, and our end of it.
  Pair accepted(stack::ListenerId listener, std::uint16_t port, std::uint16_t from = 5000,
                std::optional<std::uint32_t> timestamp = {}) {
    Peer peer = stack::peer_of(*this, port, from);
    peer.timestamp = timestamp;
    peer.connect();
    return {peer, accept(listener)};
  }
  // Our connect() to the peer, whose SYN he has seen and not answered.
  Pair dialled(const Endpoint& remote, const tcp::Settings& settings = {}) {
    const auto id = stack->connect(std::nullopt, remote, settings, now);
    EXPECT_TRUE(id);
    run();
    Peer peer{*this, {remote, stack->connection(*id)->tuple().local}};
    peer.ack = peer.expect().seq.value + 1;
    return {peer, *id};
  }
  // Ours has closed first, and holds TIME-WAIT.
  void bring_to_time_wait(Pair& p) {
    stack->close(p.ours, false, now);
    run();
    p.peer.expect();
    p.peer.send(kFin | kAck);
    take();
  }

  State state_of(stack::ConnectionId id) const {
    const tcp::Connection* c = stack->connection(id);
    return c != nullptr ? c->state() : State::Closed;
  }
  std::uint64_t in(State s) const { return stack::in_state(*stack, s); }
  std::string read(stack::ConnectionId id) {
    std::string text(100000, '\0');
    const auto got =
        stack->receive(id, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, false, now);
    text.resize(got ? got->bytes : 0);
    return text;
  }
  // How many were taken.
  std::size_t write(stack::ConnectionId id, std::size_t bytes) {
    const std::vector<std::uint8_t> data(bytes, 'd');
    const auto taken = stack->send(id, data, false, false, now);
    run();
    return taken ? *taken : 0;
  }
  tcp::Info info(stack::ConnectionId id) const {
    return stack->connection(id)->info(stack->tuning(), now);
  }
  // Raw IP packets that are not TCP.
  void give_packet(wire::IpPacket header, const std::vector<std::uint8_t>& payload) {
    device.in.push_back(packet(header, payload));
    run();
  }
  static Slice packet(const wire::IpPacket& header, const std::vector<std::uint8_t>& payload) {
    std::vector<std::uint8_t> bytes(wire::ip_header_size(header) + payload.size());
    const std::size_t at = wire::build_ip(header, payload.size(), bytes.data());
    std::copy(payload.begin(), payload.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return Slice::copy_of(bytes);
  }
  void give_icmp(const wire::IcmpMessage& message, const IpAddress& from = ip4(254)) {
    std::vector<std::uint8_t> bytes(wire::kIcmpHeader + message.body.size());
    wire::build_icmp(message, from, message.v6 ? ip6(1) : ip4(1), bytes.data());
    wire::IpPacket header = header_of(from, message.v6 ? ip6(1) : ip4(1));
    header.protocol =
        static_cast<std::uint8_t>(message.v6 ? wire::Protocol::kIcmpv6 : wire::Protocol::kIcmpv4);
    give_packet(header, bytes);
  }
  static wire::IpPacket header_of(const IpAddress& from, const IpAddress& to) {
    wire::IpPacket header;
    header.source = from;
    header.destination = to;
    return header;
  }
  // Everything that has gone out, as IP packets; the bytes live as long as `frames`.
  std::vector<Slice> take_frames() {
    std::vector<Slice> frames(device.out.begin(), device.out.end());
    device.out.clear();
    return frames;
  }
  // Injects many, a batch at a time.
  void flood(std::vector<wire::Segment>&& segments) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      inject(segments[i]);
      if (i % 64 == 63) run();
    }
    run();
  }
};

// A forged segment of the victim's peer.
inline wire::Segment forged(const Pair& victim, wire::Flags flags, std::uint32_t seq,
                            std::uint32_t ack, std::size_t bytes = 0) {
  wire::Segment s = victim.peer.make(flags, bytes);
  s.seq = {seq};
  s.ack = {(flags & kAck) != 0 ? ack : 0};
  return s;
}

inline const Endpoint kRemote{stack::ip4(9), {80}};

}  // namespace estab::attacks
