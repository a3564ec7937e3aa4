// The receive side: acknowledgment, window, urgent data, keep-alive, PAWS.
// RFC 9293 3.8.4 to 3.8.6, RFC 7323, RFC 2018, RFC 6093.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

void past_quick_acks(OneEnd& c) {
  for (int i = 0; i < 16; ++i) {
    c.inject({.seq = c.peer_next, .ack = kUna, .text = "q"});
    ++c.peer_next;
    c.receive();
  }
  c.drop_output();
}

// proves: MUST-40, SHLD-18, RFC5681-4.2-1, RFC5681-4.2-3
TEST(Ack, MUST_40_is_delayed_and_not_for_long) {
  OneEnd c;
  c.establish();
  past_quick_acks(c);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "x"});
  c.expect_silence();
  c.run(499ms);
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 1);
}

// proves: RFC5681-4.2-2
TEST(Ack, SHLD_19_every_second_full_segment) {
  OneEnd c;
  c.establish();
  past_quick_acks(c);
  c.inject({.seq = c.peer_next, .ack = kUna, .size = 1000});
  c.drop_output();
  c.run(1s);
  c.drop_output();
  c.peer_next += 1000;
  c.inject({.seq = c.peer_next, .ack = kUna, .size = 1000});
  c.expect_silence();
  c.inject({.seq = c.peer_next + 1000, .ack = kUna, .size = 1000});
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 2000);
}

TEST(Ack, MUST_58_and_MUST_59_one_ack_for_a_batch) {
  OneEnd c;
  c.establish();
  std::vector<Peer> batch;
  for (std::uint32_t i = 0; i < 20; ++i) {
    batch.push_back({.seq = c.peer_next + i * 1000, .ack = kUna, .size = 1000});
  }
  c.inject_batch(batch);
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 20000);
}

// proves: SHLD-31, MAY-13, RFC2018-4-3, RFC5681-3.2-1
TEST(Ack, SHLD_31_and_MAY_13_out_of_order_is_kept_and_told) {
  OneEnd c;
  c.establish({.sack_permitted = true});
  c.inject({.seq = c.peer_next + 5, .ack = kUna, .text = "world"});
  wire::Segment dup = c.expect_one();
  EXPECT_EQ(dup.ack.value, c.peer_next);
  ASSERT_EQ(dup.options.sack_count, 1);
  EXPECT_EQ(dup.options.sack[0].begin.value, c.peer_next + 5);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "hello"});
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next + 10);
  EXPECT_EQ(c.receive(), "helloworld");
}

TEST(Ack, a_duplicate_is_reported_by_d_sack) {  // RFC 2883
  OneEnd c;
  c.establish({.sack_permitted = true});
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "hello"});
  c.drop_output();
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "hello"});
  const wire::Segment s = c.expect_one();
  ASSERT_EQ(s.options.sack_count, 1);
  EXPECT_EQ(s.options.sack[0], (wire::SackBlock{WireSeq{c.peer_next}, WireSeq{c.peer_next + 5}}));
}

TEST(Ack, only_the_new_part_of_a_straddling_segment_is_taken) {
  OneEnd c;
  c.establish();
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "abc"});
  c.inject({.seq = c.peer_next + 1, .ack = kUna, .text = "bcdef"});
  EXPECT_EQ(c.receive(), "abcdef");
}

TEST(Ack, out_of_order_pieces_are_bounded) {  // SegmentSmack
  OneEnd c;
  c.world.tuning.tcp_max_reordering_pieces = 10;
  c.establish();
  for (std::uint32_t i = 0; i < 50; ++i) {
    c.inject({.seq = c.peer_next + 1 + 2 * i, .ack = kUna, .text = "x"});
  }
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPOFODrop), 40u);
}

// proves: MUST-39, SHLD-14, MAY-8
TEST(ReceiveWindow, MUST_39_and_SHLD_14_opens_by_a_worthwhile_step_and_never_shrinks) {
  OneEnd c;
  c.settings.receive_buffer = 10000;
  c.establish({.mss = 1000});
  std::uint32_t edge = c.peer_next + 10000;
  std::uint32_t sent = 0;
  while (sent < 10000) {
    c.inject({.seq = c.peer_next + sent, .ack = kUna, .size = 1000});
    sent += 1000;
    for (const auto& s : c.take()) {
      EXPECT_EQ(s.ack.value + s.window, edge);  // the right edge stands still
    }
  }
  c.receive(100);  // 100 octets free: not worth telling
  c.expect_silence();
  c.inject({.seq = c.peer_next + sent, .ack = kUna, .text = "p"});  // a probe
  EXPECT_EQ(c.expect_one().window, 0);
  c.receive(5000);
  EXPECT_GE(c.expect_one().window, 5000);  // now it is
}

