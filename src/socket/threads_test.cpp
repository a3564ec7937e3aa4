// Stacks with threads: who drives, who waits. No test waits for a time to pass but where a timeout
// is what it is about.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>

#include "socket/engine.h"
#include "socket/testing_stacks.h"

namespace estab::socket {
namespace {

using namespace std::chrono_literals;

// Takes one connection after another and sends back what comes, until the listener is shut.
void echo(Listener& listener) {
  while (auto socket = listener.accept()) {
    char bytes[4096];
    for (;;) {
      const auto n = socket->receive(std::span<char>(bytes));
      if (!n || *n == 0) break;
      if (!socket->send(std::string_view(bytes, *n))) break;
    }
  }
}

std::string exchange(Socket& socket, const std::string& text) {
  EXPECT_TRUE(socket.send(text));
  std::string back(text.size(), '\0');
  const auto n = socket.receive(std::span<char>(back), kWaitAll);
  back.resize(n.value_or(0));
  return back;
}

// Every way to drive: with threads on both sides, on one, on none.
class Drivers : public testing::TestWithParam<std::pair<bool, bool>> {};

TEST_P(Drivers, blocking_echo) {
  ThreadedPair net(GetParam().first, GetParam().second);
  Listener listener = *Listener::open(net.right(), endpoint("7"));
  std::thread server([&] { echo(listener); });
  {
    Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:7"));
    for (int i = 0; i < 50; ++i) {
      const std::string text = "message " + std::to_string(i);
      ASSERT_EQ(exchange(client, text), text);
    }
  }
  ASSERT_TRUE(net.right().engine()->shutdown(SocketId{listener.handle()}, kShutRead));
  server.join();
}

TEST_P(Drivers, bulk_through_small_buffers) {
  ThreadedPair net(GetParam().first, GetParam().second);
  ListenerOptions options;
  options.socket.receive_buffer = 10000;
  Listener listener = *Listener::open(net.right(), endpoint("9"), options);
  constexpr std::size_t kBytes = 2'000'000;
  std::size_t received = 0;
  std::thread server([&] {
    Socket socket = *listener.accept();
    std::vector<char> bytes(7000);
    while (const auto n = socket.receive(std::span<char>(bytes))) {
      if (*n == 0) break;
      received += *n;
    }
  });
  Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:9"));
  const std::string much(kBytes, 'x');
  EXPECT_EQ(*client.send(much), kBytes);
  EXPECT_TRUE(client.shutdown_write());
  char c[1];
  EXPECT_EQ(client.receive(std::span<char>(c)).value_or(99), 0u);  // drives, if nobody else does
  server.join();
  EXPECT_EQ(received, kBytes);
}

INSTANTIATE_TEST_SUITE_P(SocketTest, Drivers,
                         testing::Values(std::pair(true, true), std::pair(true, false),
                                         std::pair(false, true), std::pair(false, false)));

TEST(Threads, many_clients_at_once) {
  ThreadedPair net;
  Listener listener = *Listener::open(net.right(), endpoint("7"));
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { echo(listener); });
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  clients.reserve(4);
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&, i] {
      for (int round = 0; round < 10; ++round) {
        auto client = Socket::connect(net.left(), endpoint("10.0.0.2:7"));
        if (!client) continue;
        const std::string text = std::to_string(i) + "/" + std::to_string(round);
        if (exchange(*client, text) == text) ++good;
      }
    });
  }
  for (auto& c : clients) c.join();
  EXPECT_EQ(good, 40);
  ASSERT_TRUE(net.right().engine()->shutdown(SocketId{listener.handle()}, kShutRead));
  for (auto& t : threads) t.join();
}

// Nobody has a thread: those who wait hand the driver's role from one to the next.
TEST(Threads, the_role_of_driver_is_handed_on) {
  Stack stack = *Stack::open();
  Listener listener = *Listener::open(stack, endpoint("127.0.0.1:7"));
  std::thread server([&] { echo(listener); });
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  clients.reserve(3);
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        auto client = Socket::connect(stack, endpoint("127.0.0.1:7"));
        if (client && exchange(*client, "hand over") == "hand over") ++good;
      }
    });
  }
  for (auto& c : clients) c.join();
  EXPECT_EQ(good, 15);
  ASSERT_TRUE(stack.engine()->shutdown(SocketId{listener.handle()}, kShutRead));
  server.join();
}

