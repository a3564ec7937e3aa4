#include "dev/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <thread>

#include "dev/entropy.h"

namespace estab::dev {
namespace {

using namespace std::chrono_literals;

class Pipe {
 public:
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) return;
    read_ = FileDescriptor(ends[0]);
    write_ = FileDescriptor(ends[1]);
  }
  void put() { EXPECT_EQ(::write(write_.get(), "x", 1), 1); }
  int fd() const { return read_.get(); }
  void close_writer() { write_ = FileDescriptor(); }

 private:
  FileDescriptor read_;
  FileDescriptor write_;
};

std::unique_ptr<Loop> make_loop() {
  auto loop = Loop::create();
  EXPECT_TRUE(loop);
  return std::move(*loop);
}

TEST(Loop, a_ready_descriptor_runs_its_callback) {
  auto loop = make_loop();
  Pipe pipe;
  std::uint32_t seen = 0;
  ASSERT_TRUE(loop->watch(pipe.fd(), EPOLLIN, [&](std::uint32_t events) { seen = events; }));
  EXPECT_EQ(loop->run_once(0s), 0u);
  pipe.put();
  EXPECT_EQ(loop->run_once(), 1u);
  EXPECT_EQ(seen, std::uint32_t{EPOLLIN});
  EXPECT_EQ(loop->run_once(), 1u);  // level-triggered: still unread
  loop->unwatch(pipe.fd());
  EXPECT_EQ(loop->run_once(0s), 0u);
}

TEST(Loop, watching_again_replaces_the_callback) {
  auto loop = make_loop();
  Pipe pipe;
  pipe.put();
  int first = 0;
  int second = 0;
  ASSERT_TRUE(loop->watch(pipe.fd(), EPOLLIN, [&](std::uint32_t) { ++first; }));
  ASSERT_TRUE(loop->watch(pipe.fd(), EPOLLIN, [&](std::uint32_t) { ++second; }));
  EXPECT_EQ(loop->run_once(), 1u);
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(Loop, a_callback_may_unwatch_itself_and_others) {
  auto loop = make_loop();
  Pipe a;
  Pipe b;
  a.put();
  b.put();
  int ran = 0;
  const auto both = [&](std::uint32_t) {
    ++ran;
    loop->unwatch(a.fd());
    loop->unwatch(b.fd());
  };
  ASSERT_TRUE(loop->watch(a.fd(), EPOLLIN, both));
  ASSERT_TRUE(loop->watch(b.fd(), EPOLLIN, both));
  EXPECT_EQ(loop->run_once(), 1u);
  EXPECT_EQ(loop->run_once(0s), 0u);
  EXPECT_EQ(ran, 1);
}

TEST(Loop, the_number_of_a_closed_descriptor_may_come_again) {
  auto loop = make_loop();
  int number = -1;
  {
    Pipe closed;
    number = closed.fd();
    ASSERT_TRUE(loop->watch(number, EPOLLIN, [](std::uint32_t) { FAIL(); }));
  }
  Pipe reused;
  ASSERT_EQ(reused.fd(), number);
  reused.put();
  int ran = 0;
  ASSERT_TRUE(loop->watch(number, EPOLLIN, [&](std::uint32_t) { ++ran; }));
  EXPECT_EQ(loop->run_once(), 1u);
  EXPECT_EQ(ran, 1);
}

TEST(Loop, the_deadline_ends_the_wait_and_not_before) {
  auto loop = make_loop();
  const Instant deadline = now() + 2ms;
  loop->set_deadline(deadline);
  EXPECT_EQ(loop->run_once(), 0u);
  EXPECT_GE(now(), deadline);
  EXPECT_EQ(loop->run_once(), 0u);  // past: at once
  loop->set_deadline(now() + 1ms);  // armed anew after it went off
  EXPECT_EQ(loop->run_once(), 0u);
}

TEST(Loop, an_earlier_deadline_replaces_a_later_one) {
  auto loop = make_loop();
  Pipe pipe;
  pipe.put();
  ASSERT_TRUE(loop->watch(pipe.fd(), EPOLLIN, [](std::uint32_t) {}));
  loop->set_deadline(now() + 1h);
  EXPECT_EQ(loop->run_once(), 1u);
  loop->unwatch(pipe.fd());
  loop->set_deadline(now() + 1ms);
  EXPECT_EQ(loop->run_once(), 0u);
}

TEST(Loop, an_outer_loop_sees_a_deadline_however_long_past) {
  for (const Instant past : {Instant::min(), Instant{}, now()}) {
    auto loop = make_loop();
    loop->set_deadline(past);
    loop->arm_deadline();
    pollfd outer{loop->poll_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&outer, 1, 10'000), 1);
  }
}

TEST(Loop, another_thread_ends_the_wait) {
  auto loop = make_loop();
  std::thread other([&] { loop->wake(); });
  EXPECT_EQ(loop->run_once(), 0u);
  other.join();
  loop->wake();
  loop->wake();
  EXPECT_EQ(loop->run_once(), 0u);  // before the wait counts too
}

TEST(Loop, a_hang_up_is_reported) {
  auto loop = make_loop();
  Pipe pipe;
  std::uint32_t seen = 0;
  ASSERT_TRUE(loop->watch(pipe.fd(), EPOLLIN, [&](std::uint32_t events) { seen = events; }));
  pipe.close_writer();
  EXPECT_EQ(loop->run_once(), 1u);
  EXPECT_EQ(seen, std::uint32_t{EPOLLHUP});
}

TEST(Loop, what_cannot_be_watched_is_an_error) {
  auto loop = make_loop();
  const auto result = loop->watch(-1, EPOLLIN, [](std::uint32_t) {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().value(), EBADF);
}

TEST(Clock, it_does_not_go_back) {
  const Instant before = now();
  EXPECT_GE(now(), before);
  EXPECT_GT((now() + wall_clock_offset()).time_since_epoch(), 24h * 365 * 50);  // after 2020
}

TEST(Entropy, keys_and_addresses_differ) {
  EXPECT_NE(entropy_seed(), entropy_seed());
  EXPECT_NE(entropy_key().words, entropy_key().words);
  const MacAddress mac = random_mac();
  EXPECT_EQ(mac.bytes[0] & 0x03, 0x02);  // unicast, locally administered
  EXPECT_NE(mac, random_mac());
}

}  // namespace
}  // namespace estab::dev
