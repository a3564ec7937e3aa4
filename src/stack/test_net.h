// For tests: stacks in virtual time. Net joins two of them by a pair of devices whose wire the test
// can watch and cut; Bench is one stack whose other side is the test itself, packet by packet.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "stack/stack.h"
#include "wire/ip.h"
#include "wire/print.h"
#include "wire/tcp.h"

namespace estab::stack {

using namespace std::chrono_literals;

inline IpAddress ip4(std::uint8_t last) { return IpAddress::v4(10, 0, 0, last); }
inline IpAddress ip6(std::uint8_t last) {
  return IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last});
}

// A device of bare IP packets whose two ends are lists.
class TestDevice : public Device {
 public:
  explicit TestDevice(std::string device_name, std::size_t device_mtu = 1500)
      : name_(std::move(device_name)), mtu_(device_mtu) {}
  std::string name() const override { return name_; }
  LinkKind link() const override { return LinkKind::kIp; }
  std::size_t mtu() const override { return mtu_; }
  void receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& to) override {
    for (; limit > 0 && !in.empty(); --limit) {
      to.push_back({std::move(in.front()), vouched});
      in.pop_front();
    }
  }
  std::size_t send(Instant, std::span<const OutgoingFrame> frames) override {
    for (const OutgoingFrame& f : frames) out.push_back(f.flatten());
    return frames.size();
  }
  std::deque<Slice> in;
  std::deque<Slice> out;
  bool vouched = false;  // says of each frame that its checksum is right

 private:
  std::string name_;
  std::size_t mtu_;
};

inline std::optional<wire::Segment> segment_in(const Slice& frame) {
  const auto packet = wire::parse_ip(frame.bytes());
  if (!packet || packet->protocol != static_cast<std::uint8_t>(wire::Protocol::kTcp)) {
    return std::nullopt;
  }
  const auto segment = wire::parse_tcp(*packet, frame.buffer, false);
  return segment ? std::optional(*segment) : std::nullopt;
}

// The packet of a segment that was sent from tuple.local.
inline Slice packet_of(const wire::Segment& s) {
  wire::IpPacket p;
  p.source = s.tuple.local.address;
  p.destination = s.tuple.remote.address;
  p.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  p.ttl = s.ttl;
  p.tos = s.tos;
  p.dont_fragment = s.dont_fragment;
  std::vector<std::uint8_t> bytes(200 + s.payload.size());
  const std::size_t tcp = wire::tcp_header_size(s);
  const std::size_t ip = wire::build_ip(p, tcp + s.payload.size(), bytes.data());
  wire::build_tcp(s, bytes.data() + ip);
  s.payload.copy_to(bytes.data() + ip + tcp);
  bytes.resize(ip + tcp + s.payload.size());
  return Slice::copy_of(bytes);
}

inline Config test_config(std::uint64_t seed = 1) {
  Config c;
  c.seed = seed;
  c.secret = {{seed * 0x9e3779b97f4a7c15, seed ^ 0x1234567}};
  return c;
}

inline InterfaceConfig addresses(std::uint8_t last) {
  return {{{ip4(last), 24}, {ip6(last), 64}}, {}};
}

inline std::vector<LifecycleEvent> events_of(const Stack& stack) {
  return stack.events_since(0, 100000).events;
}
inline std::size_t count_rule(const Stack& stack, Rule rule) {
  std::size_t n = 0;
  for (const LifecycleEvent& e : events_of(stack)) n += e.rule == rule ? 1u : 0u;
  return n;
}
inline std::vector<tcp::Info> all_of(const Stack& stack, Instant now, std::size_t slice = 1000) {
  std::vector<tcp::Info> all;
  std::uint64_t cursor = 0;
  do {
    cursor = stack.visit(cursor, slice, now, [&](const tcp::Info& i) { all.push_back(i); });
  } while (cursor != 0);
  return all;
}
inline std::uint64_t in_state(const Stack& stack, State state) {
  return stack.totals().by_state[static_cast<std::size_t>(state)];
}

// One stack at 10.0.0.1 and fd00::1; the test plays everybody else.
class Bench {
 public:
  explicit Bench(Config config = test_config(), std::size_t mtu = 1500)
      : device("test0", mtu), stack(std::make_unique<Stack>(std::move(config))) {
    InterfaceConfig on = addresses(1);
    on.routes.push_back({*Prefix::parse("0.0.0.0/0"), ip4(254)});
    stack->attach(device, on);
  }
  // Runs timers until `now` + d, as a driver would.
  void run(Duration d = 0ns) {
    const Instant end = now + d;
    for (int i = 0; i < 1000000; ++i) {
      const auto next = stack->poll(now);
      if (next && *next <= now) continue;
      if (!next || *next > end) break;
      now = *next;
    }
    now = end;
    stack->poll(now);
  }
  void inject(const wire::Segment& s) { device.in.push_back(packet_of(s)); }
  void give(const wire::Segment& s) {
    inject(s);
    run();
  }
  std::vector<wire::Segment> take() {  // what the stack has sent
    std::vector<wire::Segment> all;
    for (const Slice& f : device.out) {
      if (const auto s = segment_in(f)) all.push_back(*s);
    }
    device.out.clear();
    return all;
  }
  std::uint64_t count(Counter c) const { return stack->counters()[c]; }
  Stack* operator->() const { return stack.get(); }

