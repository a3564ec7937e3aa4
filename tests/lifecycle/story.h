// A story brings stacks through a piece of a connection's life in virtual time, says what each
// segment's answer, each errno and each counter has to be, and leaves its lifecycle events in an
// Observed. Each is a test by itself; all together must have walked every arrow and every rule.
//
//   STORY(Arrows, a_handshake) {
//     StackStory s(log);
//     ...
//   }
#pragma once
#include <functional>
#include <vector>

#include "lifecycle/observed.h"
#include "stack/test_net.h"

namespace estab::lifecycle {

using namespace std::chrono_literals;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

inline constexpr Duration kTick = 40ms;  // a record's timer is at most 32 ms late

struct Story {
  const char* name;
  void (*tell)(Observed& log);
};
std::vector<Story>& stories();

struct Registered {
  Registered(const char* name, void (*tell)(Observed&)) { stories().push_back({name, tell}); }
};

#define STORY(suite, name)                                                               \
  static void suite##_##name(Observed& log);                                             \
  static const Registered registered_##suite##_##name(#suite "." #name, suite##_##name); \
  TEST(suite, name) {                                                                    \
    Observed log;                                                                        \
    suite##_##name(log);                                                                 \
  }                                                                                      \
  static void suite##_##name([[maybe_unused]] Observed& log)

// One stack at 10.0.0.1, the story plays its peers at 10.0.0.9.
struct StackStory : stack::Bench {
  explicit StackStory(Observed& to, stack::Config config = stack::test_config())
      : Bench(std::move(config)), log(to) {}
  ~StackStory() { log.see(events()); }
  StackStory(const StackStory&) = delete;
  StackStory& operator=(const StackStory&) = delete;

  std::vector<LifecycleEvent> events() const { return stack::events_of(*stack); }
  LifecycleEvent last(Rule rule) const { return last_of(rule, events()); }
  std::uint64_t in(State s) const { return stack::in_state(*stack, s); }
  void set(const char* knob, const char* value) {
    const auto done = stack->set_tuning(knob, value);
    EXPECT_TRUE(done) << done.error();
  }
  stack::ListenerId listen(std::uint16_t port, stack::ListenOptions options = {},
                           const tcp::Settings& settings = {}) {
    return stack::listen_on(*stack, {stack::ip4(1), {port}}, now, options, {true}, settings);
  }
  // A peer that has connected to `port`, and our end of it.
  struct Pair {
    stack::Peer peer;
    stack::ConnectionId ours;
  };
  Pair accepted(stack::ListenerId listener, std::uint16_t port, std::uint16_t from = 5000,
                std::optional<std::uint32_t> timestamp = {}) {
    stack::Peer peer = stack::peer_of(*this, port, from);
    peer.timestamp = timestamp;
    peer.connect();
    const auto got = stack->accept(listener, now);
    EXPECT_TRUE(got);
    return {peer, got ? got->connection : stack::ConnectionId{}};
  }
  // Our connect() to 10.0.0.9:port; the peer has our SYN and answered nothing yet.
  Pair dialled(std::uint16_t port, const tcp::Settings& settings = {}) {
    const auto id = stack->connect(std::nullopt, {stack::ip4(9), {port}}, settings, now);
    EXPECT_TRUE(id);
    run();
    stack::Peer peer{*this, {{stack::ip4(9), {port}}, stack->connection(*id)->tuple().local}};
    const wire::Segment syn = peer.expect();
    EXPECT_EQ(syn.flags, kSyn);
    peer.ack = syn.seq.value + 1;
    return {peer, *id};
  }
  Pair connected(std::uint16_t port, const tcp::Settings& settings = {}) {
    Pair p = dialled(port, settings);
    p.peer.send(kSyn | kAck);
    EXPECT_EQ(p.peer.expect().flags, kAck);
    return p;
  }
  int error_of(stack::ConnectionId id) { return stack->take_error(id); }
  int read_error(stack::ConnectionId id) {  // 0: bytes or end of stream
    std::uint8_t byte = 0;
    const auto got = stack->receive(id, {&byte, 1}, false, now);
    return got ? 0 : got.error().value();
  }
  int write_error(stack::ConnectionId id) {
    const std::uint8_t byte = 'x';
    const auto sent = stack->send(id, {&byte, 1}, false, false, now);
    return sent ? 0 : sent.error().value();
  }
  void fill(stack::ConnectionId id, std::size_t bytes) {
    const std::vector<std::uint8_t> data(bytes, 'd');
    EXPECT_TRUE(stack->send(id, data, false, false, now));
  }
  void close(stack::ConnectionId id, bool reset = false) {
    stack->close(id, reset, now);
    run();
  }
  void shutdown_write(stack::ConnectionId id) {
    EXPECT_TRUE(stack->shutdown(id, false, true, now));
    run();
  }
  // Nothing of any connection is left: no entry, record, payload or timer.
  void expect_nothing_left() {
    const auto t = stack->totals();
    EXPECT_EQ(t.connections, 0u);
    EXPECT_EQ(t.syn_records, 0u);
    EXPECT_EQ(t.time_wait_records, 0u);
    EXPECT_EQ(t.orphans, 0u);
    EXPECT_EQ(t.payload_bytes, 0u);
    for (int s = 0; s < kStates; ++s) {
      if (static_cast<State>(s) == State::Listen) continue;
      EXPECT_EQ(t.by_state[static_cast<std::size_t>(s)], 0u) << rfc_name(static_cast<State>(s));
    }
    EXPECT_FALSE(stack->poll(now)) << "a timer still runs";
  }

  Observed& log;
};

// Two stacks, 10.0.0.1 (a) and 10.0.0.2 (b), and what went over the wire between them.
struct NetStory : stack::Net {
  explicit NetStory(Observed& to) : log(to) {
    lose = [this](const wire::Segment& s) {
      wire_log.push_back((s.tuple.remote.address == stack::ip4(1) ? "a " : "b ") +
                         wire::flags_text(s.flags));
      return cut;
    };
  }
  ~NetStory() {
    log.see(stack::events_of(a));
    log.see(stack::events_of(b));
  }
  NetStory(const NetStory&) = delete;
  NetStory& operator=(const NetStory&) = delete;

  std::vector<std::string> take_wire() { return std::exchange(wire_log, {}); }
  // Both stacks send what they have before either hears of it: their segments cross.
  void cross() {
    a.poll(now);
    b.poll(now);
    run();
  }

  Observed& log;
  std::vector<std::string> wire_log;  // "a S": a sent a SYN
  bool cut = false;
};

}  // namespace estab::lifecycle
