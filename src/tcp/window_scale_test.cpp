// RFC 7323 2: window scaling, and windows that shrink.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

tcp::Info look(OneEnd& c) { return c.c.info(c.world.tuning, c.world.now); }

wire::TcpOptions scale(std::uint8_t shift) { return {.mss = 1000, .window_scale = shift}; }

// proves: RFC7323-2.2-1, RFC7323-2.2-2, RFC7323-2.2-6, RFC7323-2.3-2
TEST(WindowScale, a_syn_offers_it_and_is_not_scaled) {
  OneEnd c;
  c.settings.receive_buffer = 1 << 20;
  c.open_active();
  const wire::Segment syn = c.expect_one();
  ASSERT_TRUE(syn.options.window_scale);
  EXPECT_GT(*syn.options.window_scale, 0);
  EXPECT_EQ(syn.window, 65535);
  EXPECT_EQ(look(c).rcv_wnd_shift, *syn.options.window_scale);

  OneEnd small;
  small.settings.receive_buffer = 10000;
  small.world.tuning.tcp_rmem_max = 10000;
  small.open_active();
  ASSERT_TRUE(small.expect_one().options.window_scale);
}

// proves: RFC7323-2.2-3, RFC7323-2.2-4, RFC7323-2.3-1, RFC7323-2.3-3
TEST(WindowScale, needs_both_syns) {
  for (const bool active : {true, false}) {
    for (const bool offered : {true, false}) {
      OneEnd c;
      const wire::TcpOptions o = offered ? scale(3) : wire::TcpOptions{.mss = 1000};
      if (active) {
        c.establish(o);
      } else {
        c.open_passive();
        c.inject({.flags = kSyn, .seq = OneEnd::kIrs, .options = o});
        EXPECT_EQ(c.expect_one().options.window_scale.has_value(), offered);
        c.inject({.seq = OneEnd::kIrs + 1, .ack = kUna});
      }
      EXPECT_EQ(look(c).snd_wnd_shift, offered ? 3 : 0);
      EXPECT_EQ(look(c).window_scaling, offered);
      if (!offered) {
        EXPECT_EQ(look(c).rcv_wnd_shift, 0);
      }
    }
  }
}

// proves: RFC7323-2.2-5
TEST(WindowScale, on_a_segment_without_syn_it_is_ignored) {
  OneEnd c;
  c.establish(scale(2), 1000);
  c.inject({.seq = c.peer_next, .ack = kUna, .window = 100, .options = {.window_scale = 7}});
  EXPECT_EQ(look(c).snd_wnd_shift, 2);
  EXPECT_EQ(look(c).snd_wnd, 400u);
}

// proves: RFC7323-2.2-6, RFC7323-2.3-4
TEST(WindowScale, what_arrives_is_shifted_left_but_a_syn) {
  OneEnd c;
  c.establish(scale(4), 1000);
  EXPECT_EQ(look(c).snd_wnd, 1000u);  // the SYN,ACK's
  c.inject({.seq = c.peer_next, .ack = kUna, .window = 1000});
  EXPECT_EQ(look(c).snd_wnd, 16000u);
}

// proves: RFC7323-2.3-5, RFC7323-2.2-6
TEST(WindowScale, what_is_sent_is_shifted_right_but_a_syn) {
  OneEnd c;
  c.settings.receive_buffer = 1 << 20;
  c.open_passive();
  c.inject({.flags = kSyn, .seq = OneEnd::kIrs, .options = scale(0)});
  EXPECT_EQ(c.expect_one().window, 65535);
  c.inject({.seq = OneEnd::kIrs + 1, .ack = kUna});
  c.drop_output();
  c.inject({.seq = OneEnd::kIrs + 1, .ack = kUna, .size = 1000});
  const wire::Segment s = c.take().back();
  const std::int64_t unit = std::int64_t{1} << look(c).rcv_wnd_shift;
  EXPECT_EQ(s.window * unit, std::int64_t{look(c).rcv_wnd});
  EXPECT_NEAR(static_cast<double>(s.window * unit), (1 << 20) - 1000, 2000);
}

// proves: RFC7323-2.3-6, RFC7323-2.3-8
TEST(WindowScale, no_more_than_14) {
  OneEnd c;
  c.world.tuning.tcp_rmem_max = std::int64_t{1} << 31;
  c.settings.receive_buffer = std::size_t{1} << 31;
  c.open_active();
  EXPECT_LE(*c.expect_one().options.window_scale, 14);
  c.inject({.flags = kSyn | kAck, .seq = OneEnd::kIrs, .ack = kUna, .options = scale(15)});
  EXPECT_EQ(look(c).snd_wnd_shift, 14);
}

// proves: RFC7323-2.4-2, RFC7323-2.4-3
TEST(WindowScale, what_was_offered_once_is_still_taken) {
  OneEnd c;
  c.settings.receive_buffer = 300000;
  c.establish(scale(0));
  // Many small segments: each ACK rounds the window, and none takes back what another gave.
  std::uint32_t furthest = 0;
  const auto note = [&] {
    for (const auto& s : c.take()) {
      furthest =
          std::max(furthest, s.ack.value + (std::uint32_t{s.window} << look(c).rcv_wnd_shift));
    }
  };
  std::uint32_t seq = c.peer_next;
  for (int i = 0; i < 50; ++i, seq += 3) {
    c.inject({.seq = seq, .ack = kUna, .text = "abc"});
    note();
  }
  ASSERT_GT(furthest, seq);
  c.inject({.seq = furthest - 5, .ack = kUna, .text = "hello"});  // its last five octets
  EXPECT_EQ(c.world.count(Counter::EstabSeqOutOfWindow), 0u);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPOFOQueue), 1u);
}

// proves: RFC7323-2.4-1, RFC7323-2.4-4, RFC7323-2.4-5
TEST(WindowScale, nothing_is_sent_beyond_the_window_announced_last) {
  OneEnd c;
  c.establish({.mss = 1000}, 5000);
  ASSERT_TRUE(c.send(std::string(10000, 'x')));
  EXPECT_EQ(c.take().size(), 5u);
  c.inject({.seq = c.peer_next, .ack = kUna + 1000, .window = 1500});  // shrinks to 2500
  c.expect_silence();
  for (int i = 0; i < 4; ++i) {
    c.run_until(c.c.deadline());
    for (const auto& s : c.take()) {
      EXPECT_LE(s.seq.value + s.payload.size(), kUna + 2500);  // retransmissions
    }
  }
}

}  // namespace
}  // namespace estab::testing
