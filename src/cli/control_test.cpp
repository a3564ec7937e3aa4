// A running stack and the tools that ask it, over the real control socket.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "estab/devices.h"
#include "estab/socket.h"
#include "estab/stack.h"
#include "observe/control_client.h"

namespace estab {
namespace {

class ControlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/estab-control-test-XXXXXX";
    directory_ = ::mkdtemp(name);
    StackOptions options;
    options.name = "tested";
    options.runtime_directory = directory_;
    auto stack = Stack::open(options);
    ASSERT_TRUE(stack.has_value()) << stack.error();
    stack_.emplace(std::move(*stack));
    pair_ = dev::memory_pair();
    ASSERT_TRUE(stack_->attach(std::move(pair_.first), {{*Prefix::parse("10.0.0.2/24")}, {}}));
    ASSERT_TRUE(stack_->start());
  }
  void TearDown() override {
    stack_.reset();
    std::filesystem::remove_all(directory_);
  }
  observe::StackAddress address() {
    const auto found = observe::find_stacks_in({directory_}, "tested");
    EXPECT_TRUE(found.has_value());
    return found.value().at(0);
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(directory_),
                                                  std::filesystem::directory_iterator()));
  }
  // A connected socket to the control socket, to misbehave on.
  int raw() {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, address().path.c_str());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    return fd;
  }

  std::string directory_;
  dev::DevicePair pair_;
  std::optional<Stack> stack_;
};

TEST_F(ControlTest, answers_every_kind_of_question) {
  auto listener = Listener::open(*stack_, *Endpoint::parse("10.0.0.2:80"));
  ASSERT_TRUE(listener.has_value());
  auto client = observe::ControlClient::open(address());
  ASSERT_TRUE(client.has_value()) << client.error();
  const auto who = client->identity();
  ASSERT_TRUE(who.has_value()) << who.error();
  EXPECT_EQ(who->name, "tested");
  EXPECT_EQ(who->pid, static_cast<std::uint32_t>(::getpid()));
  const auto connections = client->connections();
  ASSERT_TRUE(connections.has_value());
  ASSERT_EQ(connections->size(), 1u);
  EXPECT_EQ(connections->front().state, State::Listen);
  EXPECT_EQ(connections->front().owners.at(0).pid, who->pid);
  EXPECT_EQ(client->totals().value().listeners, 1u);
  EXPECT_EQ(client->counters().value().values.size(), kCounters);
  EXPECT_TRUE(client->events(0).has_value());
}

TEST_F(ControlTest, knobs_are_set_on_the_running_stack) {
  auto client = observe::ControlClient::open(address());
  ASSERT_TRUE(client->set_tuning("time_wait", "7").has_value());
  EXPECT_EQ(stack_->tuning().time_wait, 7);
  EXPECT_FALSE(client->set_tuning("time_wait", "soon").has_value());
  EXPECT_FALSE(client->set_tuning("no_such_knob", "1").has_value());
  EXPECT_EQ(stack_->tuning().time_wait, 7);
}

TEST_F(ControlTest, more_connections_than_a_slice_holds_come_whole) {
  std::vector<Listener> many;
  for (int i = 0; i < 700; ++i) {
    auto one = Listener::open(
        *stack_, {*IpAddress::parse("10.0.0.2"), {static_cast<std::uint16_t>(1000 + i)}});
    ASSERT_TRUE(one.has_value());
    many.push_back(std::move(*one));
  }
  auto client = observe::ControlClient::open(address());
  EXPECT_EQ(client->connections().value().size(), 700u);
}

TEST_F(ControlTest, recorded_calls_are_asked_for_once_the_knob_is_on) {
  auto listener = Listener::open(*stack_, *Endpoint::parse("127.0.0.1:80"));
  ASSERT_TRUE(listener.has_value());
  auto client = observe::ControlClient::open(address());
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->process(), static_cast<std::uint32_t>(::getpid()));
  EXPECT_FALSE(client->call_sites().value().recording);
  ASSERT_TRUE(client->set_tuning("record_call_sites", "1").has_value());
  std::vector<Socket> sockets;
  for (int i = 0; i < 200; ++i) {  // two ends each: more than a slice
    sockets.push_back(*Socket::connect(*stack_, *Endpoint::parse("127.0.0.1:80")));
    sockets.push_back(*listener->accept());
  }
  const auto all = client->call_sites();
  ASSERT_TRUE(all.has_value()) << all.error();
  EXPECT_TRUE(all->recording);
  EXPECT_EQ(all->sites.size(), 400u);
  EXPECT_EQ(all->stacks.size(), 2u);
  const std::uint64_t id = all->sites[5].connection;
  EXPECT_EQ(client->call_site(id).value().sites.at(0).connection, id);
  EXPECT_TRUE(client->call_site(id + 100000).value().sites.empty());
}

TEST_F(ControlTest, only_this_user_may_enter) {
  struct stat status {};
  ASSERT_EQ(::stat(address().path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0u);
}

TEST_F(ControlTest, a_foreign_talker_is_refused_and_the_next_is_served) {
  const int fd = raw();
  ASSERT_EQ(::send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
  char byte;
  while (::recv(fd, &byte, 1, 0) > 0) {
  }
  ::close(fd);
  EXPECT_TRUE(observe::ControlClient::open(address())->identity().has_value());
}

TEST_F(ControlTest, two_requests_in_one_write_are_both_answered) {
  const int fd = raw();
  auto bytes = stack::control::encode(stack::control::Request{});
  const auto again = bytes;
  bytes.insert(bytes.end(), again.begin(), again.end());
  ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  std::vector<std::uint8_t> in;
  std::size_t frames = 0;
  while (frames < 2) {
    std::uint8_t piece[4096];
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    ASSERT_GT(n, 0);
    in.insert(in.end(), piece, piece + n);
    const auto size = stack::control::frame_size(in, stack::control::kMaxReply);
    ASSERT_TRUE(size.has_value());
    if (*size == 0 || in.size() < *size) continue;
    in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(*size));
    ++frames;
    if (!in.empty() && in.size() >= *size) ++frames;
  }
  ::close(fd);
}

TEST_F(ControlTest, idle_talkers_do_not_keep_others_out) {
  std::vector<int> idle(40);
  for (int& fd : idle) fd = raw();
  EXPECT_TRUE(observe::ControlClient::open(address())->identity().has_value());
  for (const int fd : idle) ::close(fd);
}

TEST_F(ControlTest, files_of_dead_processes_are_passed_over_and_swept) {
  // A socket file on which nobody listens, of a process that can't be.
  const std::string stale = directory_ + "/4194305-dead.sock";
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strcpy(at.sun_path, stale.c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  ::close(fd);
  std::ofstream(directory_ + "/unrelated.txt") << "x";
  EXPECT_EQ(observe::find_stacks_in({directory_}, "").value().size(), 1u);
  StackOptions options;
  options.name = "second";
  options.runtime_directory = directory_;
  auto second = Stack::open(options);
  ASSERT_TRUE(second.has_value());
  EXPECT_FALSE(std::filesystem::exists(stale));
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/unrelated.txt"));
  EXPECT_EQ(files(), 3u);
}

TEST_F(ControlTest, the_file_goes_with_the_stack) {
  const std::string path = address().path;
  stack_.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(observe::find_stacks_in({directory_}, "").value().empty());
  const auto named = observe::find_stacks_in({directory_}, "tested");
  ASSERT_FALSE(named.has_value());
  EXPECT_NE(named.error().find("none is running"), std::string::npos);
}

}  // namespace
}  // namespace estab