TEST(ReceiveWindow, no_update_for_the_scaled_window_alone) {
  // After a SYN's unscaled window the buffer has more to offer; that is worth no segment of its own.
  OneEnd c;
  c.settings.receive_buffer = 1 << 20;
  c.open_passive();
  c.inject({.flags = kSyn, .seq = OneEnd::kIrs, .options = {.window_scale = 7}});
  c.drop_output();
  c.inject({.seq = OneEnd::kIrs + 1, .ack = kUna});
  EXPECT_EQ(c.c.state(), State::Established);
  c.expect_silence();
}

TEST(ReceiveWindow, MUST_66_reset_and_urg_count_at_a_closed_window) {
  OneEnd c;
  c.settings.receive_buffer = 2304;
  c.establish();
  c.inject({.seq = c.peer_next, .ack = kUna, .size = 2304});
  EXPECT_EQ(c.take().back().window, 0);
  const std::uint32_t next = c.peer_next + 2304;
  c.inject({.flags = kAck | kUrg, .seq = next, .ack = kUna, .text = "u", .urgent = 1});
  EXPECT_TRUE(c.c.readiness() & tcp::kUrgent);
  c.inject({.flags = kRst, .seq = next});
  EXPECT_EQ(c.c.state(), State::Closed);
}

// proves: MUST-30, MUST-62, RFC6093-4-1, RFC6093-5-1
TEST(Urgent, MUST_30_and_MUST_62_pointer_names_the_octet_after) {
  OneEnd c;
  c.establish();
  ASSERT_TRUE(c.send("abc!", true));
  const wire::Segment s = c.expect_one();
  EXPECT_TRUE(s.has(kUrg));
  EXPECT_EQ(s.urgent, 4);
}

// proves: MUST-31, MUST-32, MUST-33, RFC6093-2.3-1, RFC6093-5-1
TEST(Urgent, MUST_31_and_MUST_32_and_MUST_33_told_and_found) {
  OneEnd c;
  c.establish();
  c.inject({.flags = kAck | kUrg, .seq = c.peer_next, .ack = kUna, .urgent = 3000});
  EXPECT_TRUE(c.c.readiness() & tcp::kUrgent);  // announced before it is here
  auto cx = c.world.context();
  EXPECT_EQ(c.c.receive_urgent(false, cx).error().value(), EAGAIN);
  c.inject({.flags = kAck | kUrg, .seq = c.peer_next, .ack = kUna, .text = "ab!cd", .urgent = 3});
  // The pointer only advances: 3000 stands.
  EXPECT_FALSE(c.c.at_mark());
  OneEnd d;
  d.establish();
  d.inject({.flags = kAck | kUrg, .seq = d.peer_next, .ack = kUna, .text = "ab!cd", .urgent = 3});
  EXPECT_EQ(d.receive(), "ab");  // stops at the mark
  EXPECT_TRUE(d.c.at_mark());
  auto dx = d.world.context();
  EXPECT_EQ(*d.c.receive_urgent(false, dx), '!');
  EXPECT_FALSE(d.c.readiness() & tcp::kUrgent);
  EXPECT_EQ(d.receive(), "cd");
}

// proves: RFC6093-6-1
TEST(Urgent, inline_data_stays_in_the_stream) {
  OneEnd c;
  c.settings.oob_inline = true;
  c.establish();
  c.inject({.flags = kAck | kUrg, .seq = c.peer_next, .ack = kUna, .text = "ab!cd", .urgent = 3});
  EXPECT_EQ(c.receive(), "ab");
  EXPECT_EQ(c.receive(), "!cd");
}

