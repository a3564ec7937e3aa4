// What is made of Linux's answers and sent to it, without Linux.
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <sys/socket.h>

#include <cstring>
#include <random>

#include "observe/linux/ages.h"
#include "observe/linux/diag_bytecode.h"
#include "observe/linux/diag_halves.h"
#include "observe/linux/diag_row.h"
#include "observe/linux/inode_table.h"

namespace estab::observe {
namespace {

using namespace std::chrono_literals;

SsFilter filter(const std::vector<std::string>& words) {
  auto parsed = parse_ss_filter(words);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().text;
  return *parsed;
}

Connection connection(const char* local, const char* remote, bool v6 = false) {
  Connection c;
  c.state = State::Established;
  c.local = *Endpoint::parse(local);
  c.remote = *Endpoint::parse(remote);
  c.v6 = v6 || c.local.address.is_v6();
  return c;
}

// The kernel's inet_diag_bc_run(), written from its header's comments alone.
bool runs_to_end(const std::vector<std::uint8_t>& program, const Connection& c) {
  SsFilter one;
  std::size_t at = 0;
  while (at < program.size()) {
    inet_diag_bc_op op;
    std::memcpy(&op, program.data() + at, sizeof op);
    bool yes = true;
    inet_diag_bc_op argument{};
    if (at + 8 <= program.size()) std::memcpy(&argument, program.data() + at + 4, sizeof argument);
    switch (op.code) {
      case INET_DIAG_BC_JMP:
        yes = false;
        break;
      case INET_DIAG_BC_S_GE:
        yes = c.local.port.value >= argument.no;
        break;
      case INET_DIAG_BC_S_LE:
        yes = c.local.port.value <= argument.no;
        break;
      case INET_DIAG_BC_D_GE:
        yes = c.remote.port.value >= argument.no;
        break;
      case INET_DIAG_BC_D_LE:
        yes = c.remote.port.value <= argument.no;
        break;
      case INET_DIAG_BC_S_COND:
      case INET_DIAG_BC_D_COND: {
        inet_diag_hostcond host;
        std::memcpy(&host, program.data() + at + 4, sizeof host);
        const Endpoint& end = op.code == INET_DIAG_BC_S_COND ? c.local : c.remote;
        yes = host.port == -1 || host.port == end.port.value;
        if (host.family == AF_INET && yes) {
          const std::uint8_t* a = program.data() + at + 4 + sizeof host;
          const std::uint32_t wanted = std::uint32_t{a[0]} << 24 | a[1] << 16 | a[2] << 8 | a[3];
          const std::uint32_t mask =
              host.prefix_len == 0 ? 0 : ~std::uint32_t{0} << (32 - host.prefix_len);
          yes = end.address.is_v4() && ((end.address.v4_value() ^ wanted) & mask) == 0;
        }
        break;
      }
      default:
        ADD_FAILURE() << "unexpected " << int{op.code};
        return false;
    }
    at += yes ? op.yes : op.no;
  }
  return at == program.size();
}

TEST(DiagBytecode, says_what_the_filter_says) {
  const std::vector<std::string> expressions[] = {
      {"sport = :80"},
      {"sport != :80"},
      {"sport > :80"},
      {"sport < :80 or dport >= :5000"},
      {"not ( sport = :80 or dport = :5000 )"},
      {"sport = :80 or sport = :81 and dport = :5000"},
      {"! ( sport gt :80 and ! dport le :4999 ) or src 10.0.0.0/8"},
      {"( src 10.0.0.1 or dst 10.0.0.1:80 ) and not ( sport = :80 and dport = :81 )"},
      {"not not sport = :80 and ( dst 10.0.0.2 or not dst 10.0.0.0/24 )"},
  };
  const char* ends[] = {"10.0.0.1:80", "10.0.0.2:81", "10.0.1.1:5000", "192.0.2.1:4999"};
  for (const auto& words : expressions) {
    const SsFilter f = filter(words);
    const auto program = diag_bytecode(f);
    ASSERT_FALSE(program.empty()) << words[0];
    for (const char* local : ends) {
      for (const char* remote : ends) {
        const Connection c = connection(local, remote);
        EXPECT_EQ(runs_to_end(program, c), f.matches(c)) << words[0] << local << remote;
      }
    }
  }
}

TEST(DiagHalves, each_row_is_in_one_half_and_the_kernel_tests_the_same) {
  const SsFilter f = filter({"sport >= :81 or dport = :46884"});
  const char* ends[] = {"10.0.0.1:80",    "10.0.0.1:32767", "10.0.0.1:32768", "10.0.0.1:46882",
                        "10.0.0.1:46883", "10.0.0.1:46884", "10.0.0.1:60999", "10.0.0.1:65535"};
  for (const char* local : ends) {
    for (const char* remote : ends) {
      const Connection c = connection(local, remote);
      EXPECT_NE(in_half(c, Half::Lower), in_half(c, Half::Upper)) << local << remote;
      for (const Half half : {Half::Lower, Half::Upper}) {
        EXPECT_EQ(runs_to_end(half_bytecode(half), c), in_half(c, half)) << local << remote;
        EXPECT_EQ(runs_to_end(both_programs(diag_bytecode(f), half_bytecode(half)), c),
                  f.matches(c) && in_half(c, half))
            << local << remote;
      }
    }
  }
}

TEST(DiagBytecode, what_the_kernel_cannot_test_is_left_to_us_and_never_lets_less_through) {
  EXPECT_TRUE(diag_bytecode(filter({"pid = 1"})).empty());
  EXPECT_TRUE(diag_bytecode(filter({"sport = :80 or pid = 1"})).empty());
  EXPECT_TRUE(diag_bytecode(filter({"not ( sport = :80 and pid = 1 )"})).empty());
  const auto program = diag_bytecode(filter({"sport = :80 and recvq > 5"}));
  EXPECT_TRUE(runs_to_end(program, connection("10.0.0.1:80", "10.0.0.2:1")));
  EXPECT_FALSE(runs_to_end(program, connection("10.0.0.1:81", "10.0.0.2:1")));
}

TEST(SsFilter, and_and_or_bind_alike_from_left_to_right) {
  const SsFilter f = filter({"sport = :80 or sport = :81 and dport = :9"});
  EXPECT_FALSE(f.matches(connection("10.0.0.1:80", "10.0.0.2:1")));
  EXPECT_TRUE(f.matches(connection("10.0.0.1:80", "10.0.0.2:9")));
  EXPECT_FALSE(
      filter({"not sport = :80 and sport = :81"}).matches(connection("10.0.0.1:80", "10.0.0.2:1")));
}

TEST(SsFilter, a_mapped_address_answers_to_its_ipv4_name) {
  const Connection mapped = connection("10.0.0.1:80", "10.0.0.2:1", true);
  EXPECT_TRUE(filter({"src 10.0.0.1"}).matches(mapped));
  EXPECT_TRUE(filter({"src ::ffff:10.0.0.1"}).matches(mapped));
  EXPECT_FALSE(filter({"src ::ffff:10.0.0.1"}).matches(connection("10.0.0.1:80", "10.0.0.2:1")));
}

TEST(SsFilter, tests_that_ss_lacks) {
  Connection c = connection("10.0.0.1:80", "10.0.0.2:1");
  c.owners = {{10, 3, 0, "(sd-pam)"}, {12, 3, 0, "nginx"}};
  c.uid = 33;
  c.receive_queue = 5000;
  c.in_state = Age{90s, Known::AtLeast};
  c.timer.kind = tcp::TimerKind::KeepAlive;
  auto detail = std::make_shared<Detail>();
  detail->info.emplace();
  detail->info->rtt = 250'000;
  detail->info->total_retrans = 2;
  c.detail = detail;
  for (const char* yes :
       {"pid = 12", "pid != 11", "comm = nginx", "comm ngin*", "comm = (sd-pam)", "uid 33",
        "recvq > 4k", "sendq = 0", "age gt 1min", "age lt 2m", "rtt >= 250ms", "retrans 2",
        "timer = keepalive", "netns = 0", "comm != java and pid = 10"}) {
    EXPECT_TRUE(filter({yes}).matches(c)) << yes;
  }
  for (const char* no : {"pid = 11", "comm = java", "comm != nginx", "uid = 0", "recvq < 5000",
                         "age > 90s", "rtt > 1s", "retrans > 2", "timer = on", "netns = 7"}) {
    EXPECT_FALSE(filter({no}).matches(c)) << no;
  }
  c.owners.clear();
  EXPECT_FALSE(filter({"comm = nginx"}).matches(c));
  EXPECT_TRUE(filter({"pid != 1"}).matches(c));
  EXPECT_TRUE(filter({"comm = x"}).needs().owners);
  EXPECT_TRUE(filter({"rtt > 1s"}).needs().info);
}

TEST(DiagRow, broken_answers_are_passed_over) {
  LinuxQuery query;
  query.info = query.memory = query.tos = query.socket_options = true;
  const DiagRowReader reader(query);
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> bytes(random() % 400);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random() % 48);
    if (bytes.size() > 1) {
      bytes[0] = round % 2 == 0 ? AF_INET : AF_INET6;
      bytes[1] = static_cast<std::uint8_t>(round % 14);
    }
    Connection c;
    reader.read(bytes.data(), bytes.size(), c);
  }
}

