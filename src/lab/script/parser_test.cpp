#include "lab/script/parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "lab/script/option_kinds.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

using namespace std::chrono_literals;

Script parsed(std::string_view text) {
  const auto script = parse_script(text);
  EXPECT_TRUE(script.has_value()) << (script ? "" : script.error().what());
  return script ? *script : Script{};
}

TcpSpec tcp_of(std::string_view packet) {
  const Script script = parsed(fmt::format("0 {}", packet));
  return std::get<TcpSpec>(std::get<PacketSpec>(script.events.at(0).what).body);
}

CallSpec call_of(std::string_view call) {
  return std::get<CallSpec>(parsed(fmt::format("0 {}", call)).events.at(0).what);
}

std::string wrong(std::string_view text) {
  const auto script = parse_script(text);
  if (script) return "nothing";
  return fmt::format("{}:{}: {}", script.error().line, script.error().column,
                     script.error().what());
}

TEST(Parser, reads_all_kinds_of_time) {
  const Script script = parsed(
      "0 < S 0:0(0) win 1\n+.1 > . 0:0(0)\n* > . 0:0(0)\n1~2.5 > . 0:0(0)\n+0~+1 > . 0:0(0)\n"
      "+0...0.2 accept(3, ..., ...) = 4\n");
  const auto& events = script.events;
  ASSERT_EQ(events.size(), 6u);
  EXPECT_EQ(events[0].time, TimeKind::kAbsolute);
  EXPECT_EQ(events[1].time, TimeKind::kRelative);
  EXPECT_EQ(events[1].begin, 100ms);
  EXPECT_EQ(events[2].time, TimeKind::kAny);
  EXPECT_EQ(events[3].time, TimeKind::kAbsoluteRange);
  EXPECT_EQ(events[3].end, 2500ms);
  EXPECT_EQ(events[4].time, TimeKind::kRelativeRange);
  EXPECT_EQ(events[4].end, 1s);
  EXPECT_EQ(std::get<CallSpec>(events[5].what).blocks_until, 200ms);
  EXPECT_EQ(events[5].line, 6);
}

TEST(Parser, reads_flags_numbers_window_and_urgent_pointer) {
  const TcpSpec tcp = tcp_of("< PU. 1:1001(1000) ack 5 win 257 urg 3");
  EXPECT_EQ(tcp.flags, wire::kPsh | wire::kUrg | wire::kAck);
  EXPECT_EQ(tcp.seq, 1u);
  EXPECT_EQ(tcp.payload, 1000u);
  EXPECT_EQ(tcp.ack, 5u);
  EXPECT_EQ(tcp.window, 257);
  EXPECT_EQ(tcp.urgent, 3);
  EXPECT_EQ(tcp_of("< - 1:1(0) win 1").flags, 0);
  EXPECT_EQ(tcp_of("> SEW 0:0(0)").flags, wire::kSyn | wire::kEce | wire::kCwr);
  const TcpSpec ace = tcp_of("> P.5 1:2(1) ack 1");
  EXPECT_TRUE(ace.ace && ace.accurate_ecn);
  EXPECT_EQ(ace.flags, wire::kPsh | wire::kAck | wire::kEce);
  const TcpSpec ports = tcp_of("> 8080 > 40000 R 1:1(0)");
  EXPECT_EQ(ports.source_port, 8080);
  EXPECT_EQ(ports.destination_port, 40000);
}

TEST(Parser, reads_every_option) {
  const TcpSpec tcp =
      tcp_of("> S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8,FO a1b2,nop,nop,eol,eol>");
  ASSERT_TRUE(tcp.options.has_value());
  const auto& options = *tcp.options;
  ASSERT_EQ(options.size(), 10u);
  EXPECT_EQ(options[0], (TcpOption{kOptionMss, {5, 180}}));
  EXPECT_EQ(options[2], (TcpOption{kOptionTimestamps, {0, 0, 0, 100, 0, 0, 0, 0}}));
  EXPECT_EQ(options[5], (TcpOption{kOptionFastOpen, {0xa1, 0xb2}}));
  const TcpSpec sack = tcp_of("> . 1:1(0) ack 1 <nop,nop,sack 3:4 1:2>");
  EXPECT_EQ(sack.options->at(2).data.size(), 16u);
  EXPECT_FALSE(tcp_of("> . 1:1(0) ack 1 <...>").options.has_value());
  EXPECT_TRUE(tcp_of("> . 1:1(0) ack 1").options->empty());
  const TcpSpec exp = tcp_of("> S 0:0(0) <FOEXP,nop,nop,nop,nop>");
  EXPECT_EQ(exp.options->at(0), (TcpOption{kOptionExperiment, {0xf9, 0x89}}));
}