TEST(Threads, shutdown_wakes_who_waits_in_receive_and_accept) {
  ThreadedPair net;
  Listener listener = *Listener::open(net.right(), endpoint("7"));
  Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:7"));
  Socket server = *listener.accept();
  std::thread reader([&] {
    char c[1];
    EXPECT_EQ(client.receive(std::span<char>(c)).value_or(99), 0u);
  });
  std::thread acceptor([&] { EXPECT_EQ(listener.accept().error().value(), EINVAL); });
  EXPECT_TRUE(client.shutdown_read());
  ASSERT_TRUE(net.right().engine()->shutdown(SocketId{listener.handle()}, kShutRead));
  reader.join();
  acceptor.join();
}

TEST(Threads, the_end_of_a_stack_wakes_everybody) {
  auto net = std::make_unique<ThreadedPair>();
  Listener listener = *Listener::open(net->right(), endpoint("7"));
  std::thread acceptor([&] { EXPECT_EQ(listener.accept().error().value(), EBADF); });
  net.reset();
  acceptor.join();
}

TEST(Threads, start_run_and_stop) {
  Stack stack = *Stack::open();
  EXPECT_TRUE(stack.start());
  EXPECT_EQ(stack.start().error().value(), EBUSY);
  stack.stop();
  EXPECT_TRUE(stack.start());
  stack.stop();
  std::atomic<bool> posted = false;
  Stack other = *Stack::open();
  std::thread runner([&] { other.run(); });
  other.post([&] {
    posted = true;
    other.stop();
  });
  runner.join();
  EXPECT_TRUE(posted);
}

TEST(Threads, run_takes_over_from_a_blocking_call) {
  ThreadedPair net(false, true);
  Listener listener = *Listener::open(net.left(), endpoint("7"));
  std::thread acceptor([&] { EXPECT_TRUE(listener.accept()); });
  EXPECT_TRUE(net.left().start());
  EXPECT_TRUE(Socket::connect(net.right(), endpoint("10.0.0.1:7")));
  acceptor.join();
}

TEST(Threads, guests_of_the_loop) {
  Stack stack = *Stack::open();
  const int fd = ::eventfd(0, EFD_NONBLOCK);
  std::atomic<int> calls = 0;
  stack.watch(fd, POLLIN, [&](std::uint32_t) {
    std::uint64_t count;
    EXPECT_EQ(::read(fd, &count, sizeof(count)), 8);
    ++calls;
    stack.unwatch(fd);
    stack.call_at(stack.now() + 1ms, [&] { stack.stop(); });
  });
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(fd, &one, sizeof(one)), 8);
  stack.run();
  EXPECT_EQ(calls, 1);
  ::close(fd);
}

TEST(Threads, a_callback_may_destroy_its_stack) {
  auto stack = std::make_unique<Stack>(*Stack::open());
  std::promise<void> gone;
  ASSERT_TRUE(stack->start());
  stack->post([&] {
    stack.reset();
    gone.set_value();
  });
  gone.get_future().wait();
}

// A stack inside somebody else's poll(2).
TEST(Threads, embedded_in_a_foreign_loop) {
  ThreadedPair net(false, true);
  Listener listener = *Listener::open(net.right(), endpoint("7"));
  std::thread server([&] { echo(listener); });
  auto client = *Socket::connect(net.left(), endpoint("10.0.0.2:7"), {.nonblocking = true});
  std::string answer;
  ASSERT_TRUE(client.on_ready(kConnected | kReadable, [&](Readiness ready) {
    if ((ready & kReadable) == 0) {
      EXPECT_TRUE(client.finish_connect());
      EXPECT_TRUE(client.send("embedded"));
      return;
    }
    char bytes[100];
    if (const auto n = client.receive(std::span<char>(bytes))) answer.append(bytes, *n);
  }));
  pollfd p{net.left().poll_fd(), POLLIN, 0};
  while (answer.size() < 8) {
    net.left().poll();
    ASSERT_EQ(::poll(&p, 1, 10000), 1);
  }
  EXPECT_EQ(answer, "embedded");
  client.close();
  ASSERT_TRUE(net.right().engine()->shutdown(SocketId{listener.handle()}, kShutRead));
  server.join();
}

