// The connection pool against servers that close, reset and speak out of turn. In virtual time but
// for what is about threads.
#include "estab/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "socket/engine.h"
#include "socket/testing_stacks.h"

namespace estab::socket {
namespace {

using namespace std::chrono_literals;

// A server of callbacks on a stack with a thread; what it does with a connection is the test's.
class PoolTest : public testing::Test {
 public:
  PoolTest() {
    listener = *Listener::open(net.right(), endpoint("80"), {.nonblocking = true});
    (void)listener.on_ready(kReadable, [this](Readiness) {
      while (auto accepted = listener.accept()) {
        auto socket = std::make_shared<Socket>(std::move(*accepted));
        (void)socket->set_nonblocking(true);
        const std::lock_guard held(mutex);
        served.push_back(socket);
        ++accepts;
        (void)socket->on_ready(kReadable, [this, socket](Readiness) { serve(*socket); });
      }
    });
    start_serving();
  }
  ~PoolTest() override {
    net.right().engine()->shut_down();
    for (const auto& socket : served) socket->close();
  }
  void start_serving() { ASSERT_TRUE(net.right().start()); }
  void serve(Socket& socket) {
    char bytes[64];
    while (const auto n = socket.receive(std::span<char>(bytes))) {
      if (*n == 0) return socket.close();
      (void)socket.send(std::string_view(bytes, *n));
    }
  }
  // Runs on the server's own thread, and returns when it is done.
  template <class F>
  void on_server(F f) {
    std::promise<void> done;
    net.right().post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  }
  static bool request(ConnectionPool::Lease& lease) {
    char answer[4];
    return lease->send("ping").value_or(0) == 4 &&
           lease->receive(std::span<char>(answer), kWaitAll).value_or(0) == 4;
  }
  static bool request(Result<ConnectionPool::Lease> lease) { return lease && request(*lease); }
  // Until the pool says so: what the server did takes its time to arrive.
  template <class F>
  static void until(F f) {
    for (int i = 0; i < 20000 && !f(); ++i) std::this_thread::yield();
    EXPECT_TRUE(f());
  }

  ThreadedPair net{true, false};
  const Endpoint server = endpoint("10.0.0.2:80");
  Listener listener;
  std::mutex mutex;
  std::vector<std::shared_ptr<Socket>> served;
  std::atomic<int> accepts = 0;
};

TEST_F(PoolTest, one_connection_serves_many_requests) {
  ConnectionPool pool(net.left());
  for (int i = 0; i < 20; ++i) {
    auto lease = pool.acquire(server);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->reused(), i > 0);
    EXPECT_TRUE(request(*lease));
  }
  EXPECT_EQ(accepts, 1);
  const PoolMetrics m = pool.metrics();
  EXPECT_EQ(m.created, 1u);
  EXPECT_EQ(m.reused, 19u);
  EXPECT_EQ(m.idle, 1u);
  EXPECT_EQ(m.leased, 0u);
}

TEST_F(PoolTest, what_the_server_closed_is_never_handed_out) {
  ConnectionPool pool(net.left());
  { EXPECT_TRUE(request(pool.acquire(server))); }
  on_server([&] { served[0]->close(); });
  // Closed at once, and so in nobody's CLOSE-WAIT, though nobody asked for it.
  until([&] { return pool.metrics().discarded_peer_closed == 1; });
  EXPECT_EQ(pool.metrics().idle, 0u);
  until([&] {
    return net.left().totals().by_state[static_cast<std::size_t>(State::CloseWait)] == 0;
  });
  auto lease = pool.acquire(server);
  ASSERT_TRUE(lease);
  EXPECT_FALSE(lease->reused());
  EXPECT_TRUE(request(*lease));
}

TEST_F(PoolTest, reset_and_chattering_connections_are_discarded) {
  ConnectionPool pool(net.left());
  { EXPECT_TRUE(request(pool.acquire(server))); }
  on_server([&] { served[0]->abort(); });
  until([&] { return pool.metrics().discarded_error == 1; });
  { EXPECT_TRUE(request(pool.acquire(server))); }
  on_server([&] { (void)served[1]->send("nobody asked"); });
  until([&] { return pool.metrics().discarded_unread == 1; });
  EXPECT_EQ(pool.metrics().idle, 0u);
}

TEST_F(PoolTest, given_back_half_read_is_discarded) {
  ConnectionPool pool(net.left());
  {
    auto lease = pool.acquire(server);
    char first[1];
    EXPECT_TRUE((*lease)->send("ping"));
    EXPECT_EQ((*lease)->receive(std::span<char>(first)).value_or(0), 1u);
    until([&] { return (*lease)->readable_bytes() == 3; });
  }
  EXPECT_EQ(pool.metrics().discarded_unread, 1u);
  EXPECT_EQ(pool.metrics().idle, 0u);
}

TEST_F(PoolTest, discard_closes) {
  ConnectionPool pool(net.left());
  pool.acquire(server)->discard();
  const PoolMetrics m = pool.metrics();
  EXPECT_EQ(m.discarded_by_user, 1u);
  EXPECT_EQ(m.idle + m.leased, 0u);
}

TEST_F(PoolTest, healthy_has_the_last_word) {
  bool healthy = true;
  PoolOptions options;
  options.healthy = [&](Socket&) { return healthy; };
  ConnectionPool pool(net.left(), options);
  { EXPECT_TRUE(request(pool.acquire(server))); }
  healthy = false;
  EXPECT_FALSE(pool.acquire(server)->reused());
  EXPECT_EQ(pool.metrics().discarded_unhealthy, 2u);  // not handed out; not kept
}

TEST_F(PoolTest, limits_per_destination_and_in_total) {
  PoolOptions options;
  options.max_per_destination = 2;
  options.max_connections = 3;
  ConnectionPool pool(net.left(), options);
  const Listener other = *Listener::open(net.right(), endpoint("81"), {});
  const Listener third = *Listener::open(net.right(), endpoint("82"), {});
  auto a = pool.try_acquire(server);
  auto b = pool.try_acquire(server);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(pool.try_acquire(server).error().value(), EAGAIN);
  auto c = pool.try_acquire(endpoint("10.0.0.2:81"));
  ASSERT_TRUE(c);
  EXPECT_EQ(pool.try_acquire(endpoint("10.0.0.2:82")).error().value(), EAGAIN);
  *a = {};  // idle now: it makes room for another destination
  EXPECT_EQ(pool.metrics().idle, 1u);
  EXPECT_TRUE(pool.try_acquire(endpoint("10.0.0.2:82")));
  EXPECT_EQ(pool.metrics().discarded_surplus, 1u);
}

TEST_F(PoolTest, surplus_idle_connections_are_closed) {
  PoolOptions options;
  options.max_idle_per_destination = 1;
  ConnectionPool pool(net.left(), options);
  {
    auto a = pool.acquire(server);
    auto b = pool.acquire(server);
  }
  EXPECT_EQ(pool.metrics().idle, 1u);
  EXPECT_EQ(pool.metrics().discarded_surplus, 1u);
  pool.close_idle();
  EXPECT_EQ(pool.metrics().idle, 0u);
}

TEST_F(PoolTest, waiting_ends_with_a_turn_a_timeout_or_the_pool) {
  PoolOptions options;
  options.max_per_destination = 1;
  options.max_waiting = 1;
  auto pool = std::make_unique<ConnectionPool>(net.left(), options);
  auto lease = pool->acquire(server);
  EXPECT_EQ(pool->acquire(server, Duration(5ms)).error().value(), ETIMEDOUT);
  std::thread waits([&] { EXPECT_TRUE(pool->acquire(server, std::nullopt)->reused()); });
  until([&] { return pool->metrics().waiting == 1; });
  EXPECT_EQ(pool->acquire(server).error().value(), ENOBUFS);
  *lease = {};
  waits.join();
  lease = pool->acquire(server);
  std::thread too_late(
      [&] { EXPECT_EQ(pool->acquire(server, std::nullopt).error().value(), ECANCELED); });
  until([&] { return pool->metrics().waiting == 1; });
  pool.reset();
  too_late.join();
  EXPECT_TRUE(request(*lease));  // leases outlive their pool
}

TEST_F(PoolTest, first_come_first_served) {
  PoolOptions options;
  options.max_per_destination = 1;
  ConnectionPool pool(net.left(), options);
  auto lease = pool.acquire(server);
  std::mutex order_mutex;
  std::string order;
  std::vector<std::thread> threads;
  for (char name : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&, name] {
      auto mine = pool.acquire(server);
      const std::lock_guard held(order_mutex);
      order += name;
    });
    until([&] { return pool.metrics().waiting == threads.size(); });
  }
  *lease = {};
  for (auto& t : threads) t.join();
  EXPECT_EQ(order, "abcd");
  EXPECT_EQ(pool.metrics().created, 1u);
}