TEST(Parser, reads_what_stands_in_the_ip_header) {
  const auto ip = [](std::string_view text) {
    return std::get<PacketSpec>(parsed(fmt::format("0 > {} . 1:1(0)", text)).events[0].what).ip;
  };
  EXPECT_EQ(ip("[ect0]").tos, 2);
  EXPECT_EQ(ip("[ect01]").check, IpSpec::Check::kEitherEct);
  EXPECT_EQ(ip("(tos 0x10)").tos, 16);
  EXPECT_EQ(ip("[ttl 9]").ttl, 9);
  EXPECT_EQ(ip("[noecn, flowlabel 0x2]").flow_label, 2u);
}

TEST(Parser, reads_icmp) {
  const Script script = parsed(
      "0 < [ect0] icmp unreachable frag_needed mtu 1200 [1:1461(1460)]\n"
      "0 < icmp packet_too_big mtu 1300 [1:1(0)]\n");
  const auto icmp = std::get<IcmpSpec>(std::get<PacketSpec>(script.events[0].what).body);
  EXPECT_EQ(icmp.code, "frag_needed");
  EXPECT_EQ(icmp.mtu, 1200u);
  EXPECT_EQ(icmp.payload, 1460u);
}

TEST(Parser, reads_calls_with_results_errno_and_notes) {
  const CallSpec call =
      call_of("read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)");
  EXPECT_EQ(call.name, "read");
  EXPECT_EQ(call.arguments.size(), 3u);
  EXPECT_EQ(call.result.integer, -1);
  EXPECT_EQ(call.error, "EAGAIN");
  EXPECT_EQ(call_of("fcntl(3, F_GETFL) = 0x802 (flags O_RDWR|O_NONBLOCK)").result.integer, 0x802);
}

TEST(Parser, reads_every_struct) {
  for (const std::string_view call : {
           "poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1",
           "writev(4, [{..., 1000}, {..., 500}], 2) = 1500",
           "recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0, "
           "msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=0}]}, 0) = 10",
           "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN|EPOLLET, fd=4}) = 0",
           "epoll_wait(5, {events=EPOLLIN, ptr=7}, 1, 0) = 1",
           "setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
           "getsockopt(4, SOL_TCP, TCP_CONGESTION, \"reno\", [4]) = 0",
           "connect(3, {sa_family = AF_INET, sin_port = htons(80), sin_addr = "
           "inet_addr(\"1.2.3.4\")}, ...) = 0",
           "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE, "
           "msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, "
           "cmsg_data={scm_sec=0,scm_nsec=10}}, {cmsg_level=CMSG_LEVEL_IP, cmsg_type=1, "
           "cmsg_data={ee_errno=ENOMSG, ee_origin=1, ee_type=2, ee_code=0, ee_info=0, "
           "ee_data=0}}, {cmsg_level=1, cmsg_type=2, cmsg_data={TCP_NLA_BUSY=0, "
           "TCP_NLA_SRTT=...}}]}, 0) = 0",
       }) {
    EXPECT_EQ(wrong(fmt::format("0 {}", call)), "nothing") << call;
  }
  EXPECT_EQ(wrong("0 poll([{fd=4, revents=POLLIN}], 1, 0) = 1"),
            "1:16: expected field events of the struct that begins with fd");
}

TEST(Parser, reads_options_commands_code_and_comments) {
  const Script script = parsed(
      "// one\n/* two\n */ # three\n--ip_version=ipv6\n--define=N=3\n--define=CC=\"reno\"\n"
      "--remote_ip=192.0.2.1/24 --strict_segments\n"
      "`sysctl -q net.ipv4.tcp_sack=0`\n0 listen(N, 1) = 0\n"
      "+0 setsockopt(3, SOL_TCP, TCP_CONGESTION, CC, 4) = 0\n"
      "+0 %{ assert tcpi_state == 1 }%\n+0 `true`\n`cleanup`\n");
  ASSERT_EQ(script.options.size(), 5u);
  EXPECT_EQ(script.options[0].value, "ipv6");
  EXPECT_EQ(script.options[3].value, "192.0.2.1/24");
  EXPECT_EQ(script.options[4].name, "strict_segments");
  EXPECT_EQ(script.init, "sysctl -q net.ipv4.tcp_sack=0");
  ASSERT_EQ(script.events.size(), 4u);
  EXPECT_EQ(std::get<CallSpec>(script.events[0].what).arguments[0].integer, 3);
  EXPECT_EQ(std::get<CallSpec>(script.events[1].what).arguments[3].text, "reno");
  EXPECT_EQ(std::get<CodeSpec>(script.events[2].what).text, "assert tcpi_state == 1");
  EXPECT_EQ(script.cleanup, "cleanup");
}

