// Test benches for the protocol core, in virtual time.
//
// OneEnd: one connection and a scripted peer. A test reads like a capture: inject a segment, expect
// what comes out, let time pass.
//
//   OneEnd c;                                  // 10.0.0.1:80 <-> 10.0.0.2:5000
//   c.open_active();
//   c.expect_one().has(kSyn);
//   c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = c.iss() + 1});
//
// TwoEnds: two connections over a wire that delays, loses, duplicates and reorders by a seed.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "tcp/connection.h"
#include "tcp/isn.h"
#include "wire/print.h"

namespace estab::testing {

using namespace std::chrono_literals;
using tcp::Connection;
using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;
using wire::kUrg;

inline FourTuple test_tuple() {
  return {{IpAddress::v4(10, 0, 0, 1), Port{80}}, {IpAddress::v4(10, 0, 0, 2), Port{5000}}};
}

// What a Context points to.
struct World {
  Instant now = Instant{} + 1000s;
  Tuning tuning;
  Counters counters;
  Random random{7};
  TokenBucket challenge_acks;
  std::vector<wire::Segment> segments;
  std::vector<LifecycleEvent> events;
  tcp::Context context() {
    return {now, tuning, counters, random, challenge_acks, segments, events};
  }
  std::uint64_t count(Counter c) const { return counters[c]; }
};

// A segment of the scripted peer, in the test's words. Payload is `text` or `size` octets of 'x'.
struct Peer {
  wire::Flags flags = kAck;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint16_t window = 65535;
  std::string_view text = {};
  std::size_t size = 0;
  std::uint16_t urgent = 0;
  wire::TcpOptions options = {};
};

class OneEnd {
 public:
  static constexpr std::uint32_t kIss = 5000;  // ours
  static constexpr std::uint32_t kIrs = 1000;  // the peer's

  World world;
  tcp::Settings settings;
  tcp::Path path;
  Connection c;

  std::uint32_t iss() const { return kIss; }

  void open_active() {
    auto cx = world.context();
    c = Connection::open_active(1, test_tuple(), settings, path, WireSeq{kIss}, 0, cx);
    transmit();
  }
  void open_passive(bool remote_given = false) {
    auto cx = world.context();
    FourTuple t = test_tuple();
    if (!remote_given) t.remote = {};
    c = Connection::open_passive(1, t, settings, path, WireSeq{kIss}, 0, cx);
    transmit();
  }
  // By an active open against the peer, without options unless given. Output is dropped.
  void establish(wire::TcpOptions options = {}, std::uint16_t window = 65535) {
    open_active();
    inject(
        {.flags = kSyn | kAck, .seq = kIrs, .ack = kIss + 1, .window = window, .options = options});
    EXPECT_EQ(c.state(), State::Established);
    drop_output();
  }
  // In `s`, with nothing in flight but what the state means. Peer's next number: peer_next().
  void reach(State s);

  void inject(const Peer& p) {
    auto cx = world.context();
    c.on_segment(build(p), cx);
    transmit();
  }
  // Several segments that are handled as one batch (MUST-59).
  void inject_batch(const std::vector<Peer>& batch) {
    auto cx = world.context();
    for (const Peer& p : batch) c.on_segment(build(p), cx);
    transmit();
  }
  void transmit() {
    auto cx = world.context();
    c.transmit(cx);
  }
  // Lets time pass, running each timer at its own moment.
  void run(Duration d) { run_until(world.now + d); }
  void run_until(Instant end) {
    while (c.deadline() <= end) {
      world.now = std::max(world.now, c.deadline());
      auto cx = world.context();
      c.on_time(cx);
      c.transmit(cx);
    }
    world.now = end;
  }
  Result<std::size_t> send(std::string_view text, bool urgent = false, bool more = false) {
    auto cx = world.context();
    auto r = c.send(Bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, urgent,
                    more, cx);
    transmit();
    return r;
  }
  std::string receive(std::size_t most = 65536) {
    std::string s(most, '\0');
    auto cx = world.context();
    auto r = c.receive({reinterpret_cast<std::uint8_t*>(s.data()), s.size()}, false, cx);
    s.resize(r ? r->bytes : 0);
    transmit();
    return s;
  }
  int receive_error() {
    std::uint8_t b[1];
    auto cx = world.context();
    auto r = c.receive(b, false, cx);
    return r ? 0 : r.error().value();
  }
  void shutdown_write() {
    auto cx = world.context();
    EXPECT_TRUE(c.shutdown_write(cx).has_value());
    transmit();
  }
  void close(bool reset = false) {
    auto cx = world.context();
    c.close(reset, cx);
    transmit();
  }
  void abort() {
    auto cx = world.context();
    c.abort(cx);
    transmit();
  }

  // Until the next retransmission timeout; what went out before it is lost.
  void time_out() {
    const std::uint64_t before = world.count(Counter::TcpExtTCPTimeouts);
    while (world.count(Counter::TcpExtTCPTimeouts) == before) {
      drop_output();
      run_until(c.deadline());
    }
  }
  tcp::Info look() { return c.info(world.tuning, world.now); }

