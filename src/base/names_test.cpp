// What things are called: states, events, rules, counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "estab/counters.h"
#include "estab/event.h"
#include "estab/state.h"

namespace estab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST(State, is_found_by_each_of_its_spellings) {
  for (int i = 0; i < kStates; ++i) {
    const auto s = static_cast<State>(i);
    EXPECT_THAT(states_named(rfc_name(s)), ElementsAre(s));
    EXPECT_THAT(states_named(ss_name(s)), ElementsAre(s));
    EXPECT_THAT(states_named(netstat_name(s)), ElementsAre(s));
    EXPECT_EQ(state_of_linux(linux_number(s)), s);
  }
  for (const auto name : {"fin_wait_1", "FIN-WAIT-1", "finwait1", "FinWait1", "Fin-Wait1"}) {
    EXPECT_THAT(states_named(name), ElementsAre(State::FinWait1)) << name;
  }
  EXPECT_THAT(states_named("estab"), ElementsAre(State::Established));
  EXPECT_THAT(states_named("listening"), ElementsAre(State::Listen));
  EXPECT_THAT(states_named("close"), ElementsAre(State::Closed));
  EXPECT_THAT(states_named("syn_rcvd"), ElementsAre(State::SynReceived));
  EXPECT_EQ(state_of_linux(12), State::SynReceived);
  EXPECT_EQ(state_of_linux(0), std::nullopt);
  EXPECT_EQ(state_of_linux(13), std::nullopt);
}

TEST(State, groups_mean_what_ss_means) {
  EXPECT_THAT(states_named("all"), SizeIs(11));
  EXPECT_THAT(states_named("connected"), SizeIs(9));
  EXPECT_THAT(states_named("Synchronized"), SizeIs(8));
  EXPECT_THAT(states_named("bucket"), UnorderedElementsAre(State::TimeWait, State::SynReceived));
  EXPECT_THAT(states_named("big"), SizeIs(9));
  for (const auto wrong : {"", "-", "fin", "fin-wait-3", "estab.", "1"}) {
    EXPECT_THAT(states_named(wrong), IsEmpty()) << wrong;
  }
}

TEST(Event, each_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i < kEvents; ++i) names.insert(event_name(static_cast<Event>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kEvents));
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(event_name(Event::RcvSynAck), "rcv SYN,ACK");
  EXPECT_EQ(event_name(Event::UserTimeout), "user timeout");
}

TEST(Rule, is_named_as_in_the_table) {
  EXPECT_EQ(rule_name(Rule::L1_SynRetriesSpent), "L1");
  EXPECT_EQ(rule_name(Rule::L11r_RstIgnored), "L11r");
  EXPECT_EQ(rule_name(Rule::L12b_ReturnedToTimeWait), "L12b");
  EXPECT_EQ(rule_name(Rule::L23_NoConnection), "L23");
  EXPECT_EQ(rule_meaning(Rule::L12b_ReturnedToTimeWait),
            "the reopening SYN proved old: back to TIME-WAIT");
  for (int i = 1; i <= static_cast<int>(Rule::L23_NoConnection); ++i) {
    EXPECT_FALSE(rule_meaning(static_cast<Rule>(i)).empty());
  }
}

TEST(Counter, is_found_by_its_name) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto c = static_cast<Counter>(i);
    EXPECT_EQ(counter_by_name(counter_name(c)), c);
    EXPECT_FALSE(counter_meaning(c).empty());
    names.insert(counter_name(c));
  }
  EXPECT_EQ(names.size(), kCounters);
  EXPECT_EQ(counter_by_name("TcpExtListenOverflows"), Counter::TcpExtListenOverflows);
  EXPECT_EQ(counter_by_name("kCount"), std::nullopt);
  Counters counts;
  counts.add(Counter::TcpInSegs);
  counts.add(Counter::TcpInSegs, 4);
  EXPECT_EQ(counts[Counter::TcpInSegs], 5u);
}

}  // namespace
}  // namespace estab
