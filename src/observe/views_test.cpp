// netstat's rows, JSON, and what is made harmless.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "observe/connection_json.h"
#include "observe/escape.h"
#include "observe/netstat_statistics.h"
#include "observe/netstat_view.h"

namespace estab::observe {
namespace {

using namespace std::chrono_literals;

Connection made(const char* local, const char* remote, State state, bool v6 = false) {
  Connection c;
  c.state = state;
  c.local = *Endpoint::parse(local);
  c.remote = *Endpoint::parse(remote);
  c.v6 = v6;
  return c;
}

// What netstat (net-tools 2.10) -tano printed.
TEST(NetstatView, the_columns_are_those_of_netstat) {
  std::vector<Connection> all{made("127.0.0.1:80", "0.0.0.0:0", State::Listen),
                              made("[::]:8081", "[::]:0", State::Listen, true),
                              made("127.0.0.1:8081", "127.0.0.1:42190", State::FinWait2, true)};
  all[0].send_queue = 128;  // the queue's bound: netstat shows none
  all[2].timer = {tcp::TimerKind::TimeWait, 59230ms, 0};
  NetstatFormat format;
  format.numeric_hosts = format.numeric_ports = format.all = format.timers = true;
  EXPECT_EQ(
      netstat_table(all, format),
      "Active Internet connections (servers and established)\n"
      "Proto Recv-Q Send-Q Local Address           Foreign Address         State       Timer\n"
      "tcp        0      0 127.0.0.1:80            0.0.0.0:*               LISTEN      off "
      "(0.00/0/0)\n"
      "tcp6       0      0 :::8081                 :::*                    LISTEN      off "
      "(0.00/0/0)\n"
      "tcp6       0      0 127.0.0.1:8081          127.0.0.1:42190         FIN_WAIT2   timewait "
      "(59.23/0/0)\n");
}

TEST(NetstatView, long_addresses_are_cut_unless_wide) {
  const std::vector<Connection> one{made("[fd00:1111:2222:3333:4444:5555:6666:7777]:65535",
                                         "[fd00::1]:80", State::Established, true)};
  NetstatFormat format;
  format.numeric_hosts = format.numeric_ports = true;
  EXPECT_NE(netstat_table(one, format).find(" fd00:1111:2222:33:65535 "), std::string::npos)
      << netstat_table(one, format);
  format.wide = true;
  EXPECT_NE(netstat_table(one, format).find(":7777:65535 "), std::string::npos);
}

TEST(NetstatView, rows_without_a_peer_are_listeners) {
  NetstatFormat format;
  const Connection listener = made("127.0.0.1:80", "0.0.0.0:0", State::Listen);
  const Connection waiting = made("127.0.0.1:80", "127.0.0.1:9", State::TimeWait);
  EXPECT_FALSE(netstat_shows(listener, format));
  EXPECT_TRUE(netstat_shows(waiting, format));
  format.listening = true;
  EXPECT_TRUE(netstat_shows(listener, format));
  EXPECT_FALSE(netstat_shows(waiting, format));
}

TEST(NetstatStatistics, counters_become_sentences) {
  EXPECT_EQ(
      netstat_statistics("Ip: Forwarding\nIp: 1\nTcp: RtoMin ActiveOpens InErrs\nTcp: 200 3 0\n",
                         "TcpExt: TW DelayedACKLost TCPOrigDataSent SyncookiesSent\n"
                         "TcpExt: 2 4 5 0\n"),
      "Tcp:\n    3 active connection openings\n    0 bad segments received\n"
      "TcpExt:\n    2 TCP sockets finished time wait in fast timer\n"
      "    Quick ack mode was activated 4 times\n    TCPOrigDataSent: 5\n");
}

TEST(Escape, terminals_stay_as_they_were) {
  EXPECT_EQ(escaped("nginx: worker (1)"), "nginx: worker (1)");
  EXPECT_EQ(escaped("a\x1b]0;x\x07\n"), "a\\x1b]0;x\\x07\\n");
  EXPECT_EQ(escaped("\"\\"), "\\\"\\\\");
  EXPECT_EQ(escaped("\xe2\x80\xae"), "\\u{202e}");
  EXPECT_EQ(escaped("\xff\xe7\x9a\x84"), "\\xff\xe7\x9a\x84");
  std::string json;
  append_json_string(json, "a\"\x01\xff");
  EXPECT_EQ(json, "\"a\\\"\\u0001\xef\xbf\xbd\"");
}

TEST(ConnectionJson, is_json_whatever_the_command_is_called) {
  Connection c = made("10.0.0.1:80", "10.0.0.2:1", State::CloseWait);
  c.owners = {{7, 3, 0, "a\"\x1b\xff"}};
  c.in_state = Age{1500ms, Known::AtLeast};
  c.cookie = 0xffffffffffffffff;
  auto detail = std::make_shared<Detail>();
  detail->info.emplace();
  detail->memory.emplace();
  c.detail = detail;
  const auto all = nlohmann::json::parse(connections_json({c, c}));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0]["state"], "CLOSE-WAIT");
  EXPECT_EQ(all[0]["age"]["ms"], 1500);
  EXPECT_EQ(all[0]["age"]["known"], "at_least");
  EXPECT_EQ(all[0]["local"]["port"], 80);
  EXPECT_EQ(all[0]["cookie"], "ffffffffffffffff");
  EXPECT_EQ(nlohmann::json::parse(connections_json({})).size(), 0u);
}

}  // namespace
}  // namespace estab::observe
