#include "observe/arrange.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace estab::observe {
namespace {

Connection made(const char* local, const char* remote, State state) {
  Connection c;
  c.state = state;
  c.local = *Endpoint::parse(local);
  c.remote = *Endpoint::parse(remote);
  return c;
}

TEST(Arrange, groups_are_counted_the_largest_first) {
  const auto groups = grouped({made("10.0.0.1:80", "10.0.0.2:40000", State::Established),
                               made("10.0.0.1:80", "10.0.0.3:40001", State::Established),
                               made("10.0.0.1:50000", "10.0.0.9:443", State::CloseWait)},
                              {GroupKey::State});
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups_table(groups, {GroupKey::State}, true),
            "  Count State\n      2 ESTAB\n      1 CLOSE-WAIT\n");
  EXPECT_TRUE(nlohmann::json::accept(groups_json(groups, {GroupKey::State})));
}

TEST(Arrange, a_hostile_name_is_escaped_once_for_each_view) {
  Connection c;
  c.state = State::Established;
  c.owners.push_back({.pid = 7, .fd = 3, .tid = 0, .command = "a\"\x1b[2J"});
  const std::vector<GroupKey> keys{GroupKey::Process};
  const auto groups = grouped({c, c}, keys);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].count, 2u);
  EXPECT_NE(groups_table(groups, keys, false).find("a\\\"\\x1b[2J(7)"), std::string::npos);
  EXPECT_NE(groups_json(groups, keys).find(R"x("process":"a\"\u001b[2J(7)","count":2)x"),
            std::string::npos)
      << groups_json(groups, keys);
}

TEST(Arrange, the_largest_queue_comes_first) {
  std::vector<Connection> all{made("10.0.0.1:1", "10.0.0.2:1", State::Established),
                              made("10.0.0.1:2", "10.0.0.2:1", State::Established)};
  all[1].receive_queue = 5;
  sort_connections(all, *sorting_named("recvq"));
  EXPECT_EQ(all[0].receive_queue, 5u);
  sort_connections(all, *sorting_named("-recvq"));
  EXPECT_EQ(all[0].receive_queue, 0u);
  EXPECT_FALSE(sorting_named("colour").has_value());
}

}  // namespace
}  // namespace estab::observe
