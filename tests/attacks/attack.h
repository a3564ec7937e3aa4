// An attack is mounted twice. With its defence, where every expectation has to hold; and without it
// (base/defence.h), where one at least has to fail: so a test that cannot fail is found out.
//
//   ATTACK(Blind, a06_reset, ExactReset) {
//     Scene s;
//     ... the attacker's segments ...
//     EXPECT_EQ(s.state_of(victim), State::Established);      // what the attacker is after
//     EXPECT_THAT(s.count(Counter::EstabRstIgnored), counted(1));
//   }
//
// ESTAB_WITHOUT=ExactReset attacks_test lets the tests of that defence fail, to be looked at.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/defence.h"

namespace estab::attacks {

void mount(Defence defence, void (*attack)());
bool defences_stand();  // false while mounted without

// At least so many. How often a counter has moved says nothing about harm, so it is asked with the
// defence alone.
inline testing::Matcher<std::uint64_t> counted(std::uint64_t least) {
  if (!defences_stand()) return testing::_;
  return testing::Ge(least);
}

}  // namespace estab::attacks

#define ATTACK(family, name, defence)                                                         \
  static void family##_##name();                                                              \
  TEST(family, name) { ::estab::attacks::mount(::estab::Defence::defence, family##_##name); } \
  static void family##_##name()