TEST(DiagRow, a_row_is_read) {
  inet_diag_msg m{};
  m.idiag_family = AF_INET;
  m.idiag_state = 8;
  m.id.idiag_sport = 0x5000;  // 80 in network order
  m.id.idiag_src[0] = 0x0100000a;
  m.id.idiag_cookie[0] = 0x1f;
  m.id.idiag_cookie[1] = 1;
  m.idiag_rqueue = 6;
  m.idiag_timer = 2;
  m.idiag_expires = 1500;
  Connection c;
  ASSERT_TRUE(DiagRowReader({}).read(reinterpret_cast<const std::uint8_t*>(&m), sizeof m, c));
  EXPECT_EQ(c.state, State::CloseWait);
  EXPECT_EQ(c.local.to_string(), "10.0.0.1:80");
  EXPECT_EQ(c.cookie, 0x10000001fu);
  EXPECT_EQ(c.timer.left, Duration(1500ms));
  EXPECT_TRUE(unaccepted(c));
  EXPECT_FALSE(c.orphan);
}

Connection with_info(State state, tcp::LinuxTcpInfo info) {
  Connection c;
  c.state = state;
  c.inode = 1;
  auto detail = std::make_shared<Detail>();
  detail->info = info;
  c.detail = detail;
  return c;
}

