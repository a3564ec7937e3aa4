#include "socket/call_sites.h"

#include <gtest/gtest.h>

#include "socket/engine.h"
#include "socket/testing_stacks.h"

namespace estab::socket {
namespace {

using Frames = CallSiteTable::Frames;

TEST(CallSiteTable, keeps_the_latest_call_of_each_kind_and_the_first_that_ended_it) {
  CallSiteTable table;
  table.note(1, 70, AppCall::Open, {10, 11});
  table.note(1, 70, AppCall::Read, {20});
  table.note(1, 70, AppCall::ReadEnd, {21});
  table.note(1, 70, AppCall::Write, {30});
  table.note(1, 70, AppCall::Shut, {40});
  table.note(1, 70, AppCall::Shut, {41});
  table.note(1, 70, AppCall::Close, {50});
  const auto slice = table.slice(0, 0);
  ASSERT_EQ(slice.sites.size(), 1U);
  const auto& site = slice.sites[0];
  const auto frames = [&](std::uint32_t number) {
    for (const auto& stack : slice.stacks) {
      if (stack.number == number) return stack.frames;
    }
    return Frames{};
  };
  EXPECT_EQ(site.connection, 70U);
  EXPECT_EQ(frames(site.made), (Frames{10, 11}));
  EXPECT_EQ(frames(site.read), Frames{21});
  EXPECT_TRUE(site.eof_read);
  EXPECT_EQ(frames(site.written), Frames{30});
  EXPECT_EQ(frames(site.shut), Frames{40});
  EXPECT_EQ(frames(site.closed), Frames{50});
  EXPECT_EQ(slice.next, 0U);
}

TEST(CallSiteTable, equal_stacks_are_kept_once_and_sent_once) {
  CallSiteTable table;
  for (std::uint64_t i = 1; i <= 300; ++i) table.note(i, i, AppCall::Open, {1, 2, 3});
  const auto first = table.slice(0, 0);
  EXPECT_EQ(first.sites.size(), stack::control::kCallSiteSlice);
  EXPECT_EQ(first.stacks.size(), 1U);
  const auto rest = table.slice(first.next, 0);
  EXPECT_EQ(first.sites.size() + rest.sites.size(), 300U);
  EXPECT_EQ(rest.next, 0U);
  EXPECT_EQ(table.slice(7, 1).sites.at(0).connection, 7U);
}

TEST(CallSiteTable, has_bounds_and_counts_what_found_no_room) {
  CallSiteTable table;
  for (std::uint64_t i = 1; i <= CallSiteTable::kMostStacks + 5; ++i) {
    table.note(1, 1, AppCall::Read, {i});
  }
  EXPECT_EQ(table.slice(0, 0).lost, 5U);
  EXPECT_EQ(table.slice(0, 0).sites.at(0).read, 0U);
  for (std::uint64_t i = 1; i <= 3 * CallSiteTable::kMostLetGo; ++i) {
    table.note(i, i, AppCall::Open, {1});
    table.let_go(i);
  }
  EXPECT_EQ(table.size(), CallSiteTable::kMostLetGo);
  EXPECT_EQ(table.slice(0, 1).sites.at(0).connection, 2 * CallSiteTable::kMostLetGo + 1);
}

TEST(CallSiteTable, the_largest_slice_fits_a_reply) {
  CallSiteTable table;
  for (std::uint64_t i = 1; i <= stack::control::kCallSiteSlice; ++i) {
    std::uint64_t kind = 0;
    for (const AppCall call :
         {AppCall::Open, AppCall::Read, AppCall::Write, AppCall::Shut, AppCall::Close}) {
      table.note(i, i, call, Frames(stack::control::kCallFrames, 8 * i + ++kind));
    }
  }
  const auto slice = table.slice(0, 0);
  EXPECT_EQ(slice.stacks.size(), 5 * stack::control::kCallSiteSlice);
  EXPECT_LE(stack::control::encode(stack::control::Reply(slice)).size(), stack::control::kMaxReply);
}

TEST(CallSiteTable, the_own_stack_begins_here) {
  const Frames frames = own_stack();
  EXPECT_GT(frames.size(), 2U);
  EXPECT_EQ(own_stack().back(), frames.back());
}

// The engine's side: two engines on one cable, in virtual time.
class CallSites : public testing::Test {
 protected:
  CallSites() {
    options_.seed = 1;
    options_.clock = [] { return Instant{} + std::chrono::seconds(1000); };
    engine_ = *Engine::create(options_);
  }
  ~CallSites() override { engine_->shut_down(); }
  void record(const char* on) {
    const auto set = engine_->with_stack(
        [&](stack::Stack& s) { return s.set_tuning("record_call_sites", on).has_value(); });
    EXPECT_TRUE(set.value());
  }
  void step() {
    auto held = engine_->lock();
    for (int i = 0; i < 10; ++i) engine_->driver().poll(held, options_.clock());
  }
  // Both ends of a connection over the engine's own loopback.
  std::pair<SocketId, SocketId> connect() {
    if (!listener_) {
      listener_ = *engine_->open(Family::v4);
      EXPECT_TRUE(engine_->bind(listener_, endpoint("127.0.0.1:80")));
      EXPECT_TRUE(engine_->listen(listener_, 8));
    }
    const SocketId client = *engine_->open(Family::v4);
    (void)engine_->connect(client, endpoint("127.0.0.1:80"), kAtOnce);
    step();
    const SocketId server = *engine_->accept(listener_, true);
    return {client, server};
  }
  stack::control::CallSites recorded() {
    const auto held = engine_->lock();
    return engine_->recorded_calls();
  }

