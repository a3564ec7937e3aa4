// RFC 5961: blind RSTs, SYNs and data; and the limit of the answers.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

// proves: RFC5961-3.2-1, RFC5961-3.2-2, RFC5961-3.2-3, RFC5961-3.2-4
TEST(Challenge, a_reset_counts_at_one_number_alone) {
  for (const State s : {State::Established, State::FinWait1, State::FinWait2, State::CloseWait,
                        State::Closing, State::LastAck}) {
    OneEnd c;
    c.world.tuning.tcp_invalid_ratelimit = 0;
    c.reach(s);
    const std::uint32_t window = c.c.info(c.world.tuning, c.world.now).rcv_wnd;
    for (const std::uint32_t at : {1u, window - 1}) {
      c.inject({.flags = kRst, .seq = c.peer_next + at, .text = "x"});
      const wire::Segment answer = c.expect_one();
      EXPECT_EQ(answer.flags, kAck);
      EXPECT_EQ(answer.ack.value, c.peer_next);
      EXPECT_EQ(c.c.state(), s);
    }
    for (const std::uint32_t at : {0xffffffffu, window, window + 5000}) {
      c.inject({.flags = kRst, .seq = c.peer_next + at});
      c.expect_silence();
      EXPECT_EQ(c.c.state(), s);
    }
    EXPECT_EQ(c.receive(), "");
    c.inject({.flags = kRst, .seq = c.peer_next});
    EXPECT_EQ(c.c.state(), State::Closed);
    c.expect_silence();
  }
}

// proves: RFC5961-3.2-5
TEST(Challenge, in_syn_sent_a_reset_has_to_acknowledge_the_syn) {
  OneEnd c;
  c.reach(State::SynSent);
  c.inject({.flags = kRst, .seq = 0});
  c.inject({.flags = kRst | kAck, .seq = 0, .ack = OneEnd::kIss});
  c.inject({.flags = kRst | kAck, .seq = 0, .ack = kUna + 1});
  c.expect_silence();
  EXPECT_EQ(c.c.state(), State::SynSent);
  c.inject({.flags = kRst | kAck, .seq = 0, .ack = kUna});
  EXPECT_EQ(c.c.state(), State::Closed);
}

// proves: RFC5961-4.2-1, RFC5961-4.2-2, RFC5961-4.2-3
TEST(Challenge, a_syn_is_asked_back_and_a_true_restart_answers) {
  for (const std::uint32_t at : {0u, 100u, 0x40000000u, 0xfffff000u}) {
    for (const wire::Flags flags : {wire::Flags{kSyn}, static_cast<wire::Flags>(kSyn | kAck)}) {
      OneEnd c;
      c.establish();
      c.inject({.flags = flags, .seq = c.peer_next + at, .ack = kUna, .text = "x"});
      const wire::Segment answer = c.expect_one();
      EXPECT_EQ(answer.flags, kAck);
      EXPECT_EQ(answer.ack.value, c.peer_next);
      EXPECT_EQ(c.c.state(), State::Established);
      EXPECT_EQ(c.receive(), "");
      // The peer did restart: it answers what it does not know by a RST of just that number.
      c.inject({.flags = kRst, .seq = answer.ack.value});
      EXPECT_EQ(c.c.state(), State::Closed);
    }
  }
}

// proves: RFC5961-5.2-1, RFC5961-5.2-2
TEST(Challenge, data_counts_only_with_a_likely_ack) {
  OneEnd c;
  c.world.tuning.tcp_invalid_ratelimit = 0;
  c.establish({.mss = 1000}, 8000);
  for (std::uint32_t i = 0; i < 20; ++i) {  // 20000 octets acknowledged
    ASSERT_TRUE(c.send(std::string(1000, 'x')));
    c.inject({.seq = c.peer_next, .ack = kUna + (i + 1) * 1000, .window = 8000});
  }
  c.drop_output();
  const std::uint32_t una = kUna + 20000;
  for (const std::uint32_t wrong : {una + 1, una - 8001, una + 0x7000000}) {
    c.inject({.seq = c.peer_next, .ack = wrong, .window = 8000, .text = "forged"});
    EXPECT_EQ(c.expect_one().ack.value, c.peer_next);
    EXPECT_EQ(c.receive(), "");
  }
  EXPECT_EQ(c.world.count(Counter::EstabAckOutOfRange), 3u);
  c.inject({.seq = c.peer_next, .ack = una - 8000, .window = 8000, .text = "old"});
  EXPECT_EQ(c.receive(), "old");
}

// proves: RFC5961-7-1, RFC5961-7-2
TEST(Challenge, are_limited_by_two_knobs) {
  const auto answers = [](std::int64_t per_second, std::int64_t apart_ms) {
    OneEnd c;
    c.world.tuning.tcp_challenge_ack_limit = per_second;
    c.world.tuning.tcp_invalid_ratelimit = apart_ms;
    c.establish();
    for (int i = 0; i < 1000; ++i) {
      c.inject({.flags = kRst, .seq = c.peer_next + 1});
      c.run(1ms);
    }
    return c.take().size();
  };
  EXPECT_LE(answers(1000, 100), 11u);  // the connection's own: so many milliseconds apart
  EXPECT_GE(answers(1000, 100), 9u);
  EXPECT_LE(answers(10, 0), 30u);  // the stack's: so many a second, with jitter
  EXPECT_GE(answers(1000000, 0), 900u);
  EXPECT_EQ(answers(0, 0), 0u);
}

}  // namespace
}  // namespace estab::testing
