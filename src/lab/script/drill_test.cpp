#include "lab/script/drill.h"

#include <gmock/gmock.h>

#include "lab/script/commands.h"
#include "lab/script/python_code.h"
#include "lab/script/shell_words.h"

namespace estab::lab {
namespace {

using testing::HasSubstr;

constexpr const char* kListen =
    "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "+0 bind(3, ..., ...) = 0\n"
    "+0 listen(3, 1) = 0\n";
constexpr const char* kAccepted =
    "+0 < S 0:0(0) win 32792 <mss 1000>\n"
    "+0 > S. 0:0(0) ack 1 <mss 1460>\n"
    "+.1 < . 1:1(0) ack 1 win 32792\n"
    "+0 accept(3, ..., ...) = 4\n";

Outcome run(const std::string& text) {
  DrillOptions options;
  options.name = "x.pkt";
  options.text = text;
  return drill(options);
}

Outcome after_accept(const std::string& text) {
  return run(std::string(kListen) + kAccepted + text);
}

TEST(Drill, a_script_that_is_right_passes) {
  const Outcome outcome = after_accept("+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n");
  EXPECT_EQ(outcome.verdict, Verdict::kPassed) << outcome.text;
}

TEST(Drill, a_packet_that_differs_is_told_with_both_and_the_line) {
  const Outcome outcome = after_accept("+0 write(4, ..., 100) = 100\n+0 > . 1:101(100) ack 2\n");
  ASSERT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_THAT(outcome.text, HasSubstr("x.pkt:9: error handling packet: live packet field tcp_psh: "
                                      "expected: 0 (0x0) vs actual: 1 (0x1)"));
  EXPECT_THAT(outcome.text, HasSubstr("and: live packet field tcp_ack_seq: expected: 2 (0x2)"));
  EXPECT_THAT(outcome.text, HasSubstr("script packet:  0.100008 . 1:101(100) ack 2"));
  EXPECT_THAT(outcome.text, HasSubstr("actual packet:  0.100007 P. 1:101(100) ack 1"));
  EXPECT_THAT(outcome.text, HasSubstr("script line: +0 > . 1:101(100) ack 2"));
}

TEST(Drill, a_packet_that_comes_at_another_time_is_told) {
  EXPECT_THAT(after_accept("+0 write(4, ..., 100) = 100\n+.1 > P. 1:101(100) ack 1\n").text,
              HasSubstr("timing error: expected outbound packet at 0.200008 sec but happened at "
                        "0.100007 sec; tolerance 0.012500 sec"));
  EXPECT_THAT(after_accept("+0~+1 > P. 1:101(100) ack 1\n").text,
              HasSubstr("Timed out waiting for packet (until 3.100007 sec)"));
}

TEST(Drill, results_and_errno_are_compared) {
  EXPECT_THAT(after_accept("+0 write(4, ..., 100) = 99\n").text,
              HasSubstr("x.pkt:8: runtime error in write call: Expected result 99 but got 100"));
  EXPECT_THAT(after_accept("+0 setsockopt(4, SOL_TCP, TCP_MAXSEG, [1], 4) = -1 EPERM (x)\n").text,
              HasSubstr("Expected errno 1 (EPERM: Operation not permitted) but got 22 (EINVAL"));
  EXPECT_THAT(after_accept("+0 read(7, ..., 1) = 0\n").text, HasSubstr("no open descriptor 7"));
  EXPECT_THAT(after_accept("+0 frobnicate(4) = 0\n").text, HasSubstr("unknown system call"));
  EXPECT_THAT(after_accept("+0 shutdown(4, SHUT_X) = 0\n").text,
              HasSubstr("unknown symbol: 'SHUT_X'"));
}

TEST(Drill, a_call_that_blocks_needs_a_time) {
  EXPECT_THAT(after_accept("+0 read(4, ..., 1) = 1\n").text,
              HasSubstr("runtime error in read call: it blocks"));
  const char* data = "+.2 < P. 1:2(1) ack 1 win 32792\n+0 > . 1:1(0) ack 2\n";
  EXPECT_EQ(after_accept(std::string("+0...0.2 read(4, ..., 1) = 1\n") + data).verdict,
            Verdict::kPassed);
  EXPECT_THAT(
      after_accept(std::string("+0...0.5 read(4, ..., 1) = 1\n") + data).text,
      HasSubstr("expected system call return at 0.600007 sec but happened at 0.300008 sec"));
  EXPECT_THAT(after_accept("+0...0.5 read(4, ..., 1) = 1\n").text, HasSubstr("still blocks"));
}

TEST(Drill, what_can_not_be_run_here_is_skipped_with_its_reason) {
  for (const char* text :
       {"0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n", "0 pipe([3, 4]) = 0\n",
        "`iptables -A INPUT -j DROP`\n0 listen(3, 1) = 0\n", "--wire_client\n0 listen(3, 1) = 0\n",
        "0 > S 0:0(0) <md5 00>\n", "`sysctl net.ipv4.tcp_retries2=9999`\n0 listen(3, 1) = 0\n"}) {
    const Outcome outcome = run(text);
    EXPECT_EQ(outcome.verdict, Verdict::kSkipped) << text << outcome.text;
    EXPECT_FALSE(outcome.text.empty());
  }
}

TEST(Drill, what_is_no_script_is_told_with_line_and_column) {
  const Outcome outcome = run("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind 3\n");
  EXPECT_EQ(outcome.verdict, Verdict::kBroken);
  EXPECT_EQ(outcome.text, "x.pkt:2:9: expected '(', found '3'");
  EXPECT_EQ(run("--frob=1\n0 listen(3, 1) = 0\n").text,
            "x.pkt:1: expected an option of packet scripts, found --frob");
}

TEST(Drill, times_must_begin_at_zero_and_go_on) {
  EXPECT_THAT(run("1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n").text,
              HasSubstr("first event should be at time 0"));
  EXPECT_THAT(run("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n2 listen(3, 1) = 0\n"
                  "1 close(3) = 0\n")
                  .text,
              HasSubstr("time goes backward in script"));
}

TEST(Drill, commands_set_the_stack_s_knobs) {
  const std::string text = std::string("`sysctl -q net.ipv4.tcp_window_scaling=0`\n") + kListen +
                           "+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>\n"
                           "+0 > S. 0:0(0) ack 1 <mss 1460>\n";
  EXPECT_EQ(run(text).verdict, Verdict::kPassed) << run(text).text;
}

TEST(Drill, knobs_set_from_outside_hold_until_the_script_sets_them) {
  DrillOptions options;
  options.name = "x.pkt";
  options.tuning.tcp_window_scaling = 0;
  const std::string handshake = std::string(kListen) +
                                "+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>\n"
                                "+0 > S. 0:0(0) ack 1 ";
  options.text = handshake + "<mss 1460>\n";
  EXPECT_EQ(drill(options).verdict, Verdict::kPassed) << drill(options).text;
  options.text =
      "`sysctl -q net.ipv4.tcp_window_scaling=1`\n" + handshake + "<mss 1460,nop,wscale 7>\n";
  EXPECT_EQ(drill(options).verdict, Verdict::kPassed) << drill(options).text;
}

// A measured round trip is longer by the events in it: a script that does nothing else between a
// packet and its answer measures a shorter one, as with a tool that runs in real time.
TEST(Drill, an_event_takes_a_microsecond) {
  if (!PythonCode::available()) GTEST_SKIP() << "python3 is missing";
  const Outcome outcome = after_accept(
      "+0 write(4, ..., 100) = 100\n"
      "+0 > P. 1:101(100) ack 1\n"
      "+.01 < . 1:1(0) ack 101 win 32792\n"
      "+0 %{ assert tcpi_min_rtt == 10002, tcpi_min_rtt }%\n");
  EXPECT_EQ(outcome.verdict, Verdict::kPassed) << outcome.text;
}

TEST(Drill, code_sees_tcp_info) {
  if (!PythonCode::available()) GTEST_SKIP() << "python3 is missing";
  EXPECT_EQ(after_accept("+0 %{ assert tcpi_state == TCP_ESTABLISHED }%\n").verdict,
            Verdict::kPassed);
  const Outcome outcome = after_accept("+0 %{ assert tcpi_snd_mss == 77, tcpi_snd_mss }%\n");
  EXPECT_EQ(outcome.verdict, Verdict::kFailed);
  EXPECT_THAT(outcome.text, HasSubstr("x.pkt:8: error in Python code"));
  EXPECT_THAT(outcome.text, HasSubstr("AssertionError: 1000"));
}

TEST(Drill, the_same_seed_gives_the_same_packets) {
  const auto captured = [](std::uint64_t seed) {
    ScriptCapture capture;
    DrillOptions options;
    options.text = std::string(kListen) + kAccepted;
    options.seed = seed;
    options.capture = &capture;
    EXPECT_EQ(drill(options).verdict, Verdict::kPassed);
    return std::vector<std::uint8_t>(capture.bytes().begin(), capture.bytes().end());
  };
  EXPECT_EQ(captured(7), captured(7));
  EXPECT_NE(captured(7), captured(8));
}

// --- commands

struct Settings {
  std::vector<std::string> set;
  tl::expected<void, std::string> run(const std::string& text) {
    Commands commands(
        "/nowhere",
        {[this](const std::string& name,
                const std::string& value) -> tl::expected<void, std::string> {
           set.push_back(name + "=" + value);
           return {};
         },
         [](const std::string& name) -> std::uint64_t { return name == "TcpExtSome" ? 1 : 0; }});
    return commands.run(text);
  }
};

TEST(Commands, assignments_in_all_their_forms) {
  Settings settings;
  const auto ran = settings.run(
      "sysctl -q net.ipv4.tcp_sack=0 net/ipv4/tcp_dsack=1 # a comment\n"
      "../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0 \\\n"
      "   /proc/sys/net/ipv4/tcp_fastopen=0x70403 > /dev/null 2>&1\n"
      "echo 5 > /proc/sys/net/ipv4/tcp_syn_retries; sysctl net.ipv4.tcp_no_such_knob=1\n"
      "sysctl -q net.ipv4.tcp_rmem=\"4096 540000 $((15*1024*1024))\"");
  ASSERT_TRUE(ran.has_value()) << ran.error();
  EXPECT_EQ(settings.set,
            (std::vector<std::string>{"tcp_sack=0", "tcp_dsack=1", "tcp_timestamps=0",
                                      "tcp_fastopen=3", "tcp_syn_retries=5",
                                      "tcp_rmem_default=540000", "tcp_rmem_max=15728640"}));
}

TEST(Commands, the_usual_defaults_are_known) {
  Settings settings;
  ASSERT_TRUE(settings.run("../../common/defaults.sh").has_value());
  EXPECT_THAT(settings.set, testing::Contains("tcp_ecn=0"));
  EXPECT_THAT(settings.set, testing::Contains("tcp_rmem_max=15728640"));
}

TEST(Commands, what_means_nothing_here_and_what_cannot_be_done) {
  Settings settings;
  EXPECT_TRUE(settings.run("ip tcp_metrics flush all > /dev/null 2>&1").has_value());
  EXPECT_TRUE(settings.run("tc qdisc add dev tun0 root pfifo").has_value());
  EXPECT_TRUE(settings.run("/tmp/sysctl_restore_${PPID}.sh").has_value());
  EXPECT_TRUE(settings.run("nstat | grep TcpExtSome > /dev/null").has_value());
  EXPECT_FALSE(settings.run("nstat | grep TcpExtOther > /dev/null").has_value());
  EXPECT_FALSE(settings.run("tc qdisc replace dev tun0 root fq").has_value());
  EXPECT_FALSE(settings.run("ip route change 192.0.2.1 initcwnd 3").has_value());
  EXPECT_FALSE(settings.run("cat $(ls)").has_value());
  EXPECT_FALSE(settings.run("./other.sh").has_value());
  EXPECT_TRUE(settings.set.empty());
}

TEST(ShellWords, quotes_and_arithmetic) {
  const auto commands = shell_commands("a 'b c' \"d $((1+2*(3+4)))\" e\\ f && g || h | i >> j");
  ASSERT_TRUE(commands.has_value());
  ASSERT_EQ(commands->size(), 4u);
  EXPECT_EQ((*commands)[0].words, (std::vector<std::string>{"a", "b c", "d 15", "e f"}));
  EXPECT_TRUE((*commands)[2].piped);
  EXPECT_EQ((*commands)[3].output, "j");
  EXPECT_FALSE(shell_commands("a 'b").has_value());
  EXPECT_FALSE(shell_commands("a $((1/0))").has_value());
}

}  // namespace
}  // namespace estab::lab
