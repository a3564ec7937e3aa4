// CLOSE, ABORT, TIME-WAIT: RFC 9293 3.6, 3.10.4, 3.10.5; rules L8 to L22.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

TEST(Close, MUST_12_the_application_hears_of_a_reset) {
  OneEnd c;
  c.reach(State::Established);
  c.inject({.flags = kRst, .seq = c.peer_next});
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.receive_error(), ECONNRESET);
  EXPECT_TRUE(c.saw(Rule::L15_Reset));
  c.expect_silence();

  OneEnd d;
  d.reach(State::Established);
  d.inject({.flags = kFin | kAck, .seq = d.peer_next, .ack = kUna});
  EXPECT_TRUE(d.c.readiness() & tcp::kReadClosed);
  EXPECT_EQ(d.receive_error(), 0);  // end of stream
}

TEST(Close, SHLD_2_a_reset_may_carry_data) {
  OneEnd c;
  c.reach(State::Established);
  c.inject({.flags = kRst | kAck, .seq = c.peer_next, .ack = kUna, .text = "because"});
  EXPECT_EQ(c.c.state(), State::Closed);
}

TEST(Close, L16_challenge_ack_for_a_blind_reset_and_syn) {  // RFC 5961 3, 4
  OneEnd c;
  c.reach(State::Established);
  c.inject({.flags = kRst, .seq = c.peer_next + 100});
  EXPECT_EQ(c.c.state(), State::Established);
  EXPECT_EQ(c.expect_one().flags, kAck);
  EXPECT_TRUE(c.saw(Rule::L16_Challenge));
  c.inject({.flags = kSyn, .seq = c.peer_next + 100});
  c.expect_silence();  // rate limited: tcp_invalid_ratelimit
  c.run(501ms);
  c.inject({.flags = kSyn, .seq = c.peer_next + 100});
  EXPECT_EQ(c.expect_one().flags, kAck);
  EXPECT_EQ(c.c.state(), State::Established);
}

TEST(Close, MUST_13_time_wait_lasts_two_msl) {
  OneEnd c;
  c.reach(State::TimeWait);
  c.run(59999ms);
  EXPECT_EQ(c.c.state(), State::TimeWait);
  c.run(1ms);
  EXPECT_EQ(c.c.state(), State::Closed);
}

TEST(Close, L10_a_repeated_fin_starts_two_msl_anew) {
  OneEnd c;
  c.reach(State::TimeWait);
  c.run(50s);
  c.inject({.flags = kFin | kAck, .seq = c.peer_next - 1, .ack = kUna + 1});
  EXPECT_EQ(c.expect_one().ack.value, c.peer_next);
  c.run(59s);
  EXPECT_EQ(c.c.state(), State::TimeWait);
  // With data before it, as a retransmission of both: the end counts.
  c.inject({.flags = kFin | kAck, .seq = c.peer_next - 4, .ack = kUna + 1, .text = "abc"});
  EXPECT_EQ(c.take().size(), 1u);
  c.run(59s);
  EXPECT_EQ(c.c.state(), State::TimeWait);
  EXPECT_TRUE(c.saw(Rule::L10_FinAgain));
}

TEST(Close, L11_old_segments_are_answered_and_do_not_hold_time_wait) {
  OneEnd c;
  c.reach(State::TimeWait);
  for (int i = 0; i < 59; ++i) {
    c.inject({.seq = c.peer_next - 100, .ack = kUna + 1, .text = "old"});
    EXPECT_EQ(c.take().size(), 1u);
    c.run(1s);
  }
  c.run(1s);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_TRUE(c.saw(Rule::L11_OldSegment));
}

TEST(Close, L11r_a_reset_does_not_end_time_wait) {  // RFC 1337
  OneEnd c;
  c.reach(State::TimeWait);
  c.inject({.flags = kRst, .seq = c.peer_next});
  EXPECT_EQ(c.c.state(), State::TimeWait);
  EXPECT_TRUE(c.saw(Rule::L11r_RstIgnored));
  c.world.tuning.tcp_rfc1337 = 0;
  c.inject({.flags = kRst, .seq = c.peer_next});
  EXPECT_EQ(c.c.state(), State::Closed);
}

