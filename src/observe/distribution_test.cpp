#include "observe/distribution.h"

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

std::vector<Connection> a_server() {
  std::vector<Connection> all{made(State::Listen, "0.0.0.0:80", "0.0.0.0:0")};
  for (int i = 0; i < 3; ++i)
    all.push_back(made(State::Established, "10.0.0.1:80", "10.0.0.2:4000"));
  all.push_back(made(State::CloseWait, "10.0.0.1:80", "10.0.0.3:4000"));
  all.push_back(made(State::Established, "10.0.0.1:50000", "10.0.0.9:5432"));
  return all;
}

TEST(Distribution, counts_by_state_with_the_change_since_an_earlier_look) {
  const Distribution d = distribution(a_server(), GroupKey::State);
  const EarlierTotals earlier{{"ESTAB", 1}, {"LISTEN", 1}, {"TIME-WAIT", 12}};
  DistributionStyle style;
  EXPECT_EQ(distribution_text(d, style),
            "STATE       COUNT\n"
            "ESTAB           4\n"
            "CLOSE-WAIT      1\n"
            "LISTEN          1\n"
            "total           6\n");
  style.earlier = &earlier;
  EXPECT_EQ(distribution_text(d, style),
            "STATE       COUNT  CHANGE\n"
            "ESTAB           4      +3\n"
            "CLOSE-WAIT      1      +1\n"
            "LISTEN          1\n"
            "TIME-WAIT       0     -12\n"
            "total           6      -8\n");
}

TEST(Distribution, a_servers_connections_come_together_under_its_port) {
  const Distribution d = distribution(a_server(), GroupKey::Port);
  EXPECT_EQ(distribution_text(d, {}),
            "PORT      LISTEN  ESTAB  CLOSE-WAIT  TOTAL\n"
            ":80            1      3           1      5\n"
            "to :5432       -      1           -      1\n"
            "total          1      4           1      6\n");
}

TEST(Distribution, a_table_that_does_not_fit_becomes_a_list) {
  const Distribution d = distribution(a_server(), GroupKey::Peer);
  DistributionStyle style;
  style.width = 40;
  EXPECT_EQ(distribution_text(d, style),
            "10.0.0.2  3: 3 ESTAB\n"
            "(listening)  1: 1 LISTEN\n"
            "10.0.0.3  1: 1 CLOSE-WAIT\n"
            "10.0.0.9  1: 1 ESTAB\n"
            "total  6: 1 LISTEN, 4 ESTAB,\n"
            "    1 CLOSE-WAIT\n");
}

TEST(Distribution, what_is_left_out_is_said) {
  DistributionStyle style;
  style.rows = 1;
  style.header = false;
  EXPECT_EQ(distribution_text(distribution(a_server(), GroupKey::State), style),
            "ESTAB  4\ntotal  6\n(2 more; --rows 0 shows all)\n");
}

}  // namespace
}  // namespace estab::observe