  // --- output ---
  std::vector<wire::Segment> take() { return std::exchange(world.segments, {}); }
  void drop_output() { world.segments.clear(); }
  // Where what went out begins, counted from the first byte after the SYN.
  std::vector<std::uint32_t> sent() {
    std::vector<std::uint32_t> all;
    for (const auto& s : take()) all.push_back(s.seq.value - (kIss + 1));
    return all;
  }
  wire::Segment expect_one() {
    auto all = take();
    EXPECT_EQ(all.size(), 1u) << print(all);
    return all.empty() ? wire::Segment{} : all.front();
  }
  void expect_silence() {
    EXPECT_TRUE(world.segments.empty()) << print(world.segments);
    drop_output();
  }
  static std::string print(const std::vector<wire::Segment>& all) {
    std::string s;
    for (const auto& one : all) s += wire::segment_text(one) + "\n";
    return s;
  }
  // The arrows and rules walked so far.
  std::vector<int> arrows() const {
    std::vector<int> a;
    for (const auto& e : world.events) {
      if (e.arrow != 0) a.push_back(e.arrow);
    }
    return a;
  }
  bool saw(Rule r) const {
    for (const auto& e : world.events) {
      if (e.rule == r) return true;
    }
    return false;
  }
  std::uint32_t peer_next = kIrs + 1;  // the peer's SND.NXT after reach()

  wire::Segment build(const Peer& p) const {
    wire::Segment s;
    s.tuple = test_tuple();
    s.flags = p.flags;
    s.seq = WireSeq{p.seq};
    s.ack = WireSeq{p.ack};
    s.window = p.window;
    s.urgent = p.urgent;
    s.options = p.options;
    std::string text(p.text);
    if (p.size != 0) text.assign(p.size, 'x');
    s.payload.append(
        Slice::copy_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
    return s;
  }
};

inline void OneEnd::reach(State s) {
  const std::uint32_t next = kIss + 1;
  switch (s) {
    case State::Closed:
      open_active();
      close();
      break;
    case State::Listen:
      open_passive();
      break;
    case State::SynSent:
      open_active();
      break;
    case State::SynReceived:
      open_passive();
      inject({.flags = kSyn, .seq = kIrs});
      break;
    case State::Established:
      establish();
      break;
    case State::FinWait1:
      establish();
      shutdown_write();
      break;
    case State::FinWait2:
      reach(State::FinWait1);
      inject({.seq = kIrs + 1, .ack = next + 1});
      break;
    case State::CloseWait:
      establish();
      inject({.flags = kFin | kAck, .seq = kIrs + 1, .ack = next});
      peer_next = kIrs + 2;
      break;
    case State::Closing:
      reach(State::FinWait1);
      inject({.flags = kFin | kAck, .seq = kIrs + 1, .ack = next});
      peer_next = kIrs + 2;
      break;
    case State::LastAck:
      reach(State::CloseWait);
      shutdown_write();
      break;
    case State::TimeWait:
      reach(State::FinWait2);
      inject({.flags = kFin | kAck, .seq = kIrs + 1, .ack = next + 1});
      peer_next = kIrs + 2;
      break;
  }
  EXPECT_EQ(c.state(), s);
  drop_output();
}

struct WireFaults {
  Duration delay = 10ms;
  Duration jitter{0};  // reorders
  double loss = 0;
  double duplicate = 0;
};

class TwoEnds {
 public:
  World world;
  Random random;
  WireFaults faults;
  Connection a, b;  // a: 10.0.0.1:80, b: 10.0.0.2:5000
  std::vector<std::pair<Instant, std::string>> log;
  std::uint64_t carried = 0;
  Duration tick = 24h;  // run() asks `done` at least this often, for applications with a rhythm

  explicit TwoEnds(std::uint64_t seed = 1, WireFaults f = {}) : random(seed), faults(f) {}

  void open(const tcp::Settings& sa = {}, const tcp::Settings& sb = {}) {
    auto cx = world.context();
    a = Connection::open_passive(1, test_tuple(), sa, {}, WireSeq{0xfffff000}, 0, cx);
    b = Connection::open_active(2, test_tuple().reversed(), sb, {}, WireSeq{0xffffff00}, 0, cx);
    flush(b, true);
  }
  // Runs until `done`, nothing is left to happen, or `limit` has passed.
  bool run(
      Duration limit, const std::function<bool()>& done = [] { return false; }) {
    const Instant end = world.now + limit;
    while (!done()) {
      const Instant next = std::min({a.deadline(), b.deadline(), world.now + tick,
                                     wire_.empty() ? kNever : wire_.begin()->first});
      if (next > end) {
        world.now = end;
        return done();
      }
      world.now = std::max(world.now, next);
      step();
    }
    return true;
  }
  void flush(Connection& from, bool to_a) {
    auto cx = world.context();
    from.transmit(cx);
    for (wire::Segment& s : std::exchange(world.segments, {})) carry(std::move(s), to_a);
  }

 private:
  struct Packet {
    wire::Segment segment;
    bool to_a;
  };
  void step() {
    auto cx = world.context();
    while (!wire_.empty() && wire_.begin()->first <= world.now) {
      Packet p = std::move(wire_.begin()->second);
      wire_.erase(wire_.begin());
      Connection& to = p.to_a ? a : b;
      p.segment.tuple = p.segment.tuple.reversed();
      to.on_segment(p.segment, cx);
      flush(to, !p.to_a);
    }
    if (a.deadline() <= world.now) a.on_time(cx);
    flush(a, false);
    if (b.deadline() <= world.now) b.on_time(cx);
    flush(b, true);
  }
  void carry(wire::Segment&& s, bool to_a) {
    if (random.chance(faults.loss)) return;
    const int copies = random.chance(faults.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      ++carried;
      Duration d = faults.delay;
      if (faults.jitter > 0ns) {
        d += Duration{static_cast<std::int64_t>(
            random.below(static_cast<std::uint64_t>(faults.jitter.count())))};
      }
      wire_.emplace(world.now + d, Packet{s, to_a});
    }
  }
  std::multimap<Instant, Packet> wire_;
};

}  // namespace estab::testing
