#include "lab/virtual_host.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>

namespace estab::lab {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<VirtualHost> host(const char* address) {
  HostOptions options;
  options.addresses = {*Prefix::parse(address)};
  return std::move(*VirtualHost::create(options));
}

sockaddr_in address_of(const char* text, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, text, &a.sin_addr);
  return a;
}

int listener_on(VirtualHost& host) {
  estab_use_stack_in_thread(host.posix());
  const int fd = estab_socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = address_of("0.0.0.0", 80);
  EXPECT_EQ(estab_bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
  EXPECT_EQ(estab_listen(fd, 5), 0);
  return fd;
}

// A cable of `delay` between two hosts, while anything moves.
void run(VirtualHost& a, VirtualHost& b, Duration delay) {
  for (;;) {
    bool moved = false;
    for (auto [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
      while (const auto packet = from->take()) {
        to->advance_to(packet->at + delay);
        to->inject(packet->bytes);
        moved = true;
      }
    }
    if (!moved) return;
  }
}

TEST(VirtualHost, blocked_calls_end_at_the_instant_of_what_ends_them) {
  auto server = host("10.0.0.1/24");
  auto client = host("10.0.0.2/24");
  const int listener = listener_on(*server);
  const auto accept = server->begin([&] { return estab_accept(listener, nullptr, nullptr); });
  EXPECT_FALSE(accept->finished());
  int fd = -1;
  const auto connect = client->begin([&] {
    fd = estab_socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to = address_of("10.0.0.1", 80);
    return estab_connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  });
  EXPECT_FALSE(connect->finished());
  const Instant begin = client->now();
  run(*client, *server, 10ms);
  ASSERT_TRUE(connect->finished());
  EXPECT_EQ(connect->result(), 0);
  EXPECT_EQ(connect->finished_at(), begin + 20ms);
  ASSERT_TRUE(accept->finished());
  EXPECT_EQ(accept->finished_at(), begin + 30ms);

  const int served = static_cast<int>(accept->result());
  std::array<char, 10> bytes{};
  const auto read = server->begin([&] { return estab_read(served, bytes.data(), bytes.size()); });
  EXPECT_FALSE(read->finished());
  EXPECT_EQ(estab_write(fd, "hello", 5), 5);
  run(*client, *server, 10ms);
  ASSERT_TRUE(read->finished());
  EXPECT_EQ(read->result(), 5);
  EXPECT_EQ(estab_close(served), 0);
  EXPECT_EQ(estab_close(fd), 0);
  EXPECT_EQ(estab_close(listener), 0);
}

TEST(VirtualHost, timeouts_of_calls_are_counted_in_its_time) {
  auto server = host("10.0.0.1/24");
  const int listener = listener_on(*server);
  const timeval minute{60, 0};
  ASSERT_EQ(estab_setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof(minute)), 0);
  const Instant begin = server->now();
  const auto accept = server->begin([&] { return estab_accept(listener, nullptr, nullptr); });
  pollfd wanted{listener, POLLIN, 0};
  const auto poll = server->begin([&] { return estab_poll(&wanted, 1, 5000); });
  const auto idle = server->begin([&] { return estab_poll(nullptr, 0, 7000); });
  server->advance_to(begin + 30s);
  ASSERT_TRUE(poll->finished());
  EXPECT_EQ(poll->result(), 0);
  EXPECT_EQ(poll->finished_at(), begin + 5s);
  ASSERT_TRUE(idle->finished());
  EXPECT_EQ(idle->finished_at(), begin + 7s);
  EXPECT_FALSE(accept->finished());
  server->advance_to(begin + 61s);
  ASSERT_TRUE(accept->finished());
  EXPECT_EQ(accept->error(), EAGAIN);
  EXPECT_EQ(accept->finished_at(), begin + 60s);
  EXPECT_EQ(estab_close(listener), 0);
}

TEST(VirtualHost, the_master_lets_time_pass_and_is_not_left_waiting_for_nothing) {
  auto server = host("10.0.0.1/24");
  const int listener = listener_on(*server);
  const Instant begin = server->now();
  pollfd wanted{listener, POLLIN, 0};
  EXPECT_EQ(estab_poll(&wanted, 1, 2000), 0);
  EXPECT_EQ(server->now(), begin + 2s);
  EXPECT_EQ(estab_accept(listener, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(estab_close(listener), 0);
}

TEST(VirtualHost, a_call_that_waits_ends_with_its_host) {
  auto server = host("10.0.0.1/24");
  const int listener = listener_on(*server);
  const auto accept = server->begin([&] { return estab_accept(listener, nullptr, nullptr); });
  server.reset();
  ASSERT_TRUE(accept->finished());
  EXPECT_EQ(accept->error(), EBADF);
  EXPECT_EQ(estab_close(listener), 0);
}

TEST(VirtualHost, timers_run_at_their_own_times) {
  auto client = host("10.0.0.2/24");
  const Instant begin = client->now();
  const auto connect = client->begin([&] {
    const int fd = estab_socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to = address_of("10.0.0.1", 80);
    return estab_connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  });
  client->advance_to(begin + 10s);
  std::vector<Duration> sent;
  while (const auto packet = client->take()) sent.push_back(packet->at - begin);
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[0], Duration::zero());
  EXPECT_EQ(sent[1], 1s);
  EXPECT_EQ(sent[2], 3s);
  EXPECT_EQ(sent[3], 7s);
  EXPECT_FALSE(connect->finished());
}

}  // namespace
}  // namespace estab::lab
