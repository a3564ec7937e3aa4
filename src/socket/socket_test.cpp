// The C++ face, in virtual time: nothing here waits.
#include <gtest/gtest.h>

#include <string>

#include "socket/testing_stacks.h"

namespace estab::socket {
namespace {

using namespace std::chrono_literals;

class SocketTest : public testing::Test {
 protected:
  struct Ends {
    Listener listener;
    Socket client, server;
  };
  Ends connect(const char* to = "10.0.0.2:80", ListenerOptions listening = {}) {
    Ends e;
    listening.nonblocking = true;
    e.listener = *Listener::open(net.right(), endpoint("80"), listening);
    e.client = *Socket::connect(net.left(), endpoint(to), {.nonblocking = true});
    net.settle();
    EXPECT_TRUE(e.client.finish_connect());
    e.server = *e.listener.accept();
    EXPECT_TRUE(e.server.set_nonblocking(true));
    return e;
  }
  std::string read(Socket& socket) {
    std::string text(1000, '\0');
    const auto n = socket.receive(std::span<char>(text));
    text.resize(n.value_or(0));
    return text;
  }

  VirtualPair net;
};

TEST_F(SocketTest, hello_there_and_back) {
  Ends e = connect();
  EXPECT_EQ(e.client.state(), State::Established);
  EXPECT_EQ(*e.client.send("hello"), 5u);
  net.settle();
  EXPECT_EQ(e.server.readiness() & kReadable, kReadable);
  EXPECT_EQ(read(e.server), "hello");
  EXPECT_EQ(*e.server.send("to you"), 6u);
  net.settle();
  EXPECT_EQ(read(e.client), "to you");
  EXPECT_EQ(e.server.remote(), e.client.local());
  EXPECT_EQ(e.client.remote(), endpoint("10.0.0.2:80"));
}

TEST_F(SocketTest, hello_by_ipv6) {
  Ends e = connect("[fd00::2]:80");
  EXPECT_EQ(*e.client.send("hello"), 5u);
  net.settle();
  EXPECT_EQ(read(e.server), "hello");
}

TEST_F(SocketTest, nothing_to_do_is_EAGAIN) {
  Ends e = connect();
  char c[1];
  EXPECT_EQ(e.server.receive(std::span<char>(c)).error().value(), EAGAIN);
  EXPECT_EQ(e.listener.accept().error().value(), EAGAIN);
}

TEST_F(SocketTest, refused) {
  auto client = Socket::connect(net.left(), endpoint("10.0.0.2:81"), {.nonblocking = true});
  ASSERT_TRUE(client);
  EXPECT_EQ(client->finish_connect().error().value(), EINPROGRESS);
  net.settle();
  EXPECT_EQ(client->finish_connect().error().value(), ECONNREFUSED);
}

TEST_F(SocketTest, closed_and_moved_from_answer_EBADF) {
  Ends e = connect();
  Socket other = std::move(e.client);
  EXPECT_FALSE(e.client.is_open());  // NOLINT: that is the question
  EXPECT_EQ(e.client.send("x").error().value(), EBADF);
  EXPECT_TRUE(other.send("x"));
  other.close();
  EXPECT_EQ(other.send("x").error().value(), EBADF);
  other.close();
  EXPECT_EQ(other.take_error(), EBADF);
  EXPECT_EQ(other.state(), State::Closed);
}

TEST_F(SocketTest, sockets_outlive_their_stack_as_EBADF) {
  auto stack = std::make_unique<Stack>(*Stack::open());
  auto listener = *Listener::open(*stack, endpoint("80"));
  stack.reset();
  EXPECT_EQ(listener.accept().error().value(), EBADF);
  EXPECT_EQ(listener.set(&SocketOptions::keep_alive, true).error().value(), EBADF);
  listener.close();
}

TEST_F(SocketTest, what_was_sent_before_close_still_arrives) {
  Ends e = connect();
  const std::string much(60000, 'x');
  EXPECT_EQ(*e.client.send(much), much.size());
  e.client.close();
  std::size_t total = 0;
  for (int i = 0; i < 200; ++i) {
    net.run(50ms);
    total += read(e.server).size();
  }
  EXPECT_EQ(total, much.size());
  EXPECT_EQ(e.server.readiness() & kReadClosed, kReadClosed);
}

TEST_F(SocketTest, destructor_closes_and_orphans_end) {
  Ends e = connect();
  e.client = Socket();
  e.server = Socket();
  net.run(130s);
  EXPECT_EQ(net.left().totals().connections, 0u);
  EXPECT_EQ(net.left().totals().time_wait_records, 0u);
  EXPECT_EQ(net.right().totals().connections, 0u);
  EXPECT_EQ(net.left().totals().descriptors, 0u);
}

TEST_F(SocketTest, abort_resets) {
  Ends e = connect();
  e.client.abort();
  net.settle();
  char c[1];
  EXPECT_EQ(e.server.receive(std::span<char>(c)).error().value(), ECONNRESET);
  EXPECT_EQ(e.client.state(), State::Closed);
}

TEST_F(SocketTest, options_are_kept_checked_and_inherited) {
  ListenerOptions listening;
  listening.socket.no_delay = true;
  listening.socket.keep_idle = 7s;
  Ends e = connect("10.0.0.2:80", listening);
  EXPECT_TRUE(*e.server.get(&SocketOptions::no_delay));
  EXPECT_EQ(**e.server.get(&SocketOptions::keep_idle), 7s);
  EXPECT_TRUE(e.client.set(&SocketOptions::tos, 0x10));
  EXPECT_EQ(e.client.set(&SocketOptions::ttl, 256).error().value(), EINVAL);
  EXPECT_EQ(*e.client.get(&SocketOptions::ttl), 0);
  EXPECT_EQ(e.client.set(&SocketOptions::congestion, "vegas").error().value(), ENOENT);
}

// Below, the RTO is the limit (UserTimeout.never_before_the_first_retransmission_timeout).
// proves: RFC5482-3-2
TEST_F(SocketTest, a_user_timeout_has_limits) {
  Ends e = connect("10.0.0.2:80");
  EXPECT_TRUE(e.client.set(&SocketOptions::user_timeout, Duration{2147483647ms}));
  EXPECT_EQ(e.client.set(&SocketOptions::user_timeout, Duration{2147483648ms}).error().value(),
            EINVAL);
  EXPECT_EQ(e.client.set(&SocketOptions::user_timeout, Duration{-1ms}).error().value(), EINVAL);
}

TEST_F(SocketTest, descriptors_run_out) {
  ASSERT_TRUE(net.left().set_tuning("max_descriptors", "8"));
  std::vector<Listener> open(8);
  for (Listener& one : open) {
    one = *Listener::open(net.left(), {IpAddress::any_v4(), Port{}});
  }
  const auto one_more = Listener::open(net.left(), {IpAddress::any_v4(), Port{}});
  EXPECT_EQ(one_more.error().value(), EMFILE);
  open.pop_back();
  EXPECT_TRUE(Listener::open(net.left(), {IpAddress::any_v4(), Port{}}));
}

TEST_F(SocketTest, ports_run_out_and_say_why) {
  ASSERT_TRUE(net.left().set_tuning("ip_local_port_range", "50000 50003"));
  Listener listener = *Listener::open(net.right(), endpoint("80"), {.nonblocking = true});
  std::vector<Socket> sockets;
  for (int i = 0; i < 4; ++i) {
    auto s = Socket::connect(net.left(), endpoint("10.0.0.2:80"), {.nonblocking = true});
    ASSERT_TRUE(s);
    sockets.push_back(std::move(*s));
  }
  const auto more = Socket::connect(net.left(), endpoint("10.0.0.2:80"), {.nonblocking = true});
  EXPECT_EQ(more.error().value(), EADDRNOTAVAIL);
  EXPECT_NE(net.left().port_shortage().find("4 ports"), std::string::npos)
      << net.left().port_shortage();
}

TEST_F(SocketTest, quick_acks_or_delayed_ones) {
  Ends e = connect();
  for (const bool quick : {false, true, false}) {
    SCOPED_TRACE(quick);
    EXPECT_TRUE(e.server.set(&SocketOptions::quick_ack, quick));
    EXPECT_TRUE(e.client.send("small"));
    net.settle();
    EXPECT_EQ(e.client.unacked_bytes(), quick ? 0u : 5u);
    net.run(500ms);
    EXPECT_EQ(e.client.unacked_bytes(), 0u);
  }
  EXPECT_TRUE(e.client.send("small"));
  net.settle();
  EXPECT_TRUE(e.server.set(&SocketOptions::quick_ack, true));  // sends the one that waits
  net.settle();
  EXPECT_EQ(e.client.unacked_bytes(), 0u);
}

// --- callbacks ----------------------------------------------------------------------------------

TEST_F(SocketTest, callback_comes_with_the_step_not_with_the_call) {
  Ends e = connect();
  int calls = 0;
  ASSERT_TRUE(e.server.on_ready(kReadable, [&](Readiness) { ++calls; }));
  net.settle();
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(e.client.send("x"));
  EXPECT_EQ(calls, 0);
  net.settle();
  EXPECT_EQ(calls, 1);
  ASSERT_TRUE(e.server.on_ready(kReadable, [&](Readiness) { calls += 10; }));  // holds already
  EXPECT_EQ(calls, 1);
  net.settle();
  EXPECT_EQ(calls, 11);
  ASSERT_TRUE(e.server.on_ready(0, nullptr));
  EXPECT_TRUE(e.client.send("x"));
  net.settle();
  EXPECT_EQ(calls, 11);
}

TEST_F(SocketTest, callback_may_destroy_its_own_socket) {
  Ends e = connect();
  auto doomed = std::make_unique<Socket>(std::move(e.server));
  bool called = false;
  ASSERT_TRUE(doomed->on_ready(kReadable, [&](Readiness) {
    doomed.reset();
    called = true;  // the callback's own captures still live
  }));
  EXPECT_TRUE(e.client.send("x"));
  net.settle();
  EXPECT_TRUE(called);
  EXPECT_EQ(e.client.take_error(), ECONNRESET);  // closed with a byte unread
}

TEST_F(SocketTest, callback_may_close_another_whose_callback_is_due) {
  Ends one = connect();
  Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:80"), {.nonblocking = true});
  net.settle();
  Socket second = *one.listener.accept();
  int calls = 0;
  const auto end_other = [&](Socket& other) {
    return [&](Readiness) {
      ++calls;
      other.close();
    };
  };
  ASSERT_TRUE(one.server.on_ready(kReadable, end_other(second)));
  ASSERT_TRUE(second.on_ready(kReadable, end_other(one.server)));
  EXPECT_TRUE(one.client.send("x"));
  EXPECT_TRUE(client.send("x"));
  net.settle();
  EXPECT_EQ(calls, 1);
}

TEST_F(SocketTest, echo_server_made_of_callbacks) {
  Listener listener = *Listener::open(net.right(), endpoint("7"), {.nonblocking = true});
  std::vector<std::unique_ptr<Socket>> served;
  ASSERT_TRUE(listener.on_ready(kReadable, [&](Readiness) {
    while (auto s = listener.accept()) {
      auto& socket = *served.emplace_back(std::make_unique<Socket>(std::move(*s)));
      (void)socket.set_nonblocking(true);
      (void)socket.on_ready(kReadable, [&socket](Readiness) {
        char bytes[100];
        while (const auto n = socket.receive(std::span<char>(bytes))) {
          if (*n == 0) return socket.close();
          (void)socket.send(std::string_view(bytes, *n));
        }
      });
    }
  }));
  Socket client = *Socket::connect(net.left(), endpoint("10.0.0.2:7"), {.nonblocking = true});
  net.settle();
  EXPECT_TRUE(client.send("echo"));
  net.settle();
  EXPECT_EQ(read(client), "echo");
  EXPECT_TRUE(client.shutdown_write());
  net.settle();
  EXPECT_EQ(client.readiness() & kHangup, kHangup);
  EXPECT_EQ(served.size(), 1u);
  EXPECT_FALSE(served[0]->is_open());
}

TEST_F(SocketTest, timers_run_in_their_order) {
  std::string order;
  Stack& stack = net.left();
  stack.call_at(net.now() + 2s, [&] { order += "b"; });
  stack.call_at(net.now() + 1s, [&] { order += "a"; });
  const auto gone = stack.call_at(net.now() + 3s, [&] { order += "x"; });
  stack.call_at(net.now() + 4s, [&] { order += "c"; });
  stack.cancel(gone);
  stack.post([&] { order += "0"; });
  net.run(10s);
  EXPECT_EQ(order, "0abc");
}

TEST_F(SocketTest, looks_of_the_stack) {
  Ends e = connect();
  EXPECT_EQ(net.right().connections().size(), 2u);  // the listener and its child
  EXPECT_EQ(net.right().totals().listeners, 1u);
  EXPECT_GT(net.right().counters()[Counter::TcpPassiveOpens], 0u);
  const EventBatch events = net.right().events_since(0);
  EXPECT_FALSE(events.events.empty());
  EXPECT_TRUE(net.right().events_since(events.next).events.empty());
  EXPECT_FALSE(net.right().set_tuning("time_wait", "soon"));
  EXPECT_TRUE(net.right().set_tuning("time_wait", "5"));
  EXPECT_EQ(net.right().tuning().time_wait, 5);
}

}  // namespace
}  // namespace estab::socket
