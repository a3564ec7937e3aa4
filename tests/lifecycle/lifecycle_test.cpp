// All stories once more, in one process: together they have walked every arrow of Figure 5 and seen
// every rule of practice fire. What counts is what the stacks' own event logs say.
#include <gtest/gtest.h>

#include <cstdio>

#include "lifecycle/story.h"

namespace estab::lifecycle {

std::vector<Story>& stories() {
  static std::vector<Story> all;
  return all;
}

namespace {

TEST(Lifecycle, stories_walk_all_arrows_and_rules) {
  Observed log;
  for (const Story& story : stories()) {
    SCOPED_TRACE(story.name);
    story.tell(log);
  }
  EXPECT_EQ(log.missing(), "");
  EXPECT_EQ(log.arrows(), 20);
  EXPECT_EQ(log.rules(), 23);
  std::printf("%d of 20 arrows, %d of 23 rules\n", log.arrows(), log.rules());
}

}  // namespace
}  // namespace estab::lifecycle