TEST(LinuxAges, are_estimated_by_what_one_look_shows) {
  LinuxTimes times;
  times.syn_linear_timeouts = 4;
  Connection c;
  c.state = State::TimeWait;
  c.timer = {tcp::TimerKind::TimeWait, 48s, 0};
  EXPECT_EQ(estimated_age(c, times)->value, Duration(12s));
  c.state = State::FinWait2;
  c.orphan = true;
  EXPECT_EQ(estimated_age(c, times)->value, Duration(12s));
  c = {};
  c.state = State::SynSent;
  c.timer = {tcp::TimerKind::Retransmit, 1808ms, 5};
  EXPECT_EQ(estimated_age(c, times)->value, Duration(5192ms));
  tcp::LinuxTcpInfo info;
  info.last_ack_recv = 4016;
  const auto close_wait = estimated_age(with_info(State::CloseWait, info), times);
  EXPECT_EQ(close_wait->value, Duration(4016ms));
  EXPECT_EQ(close_wait->known, Known::AtLeast);
  info.rto = 800'000;
  info.backoff = 2;
  Connection fin = with_info(State::LastAck, info);
  fin.timer = {tcp::TimerKind::Retransmit, 500ms, 2};
  EXPECT_EQ(estimated_age(fin, times)->value, Duration(900ms));  // 200 + 400 + 300
  Connection half_open;
  half_open.state = State::SynReceived;
  EXPECT_FALSE(estimated_age(half_open, times).has_value());
}

TEST(InodeTable, finds_what_was_put_in) {
  InodeTable table(1000);
  for (std::uint32_t i = 1; i <= 1000; ++i) table.add(i * 7919, i);
  for (std::uint32_t i = 1; i <= 1000; ++i) EXPECT_EQ(table.find(i * 7919), i);
  EXPECT_EQ(table.find(5), InodeTable::kNone);
  EXPECT_EQ(table.size(), 1000u);
}

}  // namespace
}  // namespace estab::observe