TEST(Urgent, a_pointer_to_nowhere_is_ignored) {  // URGENT/11
  for (const int s : {1, 4, 5, 6, 7, 8, 9, 10}) {
    for (const std::uint16_t up : std::vector<std::uint16_t>{0, 1, 65535}) {
      OneEnd c;
      c.reach(static_cast<State>(s));
      c.inject({.flags = kAck | kUrg, .seq = c.peer_next, .ack = kUna, .urgent = up});
      c.receive();
    }
  }
  OneEnd c;
  c.establish();
  c.inject({.flags = kAck | kUrg, .seq = c.peer_next, .ack = kUna, .text = "abc", .urgent = 0});
  EXPECT_EQ(c.receive(), "abc");
  EXPECT_EQ(c.world.count(Counter::EstabUrgentIgnored), 1u);
}

// proves: MUST-24, MUST-25, MUST-26, MUST-27, MUST-28, MUST-29, SHLD-12, MAY-5
TEST(KeepAlive, MUST_25_and_MUST_28_off_by_default_and_two_hours) {
  OneEnd c;
  c.establish();
  c.run(72h);
  c.expect_silence();
  EXPECT_GE(Tuning{}.tcp_keepalive_time, 7200);

  OneEnd d;
  d.settings.keep_alive = true;
  d.establish();
  d.run(7199s);
  d.expect_silence();
  d.run(1s);
  const wire::Segment probe = d.expect_one();
  EXPECT_EQ(probe.seq.value, kUna - 1);
  EXPECT_EQ(probe.payload.size(), 0u);  // SHLD-12
}

TEST(KeepAlive, MUST_26_only_when_idle_MUST_29_not_dead_by_one_probe) {
  OneEnd c;
  c.settings.keep_alive = true;
  c.settings.keep_idle = 10s;
  c.settings.keep_interval = 1s;
  c.settings.keep_count = 3;
  c.establish();
  c.run(9s);
  c.inject({.seq = c.peer_next, .ack = kUna});  // heard of: the clock starts anew
  c.run(9s);
  c.expect_silence();
  c.run(1s);
  c.drop_output();
  c.run(1s);
  EXPECT_EQ(c.take().size(), 1u);  // the second probe; the first went unanswered
  c.inject({.seq = c.peer_next, .ack = kUna});
  c.run(9s);
  EXPECT_EQ(c.c.state(), State::Established);
  c.run(30s);
  EXPECT_EQ(c.c.state(), State::Closed);  // three in a row
  EXPECT_EQ(c.c.take_error(), ETIMEDOUT);
  EXPECT_TRUE(c.take().back().has(kRst));
}

TEST(KeepAlive, a_probe_is_answered) {
  OneEnd c;
  c.establish();
  c.inject({.seq = c.peer_next - 1, .ack = kUna});
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next);
}

// proves: RFC7323-5.3-2, RFC7323-5.5-1
TEST(Timestamps, paws_drops_the_old_and_tells_the_sender) {  // RFC 7323 5.3
  OneEnd c;
  c.establish({.timestamps = wire::Timestamps{1000, 0}});
  c.inject({.seq = c.peer_next,
            .ack = kUna,
            .text = "x",
            .options = {.timestamps = wire::Timestamps{999, 0}}});
  EXPECT_EQ(c.world.count(Counter::TcpExtPAWSEstab), 1u);
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next);
  c.run(600h);  // 24 days on, TS.Recent is no longer trusted
  c.inject({.seq = c.peer_next,
            .ack = kUna,
            .text = "x",
            .options = {.timestamps = wire::Timestamps{999, 0}}});
  EXPECT_EQ(c.receive(), "x");
}

TEST(Timestamps, a_forged_one_does_not_poison) {  // CVE-2005-0356
  OneEnd c;
  c.establish({.timestamps = wire::Timestamps{1000, 0}});
  // In the window, not at its edge, with an acknowledgment out of range.
  c.inject({.seq = c.peer_next + 100,
            .ack = kUna + 70000,
            .text = "x",
            .options = {.timestamps = wire::Timestamps{0x7000000, 0}}});
  c.drop_output();
  c.inject({.seq = c.peer_next,
            .ack = kUna,
            .text = "y",
            .options = {.timestamps = wire::Timestamps{1001, 0}}});
  EXPECT_EQ(c.receive(), "y");
}

TEST(Window, ghost_acks_are_refused) {  // CVE-2023-52881
  OneEnd c;
  c.establish();
  c.inject({.seq = c.peer_next, .ack = OneEnd::kIss - 1000, .text = "forged"});
  EXPECT_EQ(c.receive(), "");
  EXPECT_EQ(c.world.count(Counter::EstabAckOutOfRange), 1u);
}

}  // namespace
}  // namespace estab::testing