  Instant now = Instant{} + 1000s;
  TestDevice device;
  std::unique_ptr<Stack> stack;
};

// A peer of Bench's stack, spelled by hand: sequence numbers are the test's own.
struct Peer {
  Bench& bench;
  FourTuple tuple;  // local: the peer
  std::uint32_t seq = 1000;
  std::uint32_t ack = 0;
  std::optional<std::uint32_t> timestamp{};  // sent with everything when set
  std::uint32_t echo = 0;

  wire::Segment make(wire::Flags flags, std::size_t bytes = 0) const {
    wire::Segment s;
    s.tuple = tuple;
    s.flags = flags;
    s.seq = {seq};
    s.ack = {(flags & wire::kAck) != 0 ? ack : 0};
    s.window = 65535;
    if ((flags & wire::kSyn) != 0) s.options.mss = 1460;
    if (timestamp) s.options.timestamps = wire::Timestamps{*timestamp, echo};
    if (bytes > 0) s.payload.append(Slice::copy_of(std::vector<std::uint8_t>(bytes, 'x')));
    return s;
  }
  void send(wire::Flags flags, std::size_t bytes = 0) {
    const wire::Segment s = make(flags, bytes);
    seq += s.length();
    bench.give(s);
  }
  // The one segment that the stack has sent since the last look; follows its numbers.
  wire::Segment expect() {
    const auto all = bench.take();
    EXPECT_EQ(all.size(), 1u) << testing::PrintToString(all);
    if (all.empty()) return {};
    const wire::Segment& s = all.back();
    if (s.has(wire::kAck) && !s.has(wire::kRst)) ack = s.seq.value + s.length();
    if (s.options.timestamps) echo = s.options.timestamps->value;
    return s;
  }
  void expect_nothing() { EXPECT_THAT(bench.take(), testing::IsEmpty()); }
  // SYN, SYN,ACK, ACK.
  void connect() {
    send(wire::kSyn);
    EXPECT_EQ(expect().flags, wire::kSyn | wire::kAck);
    send(wire::kAck);
    bench.take();  // a window update, where the buffer is larger than a SYN,ACK can say
  }
};

inline Peer peer_of(Bench& bench, std::uint16_t port, std::uint16_t from = 5000,
                    IpAddress address = ip4(9)) {
  const IpAddress local = address.is_v4() ? ip4(1) : ip6(1);
  return {bench, {{address, {from}}, {local, {port}}}};
}

inline ListenerId listen_on(Stack& stack, const Endpoint& at, Instant now,
                            ListenOptions options = {}, BindOptions bind = {true},
                            const tcp::Settings& settings = {}) {
  const auto b = stack.bind(at, bind);
  EXPECT_TRUE(b) << b.error().message();
  const auto l = stack.listen(*b, options, settings, now);
  EXPECT_TRUE(l) << l.error().message();
  return *l;
}

// Two stacks, 10.0.0.1 and 10.0.0.2 (fd00::1, fd00::2), on one wire without delay.
class Net {
 public:
  explicit Net(Config left = test_config(1), Config right = test_config(2))
      : device_a("a"), device_b("b"), a(std::move(left)), b(std::move(right)) {
    a.attach(device_a, addresses(1));
    b.attach(device_b, addresses(2));
  }
  void run(Duration d = 0ns) {
    const Instant end = now + d;
    for (int i = 0; i < 10000000; ++i) {
      const auto na = a.poll(now);
      const bool moved_a = carry(device_a, device_b);
      const auto nb = b.poll(now);
      const bool moved_b = carry(device_b, device_a);
      const Instant next = std::min(na.value_or(kNever), nb.value_or(kNever));
      if (moved_a || moved_b || next <= now) continue;
      if (next > end) break;
      now = next;
    }
    now = end;
  }

  Instant now = Instant{} + 1000s;
  TestDevice device_a, device_b;
  Stack a, b;
  std::function<bool(const wire::Segment&)> lose = nullptr;  // true: the segment does not arrive

 private:
  bool carry(TestDevice& from, TestDevice& to) {
    const bool any = !from.out.empty();
    for (Slice& f : from.out) {
      const auto s = segment_in(f);
      if (lose && s && lose(*s)) continue;
      to.in.push_back(std::move(f));
    }
    from.out.clear();
    return any;
  }
};

}  // namespace estab::stack