TEST(Close, simultaneous_close) {
  TwoEnds w;
  w.open();
  ASSERT_TRUE(w.run(5s, [&] { return w.a.state() == State::Established; }));
  auto cx = w.world.context();
  w.a.close(false, cx);
  w.b.close(false, cx);
  w.flush(w.a, false);
  w.flush(w.b, true);
  bool closing = false;
  w.run(5s, [&] {
    closing |= w.a.state() == State::Closing;
    return w.a.state() == State::TimeWait && w.b.state() == State::TimeWait;
  });
  EXPECT_TRUE(closing);
  EXPECT_EQ(w.a.state(), State::TimeWait);
  EXPECT_EQ(w.b.state(), State::TimeWait);
  EXPECT_LT(w.carried, 12u);  // no war of ACKs
}

TEST(Close, L9_a_half_close_waits_without_limit) {
  OneEnd c;
  c.reach(State::FinWait2);
  c.run(24h);
  EXPECT_EQ(c.c.state(), State::FinWait2);
  c.inject({.seq = c.peer_next, .ack = kUna + 1, .text = "late answer"});
  EXPECT_EQ(c.receive(), "late answer");
}

TEST(Close, L8_an_orphan_in_fin_wait_2_ends) {
  OneEnd c;
  c.reach(State::FinWait2);
  c.close();
  c.run(60s);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_TRUE(c.saw(Rule::L8_FinWait2Timeout));
  EXPECT_EQ(c.world.count(Counter::EstabFinWait2Timeout), 1u);
}

TEST(Close, L17_linger_zero_resets) {
  OneEnd c;
  c.reach(State::Established);
  c.close(true);
  const wire::Segment s = c.expect_one();
  EXPECT_EQ(s.flags, kRst | kAck);
  EXPECT_EQ(s.seq.value, kUna);
  EXPECT_EQ(c.c.state(), State::Closed);
}

TEST(Close, SHLD_3_and_L18_unread_data_turns_the_fin_into_a_reset) {
  OneEnd c;
  c.reach(State::Established);
  c.inject({.seq = c.peer_next, .ack = kUna, .text = "never read"});
  c.drop_output();
  c.close();
  EXPECT_EQ(c.expect_one().flags, kRst | kAck);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPAbortOnClose), 1u);
}

TEST(Close, MAY_1_and_SHLD_3_and_L19_data_after_close_is_reset) {
  for (const State s : {State::FinWait1, State::FinWait2}) {
    OneEnd c;
    c.reach(s);
    c.close();
    c.drop_output();
    c.inject({.seq = c.peer_next, .ack = s == State::FinWait2 ? kUna + 1 : kUna, .text = "late"});
    EXPECT_EQ(c.c.state(), State::Closed);
    const wire::Segment rst = c.expect_one();
    EXPECT_EQ(rst.flags, kRst);
    EXPECT_EQ(rst.seq.value, s == State::FinWait2 ? kUna + 1 : kUna);  // SEG.ACK: what it waits for
    EXPECT_TRUE(c.saw(Rule::L19_DataAfterClose));
  }
}

TEST(Close, L19_a_fin_beyond_a_gap_tells_of_data) {
  OneEnd c;
  c.reach(State::FinWait1);
  c.close();
  c.drop_output();
  c.inject({.flags = kFin | kAck, .seq = c.peer_next + 100, .ack = kUna + 1});
  EXPECT_EQ(c.expect_one().flags, kRst);
  EXPECT_TRUE(c.saw(Rule::L19_DataAfterClose));
}

TEST(Close, after_shut_rd_and_shut_wr_too) {
  OneEnd c;
  c.reach(State::FinWait2);
  auto cx = c.world.context();
  c.c.shutdown_read(cx);
  c.inject({.seq = c.peer_next, .ack = kUna + 1, .text = "late"});
  EXPECT_TRUE(c.saw(Rule::L19_DataAfterClose));
}

TEST(Close, shut_rd_sends_nothing) {
  OneEnd c;
  c.reach(State::Established);
  auto cx = c.world.context();
  c.c.shutdown_read(cx);
  c.transmit();
  c.expect_silence();
  EXPECT_EQ(c.c.state(), State::Established);
}

