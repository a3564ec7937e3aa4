#include "dev/fault_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace estab::dev {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(FaultSpec, every_word) {
  const auto spec = parse_faults(
      "loss=2%,delay=20ms,jitter=5ms,reorder=5%,duplicate=1%,corrupt=0.1%,rate=10mbit,queue=500,"
      "seed=7");
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->seed, 7u);
  for (const LinkFaults& faults : {spec->in, spec->out}) {
    EXPECT_DOUBLE_EQ(faults.loss, 0.02);
    EXPECT_EQ(faults.delay, 20ms);
    EXPECT_EQ(faults.jitter, 5ms);
    EXPECT_DOUBLE_EQ(faults.reorder, 0.05);
    EXPECT_DOUBLE_EQ(faults.duplicate, 0.01);
    EXPECT_DOUBLE_EQ(faults.corrupt, 0.001);
    EXPECT_EQ(faults.rate, 10'000'000u);
    EXPECT_EQ(faults.queue, 500u);
    EXPECT_TRUE(faults.any());
  }
}

TEST(FaultSpec, one_direction) {
  const auto spec = parse_faults("out:loss=2%,in:delay=1.5ms,rate=1gbit");
  ASSERT_TRUE(spec) << spec.error();
  EXPECT_EQ(spec->in.loss, 0);
  EXPECT_DOUBLE_EQ(spec->out.loss, 0.02);
  EXPECT_EQ(spec->in.delay, 1'500us);
  EXPECT_EQ(spec->out.delay, 0ms);
  EXPECT_EQ(spec->in.rate, spec->out.rate);
}

TEST(FaultSpec, nothing_is_no_faults) {
  const auto spec = parse_faults("");
  ASSERT_TRUE(spec);
  EXPECT_FALSE(spec->in.any());
  EXPECT_FALSE(spec->out.any());
}

TEST(FaultSpec, errors_say_what_was_expected) {
  const std::pair<const char*, const char*> cases[] = {
      {"loss", "NAME=VALUE such as loss=2%"},
      {"los=2%", "expected loss, delay"},
      {"loss=2", "a share of 0% to 100%"},
      {"loss=101%", "a share of 0% to 100%"},
      {"loss=-1%", "a share of 0% to 100%"},
      {"loss=nan%", "a share of 0% to 100%"},
      {"loss=%", "a share of 0% to 100%"},
      {"delay=20", "such as 20ms"},
      {"delay=20min", "such as 20ms"},
      {"delay=3601s", "at most 3600s"},
      {"delay=1e99s", "such as 20ms"},
      {"rate=10", "such as 10mbit"},
      {"rate=0mbit", "such as 10mbit"},
      {"queue=0", "from 1 to 1000000"},
      {"queue=1.5", "from 1 to 1000000"},
      {"seed=x", "a whole number"},
      {"in:seed=1", "both directions"},
      {"reorder=5%", "needs a delay"},
      {"out:delay=1ms,reorder=5%", "needs a delay"},
      {"jitter=5ms", "at most the delay"},
      {"loss=1%,,delay=1ms", "NAME=VALUE"},
  };
  for (const auto& [text, expected] : cases) {
    const auto spec = parse_faults(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_THAT(spec.error(), HasSubstr(expected)) << text;
    EXPECT_EQ(spec.error().find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace estab::dev
