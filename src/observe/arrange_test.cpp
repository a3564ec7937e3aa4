#include "observe/arrange.h"

#include <gtest/gtest.h>

namespace estab::observe {
namespace {

TEST(Arrange, a_hostile_name_is_escaped_once_for_each_view) {
  Connection c;
  c.state = State::Established;
  c.owners.push_back({.pid = 7, .fd = 3, .tid = 0, .command = "a\"\x1b[2J"});
  const std::vector<GroupKey> keys{GroupKey::Process};
  const auto groups = grouped({c, c}, keys);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].count, 2u);
  EXPECT_NE(groups_table(groups, keys, false).find("a\\\"\\x1b[2J/7"), std::string::npos);
  EXPECT_NE(groups_json(groups, keys).find(R"("process":"a\"\u001b[2J/7","count":2)"),
            std::string::npos)
      << groups_json(groups, keys);
}

}  // namespace
}  // namespace estab::observe