TEST_F(PoolTest, refused_connections_give_their_place_back) {
  PoolOptions options;
  options.max_per_destination = 1;
  ConnectionPool pool(net.left(), options);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pool.acquire(endpoint("10.0.0.2:99")).error().value(), ECONNREFUSED);
  }
  EXPECT_EQ(pool.metrics().connect_failures, 3u);
  EXPECT_EQ(pool.metrics().leased, 0u);
}

TEST_F(PoolTest, many_threads_share_few_connections) {
  PoolOptions options;
  options.max_per_destination = 3;
  ConnectionPool pool(net.left(), options);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 25; ++round) {
        auto lease = pool.acquire(server);
        if (lease && request(*lease)) ++good;
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(good, 200);
  EXPECT_LE(accepts, 3);
  EXPECT_EQ(pool.metrics().created + pool.metrics().reused, 200u);
}

// --- in virtual time ----------------------------------------------------------------------------

class PoolTime : public testing::Test {
 protected:
  PoolTime() { listener = *Listener::open(net.left(), endpoint("80"), {}); }
  VirtualPair net;
  Listener listener;
  const Endpoint here = endpoint("127.0.0.1:80");  // within one stack a connect needs no driver
};

TEST_F(PoolTime, idle_connections_end_before_the_servers_timeout) {
  PoolOptions options;
  options.idle_timeout = 4s;
  ConnectionPool pool(net.left(), options);
  { ASSERT_TRUE(pool.acquire(here)); }
  net.run(3s);
  EXPECT_EQ(pool.metrics().idle, 1u);
  EXPECT_TRUE(pool.acquire(here)->reused());
  net.run(3s);
  EXPECT_EQ(pool.metrics().idle, 1u);  // its time began anew
  net.run(2s);
  EXPECT_EQ(pool.metrics().idle, 0u);
  EXPECT_EQ(pool.metrics().discarded_idle, 1u);
}

TEST_F(PoolTime, old_connections_are_not_reused) {
  PoolOptions options;
  options.max_age = 10s;
  options.idle_timeout = 60s;
  ConnectionPool pool(net.left(), options);
  { ASSERT_TRUE(pool.acquire(here)); }
  net.run(9s);
  EXPECT_TRUE(pool.acquire(here)->reused());
  net.run(2s);
  EXPECT_FALSE(pool.acquire(here)->reused());
  EXPECT_EQ(pool.metrics().discarded_age, 1u);
}

}  // namespace
}  // namespace estab::socket
