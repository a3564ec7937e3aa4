// 34: what is gone is gone. A handle knows it, and an application may do anything from within a
// callback, to the very object whose callback it is.
#include <deque>

#include "attacks/scene.h"
#include "socket/testing_stacks.h"
#include "support/seeds.h"

namespace estab::attacks {
namespace {

// Somebody keeps a handle past close(); the slot is somebody else's now.
ATTACK(Lifetime, a34_handle_of_a_closed_connection, HandleGenerations) {
  Scene s;
  const auto l = s.listen(80);
  const Pair first = s.accepted(l, 80, 5000);
  s.stack->close(first.ours, true, s.now);
  s.run();
  s.take();
  const Pair second = s.accepted(l, 80, 5001);
  ASSERT_EQ(first.ours.index(), second.ours.index());
  s.take();
  EXPECT_EQ(s.write(first.ours, 10), 0u);
  EXPECT_TRUE(s.take().empty());  // nothing of it went to the second's peer
  s.stack->abort(first.ours, s.now);
  EXPECT_EQ(s.state_of(second.ours), State::Established);
}

// --- an application gone wild, in virtual time --------------------------------------------------

class Wild {
 public:
  explicit Wild(std::uint64_t seed) : random_(seed) {
    ListenerOptions options;
    options.nonblocking = true;
    options.backlog = 8;
    listener_ = *Listener::open(pair_.right(), socket::endpoint("10.0.0.2:80"), options);
    EXPECT_TRUE(listener_.on_ready(kReadable, [this](Readiness) { accept_some(); }));
  }
  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      open_one();
      pair_.run(std::chrono::milliseconds(random_.below(40)));
    }
    for (auto& s : sockets_) s.reset();
    listener_.close();
    pair_.run(3h);
  }
  std::uint64_t callbacks() const { return callbacks_; }
  void expect_nothing_left() {
    for (Stack* s : {&pair_.left(), &pair_.right()}) {
      const StackTotals t = s->totals();
      EXPECT_EQ(t.connections + t.syn_records + t.time_wait_records + t.orphans, 0u);
      EXPECT_EQ(t.payload_bytes, 0u);
      EXPECT_EQ(t.descriptors, 0u);
    }
  }

 private:
  std::size_t open_count() const {
    std::size_t n = 0;
    for (const auto& s : sockets_) n += s && s->is_open() ? 1 : 0;
    return n;
  }
  void open_one() {
    if (open_count() >= 12) return;
    ConnectOptions options;
    options.nonblocking = true;
    auto s = Socket::connect(pair_.left(), socket::endpoint("10.0.0.2:80"), options);
    if (s) adopt(std::move(*s));
  }
  void accept_some() {
    ++callbacks_;
    while (auto s = listener_.accept()) {
      EXPECT_TRUE(s->set_nonblocking(true));
      adopt(std::move(*s));
      if (random_.chance(0.2)) break;
    }
  }
  void adopt(Socket&& s) {
    std::size_t at = 0;
    while (at < sockets_.size() && sockets_[at]) ++at;
    if (at == sockets_.size()) sockets_.emplace_back();
    sockets_[at] = std::make_unique<Socket>(std::move(s));
    (void)sockets_[at]->on_ready(0xff, [this, at](Readiness) { act(at); });
  }
  // From within the callback of `self`, something to it or to any other.
  void act(std::size_t self) {
    ++callbacks_;
    for (int n = 0; n < 3; ++n) {
      const std::size_t at = random_.chance(0.6) ? self : random_.below(sockets_.size());
      if (at < sockets_.size() && sockets_[at]) act_on(at);
    }
  }
  void act_on(std::size_t at) {
    std::array<char, 500> buffer{};
    Socket& s = *sockets_[at];
    switch (random_.below(14)) {
      case 0:
        s.abort();
        break;
      case 1:
        s.close();
        break;
      case 2:
        sockets_[at].reset();  // the object whose callback this is, perhaps
        break;
      case 3:
        (void)s.shutdown_write();
        break;
      case 4:
        (void)s.shutdown_read();
        break;
      case 5:
        (void)s.on_ready(0, nullptr);
        (void)s.on_ready(0xff, [this, at](Readiness) { act(at); });
        break;
      case 6:
        open_one();
        break;
      case 7:
        (void)s.take_error();
        (void)s.info();
        (void)s.set(&SocketOptions::no_delay, random_.chance(0.5));
        break;
      case 8:
        pair_.left().post([this, at] { act(at); });
        break;
      case 9:
      case 10:
      case 11:
        (void)s.send(std::string(random_.below(3000), 'w'));
        break;
      default:
        (void)s.receive(std::span<char>(buffer));
        break;
    }
  }

  Random random_;
  socket::VirtualPair pair_;
  std::uint64_t callbacks_ = 0;
  std::deque<std::unique_ptr<Socket>> sockets_;
  Listener listener_;
};

TEST(Lifetime, a34_anything_from_within_any_callback) {
  std::uint64_t callbacks = 0;
  for (const std::uint64_t seed : test_seeds(1, 20)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    Wild wild(seed);
    wild.live(300);
    wild.expect_nothing_left();
    callbacks += wild.callbacks();
  }
  EXPECT_GT(callbacks, 1000u);
}

}  // namespace
}  // namespace estab::attacks