TEST(Close, queued_data_goes_before_the_fin) {
  OneEnd c;
  c.establish({.mss = 1000}, 1500);
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.close();
  EXPECT_EQ(c.c.state(), State::FinWait1);
  std::uint32_t end = 0;
  for (int i = 0; i < 20; ++i) {
    for (const auto& s : c.take()) {
      if (s.has(kFin)) end = s.seq.value + s.length();
      c.inject({.seq = c.peer_next, .ack = s.seq.value + s.length(), .window = 1500});
    }
  }
  EXPECT_EQ(end, kUna + 3001);
  EXPECT_EQ(c.c.state(), State::FinWait2);
}

TEST(Close, L22_a_fin_behind_a_zero_window_still_ends) {  // FreeBSD-SA-15:13, sockstress
  for (const bool answers : {false, true}) {
    OneEnd c;
    c.establish({}, 0);
    ASSERT_TRUE(c.send("stuck"));
    c.close();
    EXPECT_EQ(c.c.state(), State::FinWait1);
    for (int i = 0; i < 2000 && c.c.state() != State::Closed; ++i) {
      c.run(5s);
      const bool probed = !c.take().empty();
      if (answers && probed) c.inject({.seq = c.peer_next, .ack = kUna, .window = 0});
    }
    EXPECT_EQ(c.c.state(), State::Closed) << answers;
    EXPECT_TRUE(c.saw(Rule::L21_OrphanLimit) || c.saw(Rule::L22_ClosingBounded));
  }
}

TEST(Close, L22_a_peer_that_trickles_cannot_hold_an_orphan_for_ever) {
  OneEnd c;
  c.establish({.mss = 1000}, 1);
  ASSERT_TRUE(c.send(std::string(80000, 'x')));
  c.close();
  std::uint32_t acked = kUna;
  const Instant start = c.world.now;
  while (c.c.state() != State::Closed && c.world.now - start < 100h) {
    c.run(10s);
    if (!c.take().empty()) {
      c.inject({.seq = c.peer_next, .ack = ++acked, .window = 1});
    }
  }
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_LE(c.world.now - start, 2h);
  EXPECT_TRUE(c.saw(Rule::L22_ClosingBounded));
}

TEST(Close, every_closing_state_ends_though_the_peer_is_gone) {  // L20, L21, L22
  for (const State s : {State::SynReceived, State::Established, State::FinWait1, State::FinWait2,
                        State::CloseWait, State::Closing, State::LastAck, State::TimeWait}) {
    OneEnd c;
    c.reach(s);
    c.close();
    c.run(2h);
    EXPECT_EQ(c.c.state(), State::Closed) << rfc_name(s);
    EXPECT_EQ(c.c.deadline(), kNever) << rfc_name(s);
  }
}

TEST(Close, a_close_in_syn_received_with_queued_data_waits_for_established) {  // 3.10.4
  OneEnd c;
  c.open_active();
  c.inject({.flags = kSyn, .seq = 1000});
  ASSERT_TRUE(c.send("data"));
  c.shutdown_write();
  EXPECT_EQ(c.c.state(), State::SynReceived);
  c.drop_output();
  c.inject({.seq = 1001, .ack = 5001});
  EXPECT_EQ(c.c.state(), State::FinWait1);
  const auto out = c.take();
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.back().flags & kFin, kFin);
  EXPECT_EQ(out.front().payload.size(), 4u);
}

TEST(Abort, L17_sends_a_reset_where_the_table_says) {  // 3.10.5
  for (int s = 1; s < kStates; ++s) {
    const auto state = static_cast<State>(s);
    OneEnd c;
    c.reach(state);
    c.abort();
    EXPECT_EQ(c.c.state(), State::Closed);
    const bool sends = state == State::SynReceived || state == State::Established ||
                       state == State::FinWait1 || state == State::FinWait2 ||
                       state == State::CloseWait;
    EXPECT_EQ(c.take().size(), sends ? 1u : 0u) << rfc_name(state);
  }
}

}  // namespace
}  // namespace estab::testing