  StackOptions options_;
  std::shared_ptr<Engine> engine_;
  SocketId listener_;
};

TEST_F(CallSites, off_nothing_is_kept) {
  const auto [client, server] = connect();
  EXPECT_TRUE(engine_->send(client, Bytes{}, 0));
  EXPECT_TRUE(recorded().sites.empty());
  EXPECT_FALSE(recorded().recording);
}

TEST_F(CallSites, on_both_ends_have_their_calls) {
  record("1");
  const auto [client, server] = connect();
  const std::uint8_t byte = 'x';
  EXPECT_EQ(*engine_->send(client, Bytes{&byte, 1}, 0), 1U);
  step();
  std::uint8_t got = 0;
  EXPECT_EQ(*engine_->receive(server, {&got, 1}, kDontWait), 1U);
  EXPECT_FALSE(engine_->receive(server, {&got, 1}, kDontWait));  // EAGAIN is no read
  auto calls = recorded();
  ASSERT_EQ(calls.sites.size(), 2U);
  const bool client_first = calls.sites[0].written != 0;
  const auto& from = calls.sites[client_first ? 0 : 1];
  const auto& to = calls.sites[client_first ? 1 : 0];
  EXPECT_NE(from.made, 0U);
  EXPECT_EQ(from.read, 0U);
  EXPECT_NE(to.made, 0U);
  EXPECT_NE(to.made, from.made);
  EXPECT_NE(to.read, 0U);
  EXPECT_FALSE(to.eof_read);
  EXPECT_TRUE(engine_->shutdown(client, kShutWrite));
  step();
  EXPECT_EQ(*engine_->receive(server, {&got, 1}, kDontWait), 0U);
  EXPECT_TRUE(engine_->close(client));
  calls = recorded();
  const auto& first = calls.sites[client_first ? 0 : 1];
  EXPECT_TRUE(calls.sites[client_first ? 1 : 0].eof_read);
  EXPECT_NE(first.shut, 0U);
  EXPECT_NE(first.closed, 0U);
  EXPECT_NE(first.closed, first.shut);
}

TEST_F(CallSites, turned_off_the_records_go_with_the_next_call) {
  record("1");
  const auto [client, server] = connect();
  EXPECT_EQ(recorded().sites.size(), 2U);
  record("0");
  EXPECT_TRUE(recorded().sites.empty());  // stale ones are not shown
  EXPECT_TRUE(engine_->close(client));
  record("1");
  EXPECT_TRUE(recorded().sites.empty());
}

}  // namespace
}  // namespace estab::socket
