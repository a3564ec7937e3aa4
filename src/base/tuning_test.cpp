#include "estab/tuning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace estab {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Tuning, every_default_is_within_its_range_and_names_are_unique) {
  std::set<std::string_view> names;
  const Tuning defaults;
  for (const Knob& k : knobs()) {
    EXPECT_TRUE(names.insert(k.name).second) << k.name;
    EXPECT_LE(k.smallest, k.default_value) << k.name;
    EXPECT_LE(k.default_value, k.largest) << k.name;
    EXPECT_EQ(defaults.*k.value, k.default_value) << k.name;
    EXPECT_FALSE(k.why.empty()) << k.name;
  }
}

TEST(Tuning, every_knob_takes_its_bounds_and_nothing_beyond) {
  for (const Knob& k : knobs()) {
    Tuning t;
    EXPECT_TRUE(set_knob(t, k.name, std::to_string(k.smallest)));
    EXPECT_EQ(get_knob(t, k.name), k.smallest);
    EXPECT_TRUE(set_knob(t, k.name, std::to_string(k.largest)));
    EXPECT_EQ(get_knob(t, k.name), k.largest);
    EXPECT_FALSE(set_knob(t, k.name, std::to_string(k.smallest - 1)));
    EXPECT_FALSE(set_knob(t, k.name, std::to_string(k.largest + 1)));
    EXPECT_EQ(get_knob(t, k.name), k.largest) << "a refused value changes nothing";
  }
}

TEST(Tuning, takes_the_paths_of_linux) {
  Tuning t;
  for (const auto name : {"net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "tcp_fin_timeout",
                          "/proc/sys/net/ipv4/tcp_fin_timeout"}) {
    t.tcp_fin_timeout = 60;
    ASSERT_TRUE(set_knob(t, name, " 30\n")) << name;
    EXPECT_EQ(t.tcp_fin_timeout, 30) << name;
  }
  EXPECT_TRUE(set_knob(t, "net.core.somaxconn", "128"));
  EXPECT_TRUE(set_knob(t, "net.ipv4.route.min_pmtu", "1000"));
  EXPECT_TRUE(set_knob(t, "net.ipv4.conf.all.accept_source_route", "0"));
  EXPECT_EQ(get_knob(t, "net.core.somaxconn"), 128);
  EXPECT_FALSE(set_knob(t, "net.netfilter.tcp_fin_timeout", "30"));
}

TEST(Tuning, takes_the_vectors_of_linux_whole_or_not_at_all) {
  Tuning t;
  ASSERT_TRUE(set_knob(t, "net.ipv4.ip_local_port_range", "1024\t65535"));
  EXPECT_EQ(t.ip_local_port_range_low, 1024);
  EXPECT_EQ(t.ip_local_port_range_high, 65535);
  ASSERT_TRUE(set_knob(t, "tcp_rmem", "4096 200000 300000"));
  EXPECT_EQ(t.tcp_rmem_default, 200000);
  EXPECT_EQ(t.tcp_rmem_max, 300000);
  ASSERT_TRUE(set_knob(t, "tcp_wmem", "4096 16384 4194304"));
  EXPECT_EQ(t.tcp_wmem_default, 16384);
  for (const auto wrong : {"", "1", "2000 1000", "1000 70000", "1 2 3", "a b", "0 5"}) {
    const auto set = set_knob(t, "ip_local_port_range", wrong);
    ASSERT_FALSE(set) << wrong;
    EXPECT_THAT(set.error(), StartsWith("ip_local_port_range")) << wrong;
  }
  EXPECT_FALSE(set_knob(t, "tcp_rmem", "4096 300000 200000"));
  EXPECT_FALSE(set_knob(t, "tcp_rmem", "-1 300000 400000"));
  EXPECT_EQ(t.ip_local_port_range_low, 1024);
  EXPECT_EQ(t.tcp_rmem_default, 200000);
}

TEST(Tuning, an_error_says_what_was_expected) {
  Tuning t;
  EXPECT_EQ(set_knob(t, "tcp_sack", "yes").error(), "tcp_sack: expected 0 or 1, got \"yes\"");
  EXPECT_EQ(set_knob(t, "time_wait", "1h").error(),
            "time_wait: expected a whole number of seconds from 0 to 3600, got \"1h\"");
  EXPECT_EQ(set_knob(t, "tcp_syncookies", "3").error(),
            "tcp_syncookies: expected 0, 1 or 2, got \"3\"");
  EXPECT_THAT(set_knob(t, "somaxconn", "").error(), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(set_knob(t, "tcp_fin_timout", "3").error(),
              HasSubstr("did you mean tcp_fin_timeout?"));
  EXPECT_THAT(set_knob(t, "frobnicate", "3").error(), HasSubstr("no knob is called"));
  EXPECT_FALSE(set_knob(t, "time_wait", "99999999999999999999"));
}

TEST(Tuning, a_file_is_applied_whole_or_not_at_all) {
  Tuning t;
  ASSERT_TRUE(load_knobs(t,
                         "# a comment\n\nnet.ipv4.tcp_fin_timeout = 30\r\ntime_wait 10 # why\n"
                         "ip_local_port_range=1024 2048"));
  EXPECT_EQ(t.tcp_fin_timeout, 30);
  EXPECT_EQ(t.time_wait, 10);
  EXPECT_EQ(t.ip_local_port_range_high, 2048);
  const auto loaded = load_knobs(t, "time_wait = 20\n\nsomaxconn = many\n");
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error(), AllOf(StartsWith("line 3: somaxconn:"), HasSubstr("many")));
  EXPECT_EQ(t.time_wait, 10);
  EXPECT_THAT(load_knobs(t, "time_wait").error(), HasSubstr("name = value"));
  EXPECT_FALSE(load_knobs(t, "= 3"));
  EXPECT_FALSE(load_knobs(t, "time_wait ="));
  EXPECT_TRUE(load_knobs(t, ""));
}

TEST(Tuning, the_defaults_are_not_dangerous) { EXPECT_THAT(warnings(Tuning{}), IsEmpty()); }

TEST(Tuning, warns_of_what_is_dangerous) {
  const std::pair<std::string_view, std::string_view> dangers[] = {
      {"time_wait", "1"},
      {"tcp_timestamps", "0"},
      {"ip_local_port_range_low", "61000"},
      {"tcp_rfc1337", "0"},
      {"tcp_syncookies", "0"},
      {"tcp_max_syn_backlog", "5000"},
      {"tcp_fin_timeout", "61"},
      {"tcp_retries2", "7"},
      {"ip_local_port_range_low", "60000"},
      {"tcp_max_tw_buckets", "0"},
      {"tcp_invalid_ratelimit", "0"},
      {"tcp_rto_max_ms", "1000"}};
  for (const auto& [name, value] : dangers) {
    Tuning t;
    ASSERT_TRUE(set_knob(t, name, value));
    EXPECT_THAT(warnings(t),
                ElementsAre(HasSubstr(name == "tcp_timestamps"       ? "tcp_tw_reuse"
                                      : name.starts_with("ip_local") ? "ip_local_port_range"
                                                                     : name)))
        << name;
  }
}

}  // namespace
}  // namespace estab