TEST(Threads, a_callback_may_block) {
  ThreadedPair net;
  Listener echo_listener = *Listener::open(net.right(), endpoint("7"));
  std::thread server([&] { echo(echo_listener); });
  Listener front = *Listener::open(net.left(), endpoint("80"), {.nonblocking = true});
  std::atomic<bool> done = false;
  ASSERT_TRUE(front.on_ready(kReadable, [&](Readiness) {
    auto socket = front.accept();
    auto back = Socket::connect(net.left(), endpoint("10.0.0.2:7"));  // waits, and so drives
    if (socket && back) done = exchange(*back, "nested") == "nested";
    (void)socket->send("x");
  }));
  Socket client = *Socket::connect(net.right(), endpoint("10.0.0.1:80"));
  char c[1];
  EXPECT_EQ(client.receive(std::span<char>(c)).value_or(0), 1u);
  EXPECT_TRUE(done);
  ASSERT_TRUE(net.right().engine()->shutdown(SocketId{echo_listener.handle()}, kShutRead));
  server.join();
}

TEST(Threads, timeouts) {
  ThreadedPair net;
  Listener listener = *Listener::open(net.right(), endpoint("7"));
  Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:7"));
  ASSERT_TRUE(client.set(&SocketOptions::receive_timeout, Duration(5ms)));
  char c[1];
  EXPECT_EQ(client.receive(std::span<char>(c)).error().value(), EAGAIN);
  ConnectOptions options;
  options.timeout = 5ms;
  EXPECT_EQ(Socket::connect(net.left(), endpoint("10.0.0.77:7"), options).error().value(),
            ETIMEDOUT);
}

// --- the POSIX face -----------------------------------------------------------------------------

class PosixThreads : public testing::Test {
 public:
  PosixThreads() : left(posix_stack(net.left())), right(posix_stack(net.right())) {}
  ~PosixThreads() override {
    estab_stack_close(left);
    estab_stack_close(right);
  }
  int socket_on(estab_stack* stack, int flags = 0) {
    estab_use_stack_in_thread(stack);
    const int fd = estab_socket(AF_INET, SOCK_STREAM | flags, 0);
    EXPECT_GE(fd, ESTAB_FD_FIRST);
    estab_use_stack_in_thread(nullptr);
    return fd;
  }
  static sockaddr_in name(std::uint32_t host, std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(0x0a000000 + host);
    return a;
  }

  ThreadedPair net;
  estab_stack* left;
  estab_stack* right;
};

