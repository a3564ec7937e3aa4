// L22: whatever its peer does, a connection that no application owns reaches CLOSED within a bound
// and leaves nothing behind. Each state, and each kind of peer. (A peer that repeats its FIN holds
// TIME-WAIT, as RFC 9293 3.10.7.4 wants; tcp_max_tw_buckets bounds that.)
#include "lifecycle/story.h"

namespace estab::lifecycle {
namespace {

enum class Manner {
  Silent,         // hears nothing, says nothing
  ZeroWindow,     // answers everything with a closed window
  Chats,          // a bare ACK each second
  Probes,         // keep-alives each second
  OldData,        // the same old octet again each second
  BeyondWindow,   // data that may not be sent yet
  OpensAndShuts,  // window 0 and 1 in turn, taking an octet each time
  ShouldReset,    // SYNs into the middle of it
};
constexpr std::array kManners{Manner::Silent,        Manner::ZeroWindow, Manner::Chats,
                              Manner::Probes,        Manner::OldData,    Manner::BeyondWindow,
                              Manner::OpensAndShuts, Manner::ShouldReset};
constexpr const char* kMannerNames[] = {"Silent",  "ZeroWindow",   "Chats",         "Probes",
                                        "OldData", "BeyondWindow", "OpensAndShuts", "ShouldReset"};

struct Case {
  State state;
  Manner manner;
  bool unsent;  // queued data that the window does not let out
};

// The longest that an orphan may last, from the knobs' defaults.
Duration bound(const Case& c) {
  switch (c.state) {
    case State::Closed:
    case State::Listen:
    case State::SynSent:
      return 0s;
    case State::FinWait2:
    case State::TimeWait:
      return 60s;  // tcp_fin_timeout, time_wait
    case State::SynReceived:
    case State::Established:
    case State::FinWait1:
    case State::CloseWait:
    case State::Closing:
    case State::LastAck:
      // tcp_orphan_retries where the peer is silent; else the orphan's last hour
      return c.manner == Manner::Silent ? 240s : Duration{3600s};
  }
  return 0s;
}

class Orphan {
 public:
  explicit Orphan(const Case& c) : s(log), what(c), peer(stack::peer_of(s, kPort)) {}

  void live() {
    bring_to(what.state);
    const Instant begun = s.now;
    s.take();
    while (alive() && s.now - begun <= 2h) {
      speak();
      s.run(1s);
    }
    EXPECT_LE(s.now - begun, bound(what) + 1s);
    s.take();
    s.expect_nothing_left();
  }

 private:
  static constexpr std::uint16_t kPort = 80;

