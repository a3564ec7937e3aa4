#include "observe/ss_view.h"

#include <gtest/gtest.h>

#include "observe/duration_text.h"
#include "observe/ss_filter.h"
#include "observe/ss_summary.h"
#include "observe/stack_connection.h"

namespace estab::observe {
namespace {

using namespace std::chrono_literals;

Connection made(const char* local, const char* remote, State state) {
  tcp::Info info;
  info.id = 0x1f;
  info.tuple = {*Endpoint::parse(local), *Endpoint::parse(remote)};
  info.state = state;
  stack::control::Identity who;
  who.pid = 4711;
  who.uid = 1000;
  who.name = "web";
  who.command = "estab";
  return connection_of_stack(info, who);
}

Connection listener(const char* local, bool v6 = false) {
  Connection c = made(local, v6 ? "[::]:0" : "0.0.0.0:0", State::Listen);
  c.send_queue = 128;
  return c;
}

// What `ss -tano` (iproute2 6.1) printed for the same sockets, without its trailing blanks.
TEST(SsView, the_columns_are_those_of_ss) {
  std::vector<Connection> all{listener("127.0.0.1:18080"), listener("0.0.0.0:2024")};
  all[0].send_queue = 5;
  all.push_back(made("127.0.0.1:18080", "127.0.0.1:50286", State::Established));
  all.back().timer.kind = tcp::TimerKind::KeepAlive;
  all.back().timer.left = 117s;
  all.push_back(made("127.0.0.1:50298", "127.0.0.1:18080", State::TimeWait));
  all.back().timer.kind = tcp::TimerKind::TimeWait;
  all.back().timer.left = 58s;
  all.push_back(listener("[::]:18081", true));
  all.back().send_queue = 5;
  all.push_back(made("[::1]:18081", "[::1]:56930", State::CloseWait));
  all.back().receive_queue = 3001;
  SsFormat format;
  format.numeric = format.timers = true;
  EXPECT_EQ(ss_table(all, format),
            "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n"
            "LISTEN     0      5          127.0.0.1:18080      0.0.0.0:*\n"
            "LISTEN     0      128          0.0.0.0:2024       0.0.0.0:*\n"
            "ESTAB      0      0          127.0.0.1:18080    127.0.0.1:50286 "
            "timer:(keepalive,1min57sec,0)\n"
            "TIME-WAIT  0      0          127.0.0.1:50298    127.0.0.1:18080 "
            "timer:(timewait,58sec,0)\n"
            "LISTEN     0      5                  *:18081            *:*\n"
            "CLOSE-WAIT 3001   0              [::1]:18081        [::1]:56930\n");
}

TEST(SsView, netid_state_and_header_come_and_go_as_in_ss) {
  const std::vector<Connection> one{listener("0.0.0.0:2024")};
  SsFormat format;
  format.numeric = format.netid = true;
  EXPECT_EQ(ss_table(one, format),
            "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n"
            "tcp   LISTEN 0      128          0.0.0.0:2024      0.0.0.0:*\n");
  format.netid = format.state = format.header = false;
  EXPECT_EQ(ss_table(one, format), "0 128 0.0.0.0:2024 0.0.0.0:*\n");
}

TEST(SsView, many_rows_are_drawn_as_few_are) {
  const Connection narrow = made("10.0.0.1:1", "10.0.0.2:2", State::Established);
  const Connection wide = made("100.100.100.100:50000", "[fd00::1]:2", State::TimeWait);
  SsFormat format;
  format.numeric = true;
  const std::string few = ss_table({narrow, wide}, format);  // header, narrow, wide
  const std::size_t second = few.find('\n') + 1;
  const std::size_t third = few.find('\n', second) + 1;
  constexpr std::size_t kRows = 30'000;
  std::vector<Connection> all(kRows, narrow);
  all.back() = wide;
  std::string expected = few.substr(0, second);
  for (std::size_t i = 0; i + 1 < kRows; ++i) expected += few.substr(second, third - second);
  expected += few.substr(third);
  EXPECT_TRUE(ss_table(all, format) == expected);
}

TEST(SsView, timers_read_as_in_ss) {
  EXPECT_EQ(ss_timer_text(119min + 59s), "119min");
  EXPECT_EQ(ss_timer_text(117s), "1min57sec");
  EXPECT_EQ(ss_timer_text(60s), "1min");
  EXPECT_EQ(ss_timer_text(58s + 3ms), "58sec");
  EXPECT_EQ(ss_timer_text(6864ms), "6.864ms");
  EXPECT_EQ(ss_timer_text(5s), "5sec");
  EXPECT_EQ(ss_timer_text(200ms), "200ms");
  EXPECT_EQ(ss_timer_text(7ms), "007ms");
  EXPECT_EQ(ss_timer_text(0s), "");
  EXPECT_EQ(ss_timer_text(-1s), "");
}

std::string extended(const Connection& c) {
  Names names;
  std::string text;
  append_ss_extended(text, c, names);
  return text;
}

TEST(SsView, arrows_show_which_directions_are_open) {
  EXPECT_EQ(extended(made("10.0.0.1:1", "10.0.0.2:2", State::Established)),
            " uid:1000 ino:0 sk:1f <->");
  EXPECT_TRUE(extended(made("10.0.0.1:1", "10.0.0.2:2", State::FinWait2)).ends_with("<--"));
  EXPECT_TRUE(extended(made("10.0.0.1:1", "10.0.0.2:2", State::CloseWait)).ends_with("-->"));
  EXPECT_TRUE(extended(made("10.0.0.1:1", "10.0.0.2:2", State::LastAck)).ends_with("---"));
  EXPECT_EQ(extended(made("10.0.0.1:1", "10.0.0.2:2", State::TimeWait)), " ino:0 sk:1f");
}

std::string users(const Connection& c, bool threads = false) {
  std::string text;
  append_ss_users(text, c, threads);
  return text;
}

TEST(SsView, nobody_owns_an_orphan_or_a_time_wait) {
  EXPECT_EQ(users(made("10.0.0.1:1", "10.0.0.2:2", State::FinWait2)),
            " users:((\"estab\",pid=4711))");
  tcp::Info info;
  info.state = State::FinWait2;
  info.orphan = true;
  EXPECT_EQ(users(connection_of_stack(info, {})), "");
  EXPECT_EQ(users(made("10.0.0.1:1", "10.0.0.2:2", State::TimeWait)), "");
}

TEST(SsView, each_descriptor_that_holds_it_is_named_and_names_are_harmless) {
  Connection c = made("10.0.0.1:1", "10.0.0.2:2", State::Established);
  c.owners = {{20, 7, 21, "a\x1b[31m"}, {10, 3, 10, "b"}};
  EXPECT_EQ(users(c), " users:((\"a\\x1b[31m\",pid=20,fd=7),(\"b\",pid=10,fd=3))");
  EXPECT_TRUE(users(c, true).ends_with("(\"b\",pid=10,tid=10,fd=3))"));
}

TEST(SsView, info_leaves_out_what_is_not_there) {
  tcp::Info info;
  info.state = State::Established;
  const auto text = [](const tcp::Info& i, bool numeric, bool options) {
    SsFormat format;
    format.numeric = numeric;
    format.timers = options;
    std::string out;
    append_ss_info(out, connection_of_stack(i, {}), format);
    return out;
  };
  EXPECT_EQ(text(info, true, false).substr(0, 6), " cubic");
  info.timestamps = info.sack = info.window_scaling = true;
  info.snd_wnd_shift = info.rcv_wnd_shift = 7;
  info.rto = 204ms;
  info.srtt = 3515us;
  info.rttvar = 1750us;
  info.snd_mss = 1448;
  info.snd_cwnd = 14480;
  info.snd_ssthresh = 0x7fffffff;
  info.reordering = 3;
  EXPECT_EQ(text(info, true, true),
            " ts sack cubic wscale:7,7 rto:204 rtt:3.515/1.75 mss:1448 cwnd:10 send 32955903bps "
            "delivery_rate 32955896bps");
  EXPECT_EQ(text(info, true, false).substr(0, 18), " cubic wscale:7,7 ");
  EXPECT_TRUE(text(info, false, false).ends_with(" send 33Mbps delivery_rate 33Mbps"));
}

SsFilter filter(const std::vector<std::string>& words) {
  auto parsed = parse_ss_filter(words);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().text;
  return *parsed;
}
bool passes(const std::vector<std::string>& words, const char* local, const char* remote) {
  return filter(words).matches(made(local, remote, State::Established));
}

TEST(SsFilter, states_in_all_spellings_and_groups) {
  EXPECT_EQ(filter({"state", "time-wait"}).states, bit_of(6));
  EXPECT_EQ(filter({"state", "FIN_WAIT1"}).states, bit_of(4));
  EXPECT_EQ(filter({"state", "estab", "state", "closing"}).states, bit_of(1) | bit_of(11));
  EXPECT_EQ(filter({"state", "all"}).states, kAllStates);
  EXPECT_EQ(filter({"state", "bucket"}).states, bit_of(3) | bit_of(6));
  EXPECT_EQ(filter({"state", "big"}).states, kAllStates & ~(bit_of(3) | bit_of(6)));
  EXPECT_EQ(filter({"state", "connected"}).states, kAllStates & ~(bit_of(7) | bit_of(10)));
  EXPECT_EQ(filter({"state", "synchronized"}).states,
            kAllStates & ~(bit_of(2) | bit_of(7) | bit_of(10)));
  const SsFilter f = filter({"exclude", "listening", "exclude", "time-wait"});
  EXPECT_FALSE(f.has_state(State::Listen));
  EXPECT_TRUE(f.has_state(State::SynSent));
  EXPECT_FALSE(filter({}).states_given);
}

TEST(SsFilter, ports_and_addresses) {
  EXPECT_TRUE(passes({"sport", "=", ":80"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"sport = :http"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"dport", "gt", ":1024"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_FALSE(passes({"dport", "<=", "1024"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"dst", "10.0.0.0/8"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_FALSE(passes({"dst", "!=", "10.0.0.2"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"src", "10.0.0.1:http"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"dst", "[fd00::9]:443"}, "[fd00::1]:9", "[fd00::9]:443"));
  EXPECT_TRUE(passes({"dst", "fd00::/8"}, "[fd00::1]:9", "[fd00::9]:443"));
  EXPECT_TRUE(passes({"src", "*:80"}, "10.0.0.1:80", "10.0.0.2:5000"));
}

TEST(SsFilter, expressions) {
  EXPECT_TRUE(passes({"( sport = :80 or sport = :443 ) and dst 10.0.0.2"}, "10.0.0.1:443",
                     "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"(sport", "=", ":80)", "dst", "10.0.0.2"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_FALSE(passes({"not", "sport", "=", ":80"}, "10.0.0.1:80", "10.0.0.2:5000"));
  EXPECT_TRUE(passes({"!", "(sport = :81 and dport = :80)"}, "10.0.0.1:80", "10.0.0.2:5000"));
}

TEST(SsFilter, what_is_wrong_is_said) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"state", "sleeping"},
                                             {"state"},
                                             {"sport"},
                                             {"sport", "="},
                                             {"sport", "=", ":nosuch"},
                                             {"dst", "somewhere"},
                                             {"(sport = :80"},
                                             {"sport = :80)"},
                                             {"color", "=", "red"},
                                             {"dst", "<", "10.0.0.1"},
                                             {"not"},
                                             {"dst", "[::1"},
                                             {"sport = :80 or"}}) {
    const auto parsed = parse_ss_filter(words);
    ASSERT_FALSE(parsed.has_value()) << words.front();
    EXPECT_EQ(parsed.error().text.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(parse_ss_filter(std::vector<std::string>(5000, "(")).has_value());
}

TEST(SsSummary, speaks_as_ss) {
  stack::control::Totals totals;
  totals.by_state[static_cast<std::size_t>(State::Established)] = 234;
  totals.by_state[static_cast<std::size_t>(State::Listen)] = 5;
  totals.by_state[static_cast<std::size_t>(State::TimeWait)] = 1844;
  totals.orphans = 12;
  const std::string text = ss_summary(totals, {});
  EXPECT_TRUE(text.starts_with(
      "Total: 239\nTCP:   2083 (estab 234, closed 1844, orphaned 12, timewait 1844)\n"))
      << text;
  EXPECT_EQ(sum(totals, totals).orphans, 24u);
}

}  // namespace
}  // namespace estab::observe
