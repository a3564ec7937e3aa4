#include "observe/linux/counters.h"

#include <gmock/gmock.h>

#include "observe/linux/process_limits.h"
#include "observe/linux/sysctls.h"

namespace estab::observe {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST(LinuxCounters, come_in_pairs_of_lines) {
  CounterMap all;
  parse_paired_counters(
      "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 3 4\nTcp: MaxConn CurrEstab\nTcp: -1 7\n",
      all);
  EXPECT_THAT(
      all, UnorderedElementsAre(Pair("TcpExtSyncookiesSent", 3), Pair("TcpExtListenOverflows", 4),
                                Pair("TcpMaxConn", -1), Pair("TcpCurrEstab", 7)));
}

TEST(LinuxCounters, what_is_malformed_is_left_out) {
  CounterMap all;
  parse_paired_counters("TcpExt: A B C\nTcpExt: 1 x\nTcp: A\nUdp: 1\nlast line", all);
  EXPECT_THAT(all, UnorderedElementsAre(Pair("TcpExtA", 1)));
}

TEST(LinuxCounters, sockstat_has_name_and_value_in_turn) {
  CounterMap all;
  parse_sockstat("sockets: used 12\nTCP: inuse 5 orphan 0 tw 9\n", all);
  EXPECT_THAT(all, Contains(Pair("TCP.tw", 9)));
  EXPECT_THAT(all, Contains(Pair("sockets.used", 12)));
}

TEST(LinuxCounters, can_be_read_here) {
  const auto all = linux_counters();
  ASSERT_TRUE(all) << all.error();
  EXPECT_THAT(*all, Contains(Key("TcpExtListenOverflows")));
  EXPECT_THAT(*all, Contains(Key("TcpOutRsts")));
}

TEST(LinuxSysctls, vectors_become_knobs_as_a_stack_names_them) {
  const auto knobs = knobs_of({{"net.ipv4.tcp_rmem", "4096 131072 6291456"},
                               {"net.ipv4.ip_local_port_range", "32768 60999"},
                               {"net.core.somaxconn", "4096"},
                               {"net.ipv4.tcp_congestion_control", "bbr"}});
  EXPECT_THAT(knobs, UnorderedElementsAre(
                         Pair("tcp_rmem_default", 131072), Pair("tcp_rmem_max", 6291456),
                         Pair("ip_local_port_range_low", 32768),
                         Pair("ip_local_port_range_high", 60999), Pair("somaxconn", 4096)));
}

TEST(LinuxSysctls, can_be_read_here) {
  EXPECT_THAT(linux_sysctls(), Contains(Key("net.ipv4.tcp_fin_timeout")));
  EXPECT_THAT(linux_sysctls(), Not(Contains(Key("net.ipv4.tcp_fastopen_key"))));
}

TEST(DescriptorLimits, are_read_from_limits) {
  const auto limits = parse_descriptor_limits(
      "Limit                     Soft Limit           Hard Limit           Units     \n"
      "Max open files            1024                 unlimited            files     \n");
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->soft, 1024U);
  EXPECT_EQ(limits->hard, ~std::uint64_t{0});
  EXPECT_FALSE(parse_descriptor_limits("Max open files      many"));
  EXPECT_TRUE(descriptor_limits(1) || true);  // another's may be hidden: no crash
}

}  // namespace
}  // namespace estab::observe