  bool alive() const {
    const auto t = s.stack->totals();
    return t.connections + t.syn_records + t.time_wait_records + t.orphans > 0;
  }
  void bring_to(State state) {
    if (state == State::SynSent || state == State::SynReceived) return bring_half_open(state);
    if (state == State::Closed) return;
    const auto listener = s.listen(kPort);
    if (state != State::Listen) bring_open(listener, state);
    s.stack->close(listener, s.now);
    s.run();
  }
  void take_over(const stack::Peer& from) {
    peer.tuple = from.tuple;
    peer.seq = from.seq;
    peer.ack = from.ack;
  }
  void bring_half_open(State state) {
    auto c = s.dialled(kPort);
    take_over(c.peer);
    if (state == State::SynReceived) {
      peer.send(kSyn);
      peer.expect();
    }
    s.close(c.ours);
  }
  void bring_open(stack::ListenerId listener, State state) {
    auto c = s.accepted(listener, kPort);
    take_over(c.peer);
    if (what.unsent) {
      s.fill(c.ours, 80000);
      s.run();
      s.take();
    }
    const bool they_closed_first = state == State::CloseWait || state == State::LastAck;
    if (they_closed_first) peer.send(kFin | kAck);
    if (state == State::LastAck || state == State::FinWait1) s.shutdown_write(c.ours);
    s.close(c.ours);
    s.take();
    ours_end = peer.ack + (what.unsent ? 80000 : 0) + 1;
    if (state == State::Closing) peer.send(kFin | kAck);
    if (state == State::FinWait2 || state == State::TimeWait) {
      peer.ack = ours_end;
      peer.send(kAck);
    }
    if (state == State::TimeWait) peer.send(kFin | kAck);
  }
  void say(wire::Flags flags, std::uint32_t seq, std::uint16_t window, std::size_t text = 0) {
    stack::Peer p = peer;
    p.seq = seq;
    wire::Segment segment = p.make(flags, text);
    segment.window = window;
    s.give(segment);
  }
  void speak() {
    const bool heard = !s.take().empty();
    switch (what.manner) {
      case Manner::Silent:
        break;
      case Manner::ZeroWindow:
        if (heard || first) say(kAck, peer.seq, 0);
        break;
      case Manner::Chats:
        say(kAck, peer.seq, 65535);
        break;
      case Manner::Probes:
        say(kAck, peer.seq - 1, 65535);
        break;
      case Manner::OldData:
        say(kAck, peer.seq - 1, 65535, 1);
        break;
      case Manner::BeyondWindow:
        say(kAck, peer.seq + 1000000, 65535, 1);
        break;
      case Manner::OpensAndShuts:
        if (open && what.unsent && peer.ack + 1 < ours_end - 1) ++peer.ack;
        open = !open;
        say(kAck, peer.seq, open ? 1 : 0);
        break;
      case Manner::ShouldReset:
        say(kSyn, peer.seq + 1, 65535);
        break;
    }
    first = false;
  }

  Observed log;
  StackStory s;
  Case what;
  stack::Peer peer;
  std::uint32_t ours_end = 0;
  bool first = true, open = false;
};

class Liveness : public testing::TestWithParam<Case> {};

TEST_P(Liveness, an_orphan_ends_and_leaves_nothing) { Orphan(GetParam()).live(); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int s = 0; s < kStates; ++s) {
    const auto state = static_cast<State>(s);
    for (const Manner manner : kManners) {
      all.push_back({state, manner, false});
      const bool may_hold = state == State::Established || state == State::FinWait1 ||
                            state == State::CloseWait || state == State::LastAck ||
                            state == State::Closing;
      if (may_hold) all.push_back({state, manner, true});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(L22, Liveness, testing::ValuesIn(cases()), [](const auto& each) {
  std::string name;
  for (const char c : rfc_name(each.param.state)) {
    if (c != '-') name += c;
  }
  return name + kMannerNames[static_cast<int>(each.param.manner)] +
         (each.param.unsent ? "WithUnsentData" : "");
});

// What a listener holds for peers that never finish, without any help of the application's.
TEST(Liveness, half_open_records_end_whatever_is_said) {
  Observed log;
  StackStory s(log);
  const auto listener = s.listen(80);
  std::vector<stack::Peer> peers;
  for (std::uint16_t i = 0; i < 4; ++i) {
    stack::Peer p = stack::peer_of(s, 80, static_cast<std::uint16_t>(5000 + i));
    p.send(kSyn);
    p.expect();
    peers.push_back(p);
  }
  for (int second = 0; second < 62; ++second) {
    peers[1].seq = 1000;
    peers[1].send(kSyn);  // the same SYN again and again
    stack::Peer wrong = peers[2];
    wrong.ack += 77;
    wrong.send(kAck);  // an ACK of what was never sent
    s.give(peers[3].make(kAck | wire::kUrg, 0));
    s.run(1s);
  }
  s.run(1s + kTick);
  EXPECT_EQ(s.stack->totals().syn_records, 0u);
  s.stack->close(listener, s.now);
  s.run();
  s.take();
  s.expect_nothing_left();
}

}  // namespace
}  // namespace estab::lifecycle