TEST(Parser, says_where_and_what_was_expected) {
  EXPECT_EQ(wrong("0 < S 0:0(1) win 1"),
            "1:10: expected 0:1(1): sequence numbers and payload disagree");
  EXPECT_EQ(wrong("0 < S 0:0(0)"), "1:5: expected win: an inbound packet has its window");
  EXPECT_EQ(wrong("0 < S 0:0(0) win 70000"),
            "1:18: expected the window from 0 to 65535, found '70000'");
  EXPECT_EQ(wrong("0 > S 0:0(0) <mss 1460,nop>").substr(0, 36),
            "1:15: expected TCP options of a mult");
  EXPECT_EQ(wrong("0 > SX 0:0(0)"), "1:5: expected TCP flags of .FSRPEWAU01234567, found 'X'");
  EXPECT_EQ(wrong("\n0 socket(3"), "2:11: expected ',' or ')', found the end of the file");
  EXPECT_EQ(wrong("0 close(3) = 0\n["), "2:1: expected an event's time, found '['");
  EXPECT_EQ(wrong("* close(3) = 0"), "1:0: time * is for outbound packets alone");
  EXPECT_EQ(wrong("1~0 > . 1:1(0)"), "1:0: the time range is backwards");
  EXPECT_EQ(wrong("/* no end"), "1:1: the comment has no end: expected */");
}

TEST(Parser, nested_without_end_is_wrong_and_no_more) {
  const std::string deep(100000, '[');
  EXPECT_EQ(wrong("0 close(" + deep).substr(0, 36), "1:73: expected fewer brackets inside");
}

TEST(Parser, any_cut_and_any_change_is_answered) {
  const std::string text =
      "--define=N=3\n`sysctl x=1`\n0 socket(..., SOCK_STREAM, 6) = N\n"
      "+0...1 poll([{fd=4, events=POLLIN|4, revents=0}], 1, \"a\") = -1 EAGAIN (x y)\n"
      "1~2 > [ect0] PW. 1:11(10) ack 2 win 3 urg 4 <mss 5,nop,sack 1:2,TS val 1 ecr 2,FO a1>\n"
      "+.1 < icmp unreachable frag_needed mtu 5 [1:2(1)]\n* > S 0:0(0) <...>\n"
      "+0 %{ assert 1 }% /* c */ // d\n`end`\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) parse_script(text.substr(0, cut));
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char c : std::string("([\"0\x80")) {
      std::string changed = text;
      changed[at] = c;
      parse_script(changed);
    }
  }
}

TEST(Parser, names_what_is_not_supported) {
  for (const std::string_view text :
       {"0 > S 0:0(0) <md5 1234>", "0 > udp (10)", "0 < gre: S 0:0(0) win 1",
        "0 < ipv4 1.2.3.4 > 2.3.4.5: S 0:0(0) win 1", "0 > encap psp spi 1 S 0:0(0)"}) {
    const auto script = parse_script(text);
    ASSERT_FALSE(script.has_value()) << text;
    EXPECT_EQ(script.error().trouble, Trouble::kNotSupported) << text;
  }
}

// Google's scripts, when a copy of their repository stands where ESTAB_PACKETDRILL_SCRIPTS says.
TEST(Parser, reads_the_public_scripts) {
  const char* folder = std::getenv("ESTAB_PACKETDRILL_SCRIPTS");
  if (folder == nullptr) GTEST_SKIP() << "ESTAB_PACKETDRILL_SCRIPTS is not set";
  int read = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".pkt") continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const auto script = parse_script(text.str(), {{"TFO_COOKIE", "3021b9d889017eeb"}});
    if (!script && script.error().trouble == Trouble::kWrong) {
      ADD_FAILURE() << entry.path() << ":" << script.error().line << ":" << script.error().column
                    << ": " << script.error().what();
    }
    ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace estab::lab