TEST_F(PosixThreads, poll_and_epoll_wait_for_two_stacks_at_once) {
  const int listening = socket_on(right);
  const sockaddr_in local = name(2, 80);
  const auto* address = reinterpret_cast<const sockaddr*>(&local);
  ASSERT_EQ(estab_bind(listening, address, sizeof(local)), 0);
  ASSERT_EQ(estab_listen(listening, 5), 0);
  const int client = socket_on(left, SOCK_NONBLOCK);
  ASSERT_EQ(estab_connect(client, address, sizeof(local)), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  pollfd fds[2] = {{listening, POLLIN, 0}, {client, 0, 0}};
  ASSERT_EQ(estab_poll(fds, 2, 10000), 1);
  EXPECT_EQ(fds[0].revents, POLLIN);
  const int server = estab_accept(listening, nullptr, nullptr);
  ASSERT_GE(server, 0);

  const int ep = estab_epoll_create1(0);
  epoll_event e{EPOLLIN, {}};
  e.data.fd = server;
  ASSERT_EQ(estab_epoll_ctl(ep, EPOLL_CTL_ADD, server, &e), 0);
  e.events = EPOLLIN | EPOLLRDHUP;
  e.data.fd = client;
  ASSERT_EQ(estab_epoll_ctl(ep, EPOLL_CTL_ADD, client, &e), 0);
  std::thread writer([&] { EXPECT_EQ(estab_send(server, "to the client", 13, 0), 13); });
  epoll_event got[4];
  ASSERT_EQ(estab_epoll_wait(ep, got, 4, 10000), 1);
  EXPECT_EQ(got[0].data.fd, client);
  writer.join();
  for (const int fd : {ep, client, server, listening}) EXPECT_EQ(estab_close(fd), 0);
}

TEST_F(PosixThreads, no_stack_no_socket) {
  estab_use_stack(nullptr);
  EXPECT_EQ(estab_socket(AF_INET, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, ENETDOWN);
}

TEST_F(PosixThreads, descriptors_are_reused_from_the_lowest) {
  const int a = socket_on(left);
  const int b = socket_on(left);
  EXPECT_EQ(b, a + 1);
  EXPECT_EQ(estab_close(a), 0);
  EXPECT_EQ(socket_on(left), a);
  EXPECT_EQ(estab_close(a), 0);
  EXPECT_EQ(estab_close(b), 0);
}

TEST_F(PosixThreads, max_descriptors_is_EMFILE) {
  ASSERT_EQ(estab_stack_tune(left, "max_descriptors", "8"), 0);
  std::vector<int> open(8);
  for (int& one : open) one = socket_on(left);
  estab_use_stack_in_thread(left);
  EXPECT_EQ(estab_socket(AF_INET, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, EMFILE);
  estab_use_stack_in_thread(nullptr);
  for (const int fd : open) EXPECT_EQ(estab_close(fd), 0);
}

// SO_LINGER with a time: close() comes back when the peer has everything; at once if it has.
TEST_F(PosixThreads, timed_linger_waits_for_the_peer) {
  const int listening = socket_on(right);
  const sockaddr_in local = name(2, 80);
  const auto* address = reinterpret_cast<const sockaddr*>(&local);
  ASSERT_EQ(estab_bind(listening, address, sizeof(local)), 0);
  ASSERT_EQ(estab_listen(listening, 5), 0);
  const int client = socket_on(left);
  ASSERT_EQ(estab_connect(client, address, sizeof(local)), 0);
  const int server = estab_accept(listening, nullptr, nullptr);
  const linger patient{1, 30};
  ASSERT_EQ(estab_setsockopt(client, SOL_SOCKET, SO_LINGER, &patient, sizeof(patient)), 0);
  const std::string much(60000, 'x');
  ASSERT_EQ(estab_send(client, much.data(), much.size(), 0), 60000);
  EXPECT_EQ(estab_close(client), 0);
  int queued = 0;
  EXPECT_EQ(estab_ioctl(server, FIONREAD, &queued), 0);
  EXPECT_EQ(queued, 60000);
  EXPECT_EQ(estab_close(server), 0);
  EXPECT_EQ(estab_close(listening), 0);
}

TEST(PosixStack, what_is_wrong_is_said_in_words) {
  EXPECT_EQ(estab_stack_open(nullptr, "10.0.0", nullptr), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_NE(std::string(estab_last_error()).find("10.0.0"), std::string::npos);
  EXPECT_EQ(estab_stack_open(nullptr, nullptr, "gateway"), nullptr);
  EXPECT_EQ(estab_stack_open(nullptr, nullptr, "gateway=here"), nullptr);
  EXPECT_EQ(estab_stack_open(nullptr, nullptr, "no_such_knob=1"), nullptr);
  EXPECT_EQ(estab_stack_open("carrier:pigeon", "10.0.0.1/24", nullptr), nullptr);
  EXPECT_FALSE(std::string(estab_last_error()).empty());
  estab_stack* stack = estab_stack_open(nullptr, nullptr, "time_wait=3 tcp_fin_timeout=5");
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(estab_stack_tune(stack, "time_wait", "never"), -1);
  EXPECT_EQ(estab_stack_counter(stack, "TcpActiveOpens"), 0u);
  estab_stack_close(stack);
}

}  // namespace
}  // namespace estab::socket
