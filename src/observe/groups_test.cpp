#include "observe/groups.h"

#include <gtest/gtest.h>

namespace estab::observe {
namespace {

Connection made(State state, const char* local, const char* remote) {
  Connection c;
  c.state = state;
  c.local = *Endpoint::parse(local);
  c.remote = *Endpoint::parse(remote);
  c.inode = 7;
  return c;
}

std::string port_of(const Connection& c, const std::vector<Connection>& all) {
  return Grouping(all, {32768, 60999}).value(c, GroupKey::Port);
}

TEST(Groups, a_served_port_is_known_by_its_listener_or_by_the_ports_of_connect) {
  const auto listener = made(State::Listen, "0.0.0.0:40000", "0.0.0.0:0");
  const auto served = made(State::CloseWait, "10.0.0.1:40000", "10.0.0.2:8080");
  EXPECT_EQ(port_of(served, {listener, served}), ":40000");
  EXPECT_EQ(port_of(listener, {listener, served}), ":40000");
  // `state close-wait` leaves the listener out.
  EXPECT_EQ(port_of(made(State::CloseWait, "10.0.0.1:8080", "10.0.0.2:41000"), {}), ":8080");
  EXPECT_EQ(port_of(made(State::Established, "10.0.0.1:41000", "10.0.0.2:443"), {}), "to :443");
  EXPECT_EQ(port_of(made(State::Established, "10.0.0.1:80", "10.0.0.2:1024"), {}), ":80");
  EXPECT_EQ(port_of(made(State::Established, "10.0.0.1:41000", "10.0.0.2:40000"), {listener}),
            "to :40000");
}

TEST(Groups, what_has_no_process_says_why) {
  const char* here = "10.0.0.1:80";
  const char* there = "10.0.0.2:1";
  const Grouping grouping({});
  const auto process = [&](const Connection& c) { return grouping.value(c, GroupKey::Process); };
  Connection owned = made(State::Established, here, there);
  EXPECT_EQ(process(owned), "(a process that may not be seen)");
  owned.owners.push_back({.pid = 12, .fd = 3, .tid = 0, .command = "nginx\n"});
  EXPECT_EQ(process(owned), "nginx\n(12)");  // the views escape
  Connection waits = made(State::CloseWait, here, there);
  waits.inode = 0;
  EXPECT_EQ(process(waits), "(not accepted yet)");
  Connection orphan = made(State::FinWait1, here, there);
  orphan.orphan = true;
  EXPECT_EQ(process(orphan), "(closed by its process)");
  EXPECT_EQ(process(made(State::TimeWait, here, there)), "(TIME-WAIT: no process holds it)");
}

TEST(Groups, where_a_connection_lives) {
  Connection c = made(State::Established, "10.0.0.1:80", "[fd00::1]:1");
  const Grouping grouping({});
  EXPECT_EQ(grouping.value(c, GroupKey::Local), "10.0.0.1");
  EXPECT_EQ(grouping.value(c, GroupKey::Peer), "fd00::1");
  EXPECT_EQ(grouping.value(c, GroupKey::Namespace), "this namespace");
  EXPECT_EQ(grouping.value(c, GroupKey::Source), "linux");
  c.netns = 4026531840;
  EXPECT_EQ(grouping.value(c, GroupKey::Namespace), "net:[4026531840]");
  c.source = Source::Stack;
  c.stack = "web";
  EXPECT_EQ(grouping.value(c, GroupKey::Namespace), "stack web");
  EXPECT_EQ(grouping.value(c, GroupKey::Source), "stack web");
}

TEST(Groups, keys_are_named_alike_everywhere) {
  const auto keys = group_keys_named("state,namespace,netns");
  ASSERT_TRUE(keys.has_value());
  EXPECT_EQ(*keys,
            (std::vector<GroupKey>{GroupKey::State, GroupKey::Namespace, GroupKey::Namespace}));
  EXPECT_EQ(group_name(GroupKey::Namespace), "netns");
  EXPECT_EQ(group_key_named(group_name(GroupKey::Source)), GroupKey::Source);
  EXPECT_EQ(group_keys_named("state,colour").error(),
            "cannot group by 'colour': state, process, port, peer, local, uid, netns, source");
  EXPECT_FALSE(group_keys_named("").has_value());
}

}  // namespace
}  // namespace estab::observe
