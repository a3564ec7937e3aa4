// The send side: RFC 9293 3.7.4, 3.8.1 to 3.8.3, 3.8.6; RFC 5681, 6298, 6675.
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;

TEST(Nagle, SHLD_7_one_small_segment_at_a_time) {
  OneEnd c;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  EXPECT_EQ(c.take().size(), 1u);
  ASSERT_TRUE(c.send("b"));
  ASSERT_TRUE(c.send("c"));
  c.expect_silence();
  c.inject({.seq = c.peer_next, .ack = kUna + 1});
  EXPECT_EQ(c.expect_one().payload.size(), 2u);
}

TEST(Nagle, MUST_17_can_be_disabled) {
  OneEnd c;
  c.settings.no_delay = true;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  ASSERT_TRUE(c.send("b"));
  EXPECT_EQ(c.take().size(), 2u);
}

TEST(Cork, holds_a_part_for_an_rto_of_200_ms) {
  OneEnd c;
  c.settings.cork = true;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  c.expect_silence();
  c.run(199ms);
  c.expect_silence();
  c.run(2ms);
  EXPECT_EQ(c.expect_one().payload.size(), 1u);
}

// proves: MUST-60, MUST-61, SHLD-27, SHLD-28, MAY-16
TEST(Push, PSH_on_the_last_segment_and_full_segments_where_possible) {
  OneEnd c;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send(std::string(2500, 'x')));
  const auto out = c.take();
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0].payload.size(), 1000u);
  EXPECT_FALSE(out[0].has(kPsh));
  EXPECT_FALSE(out[1].has(kPsh));
  EXPECT_TRUE(out[2].has(kPsh));
}

TEST(Sws, MUST_38_a_crumb_of_window_is_not_used) {
  OneEnd c;
  c.establish({.mss = 1000}, 4000);
  ASSERT_TRUE(c.send(std::string(6000, 'x')));
  EXPECT_EQ(c.take().size(), 4u);
  c.inject({.seq = c.peer_next, .ack = kUna + 4000, .window = 10});
  c.expect_silence();  // 10 octets would be silly
  c.run(2s);           // the override timer sends them in the end
  EXPECT_EQ(c.take().front().payload.size(), 10u);
}

TEST(Window, MUST_1_and_REC_1_is_unsigned_and_scaled_to_32_bits) {
  OneEnd c;
  c.establish({.mss = 1000, .window_scale = 14}, 65535);
  c.inject({.seq = c.peer_next, .ack = kUna, .window = 65535});
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).snd_wnd, 65535u << 14);
}

// proves: MUST-34, SHLD-15, SHLD-16, RFC7323-2.4-1
TEST(Window, MUST_34_a_shrinking_window_is_survived) {
  OneEnd c;
  c.establish({.mss = 1000}, 5000);
  ASSERT_TRUE(c.send(std::string(8000, 'x')));
  EXPECT_EQ(c.take().size(), 5u);
  c.inject({.seq = c.peer_next, .ack = kUna + 1000, .window = 1000});  // 3000 are beyond it now
  c.expect_silence();                                                  // no new data
  c.run(3s);
  for (const auto& s : c.take()) {  // only what the window takes is sent again
    EXPECT_LE(s.seq.value + s.payload.size(), kUna + 2000);
  }
  c.inject({.seq = c.peer_next, .ack = kUna + 5000, .window = 5000});
  EXPECT_FALSE(c.take().empty());
}

// proves: MUST-35, MUST-36, MUST-37, SHLD-29, SHLD-30
TEST(ZeroWindow, MUST_36_is_probed_with_back_off_without_end_while_answered) {
  OneEnd c;
  c.establish({.mss = 1000}, 0);
  ASSERT_TRUE(c.send("hello"));
  c.expect_silence();
  const Duration rto = c.c.info(c.world.tuning, c.world.now).rto;
  c.run(rto - 1ms);
  c.expect_silence();
  c.run(1ms);  // SHLD-29: after one RTO
  wire::Segment probe = c.expect_one();
  EXPECT_EQ(probe.payload.size(), 1u);
  EXPECT_EQ(probe.seq.value, kUna);
  Instant last = c.world.now;
  Duration gap{0};
  for (int i = 0; i < 100; ++i) {  // days, the peer answers each time
    c.inject({.seq = c.peer_next, .ack = kUna, .window = 0});
    while (c.world.segments.empty()) c.run_until(c.c.deadline());
    c.drop_output();
    EXPECT_GE(c.world.now - last, gap) << i;
    gap = std::min<Duration>(c.world.now - last, 119s);
    last = c.world.now;
  }
  EXPECT_EQ(c.c.state(), State::Established);
  c.inject({.seq = c.peer_next, .ack = kUna, .window = 1000});
  c.run(1s);
  std::size_t sent = 0;
  for (const auto& s : c.take()) sent = std::max(sent, s.seq.value + s.payload.size() - kUna);
  EXPECT_EQ(sent, 5u);
}

TEST(ZeroWindow, L20_unanswered_probes_end_in_r2) {
  OneEnd c;
  c.establish({.mss = 1000}, 0);
  ASSERT_TRUE(c.send("hello"));
  c.run(2h);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.c.take_error(), ETIMEDOUT);
}

TEST(ZeroWindow, SHLD_17_data_beyond_a_closed_window_does_not_time_out) {
  OneEnd c;
  c.establish({.mss = 1000}, 5000);
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  for (int i = 0; i < 200; ++i) {
    c.inject({.seq = c.peer_next, .ack = kUna, .window = 0});
    c.run(60s);
  }
  EXPECT_EQ(c.c.state(), State::Established);
}

// proves: RFC6298-3-1
TEST(Retransmission, MUST_18_karn) {
  OneEnd c;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  c.run(3s);  // sent again
  EXPECT_GT(c.take().size(), 1u);
  const Duration srtt = c.c.info(c.world.tuning, c.world.now).srtt;
  c.inject({.seq = c.peer_next, .ack = kUna + 1});
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).srtt, srtt);  // no sample of it
  ASSERT_TRUE(c.send("b"));
  c.run(50ms);
  c.inject({.seq = c.peer_next, .ack = kUna + 2});
  EXPECT_NE(c.c.info(c.world.tuning, c.world.now).srtt, srtt);
}

// proves: RFC6298-5-4, RFC5681-3.1-11
TEST(Retransmission, MUST_19_back_off_slow_start_and_congestion_avoidance) {
  OneEnd c;
  c.world.tuning.tcp_mtu_probing = 0;
  c.settings.congestion = tcp::Algorithm::Reno;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send(std::string(40000, 'x')));
  EXPECT_EQ(c.take().size(), 10u);  // RFC 6928's initial window
  for (std::uint32_t i = 1; i <= 10; ++i) c.inject({.seq = c.peer_next, .ack = kUna + i * 1000});
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).snd_cwnd, 20000u);  // slow start doubles
  EXPECT_EQ(c.take().size(), 20u);
  std::vector<Instant> sent;  // now silence: timeouts
  const Instant start = c.world.now;
  while (sent.size() < 5) {
    c.run_until(c.c.deadline());
    if (!c.take().empty()) sent.push_back(c.world.now);
  }
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).snd_cwnd, 1000u);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).snd_ssthresh, 10000u);
  EXPECT_NEAR(static_cast<double>((sent[1] - sent[0]).count()),
              2.0 * static_cast<double>((sent[0] - start).count()), 1e6);
  EXPECT_NEAR(static_cast<double>((sent[2] - sent[1]).count()),
              2.0 * static_cast<double>((sent[1] - sent[0]).count()), 1e6);
}

// proves: MUST-20, SHLD-9, SHLD-10, SHLD-11
TEST(Retransmission, MUST_20_r1_doubts_the_route_and_r2_ends) {
  OneEnd c;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  const Instant start = c.world.now;
  bool doubted = false;
  while (!doubted && c.c.state() != State::Closed) {
    c.run_until(c.c.deadline());
    doubted = c.c.take_doubt();
  }
  EXPECT_TRUE(doubted);
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).retransmits, 3u);
  EXPECT_EQ(c.c.soft_error(), ETIMEDOUT);
  c.run(3h);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_GE(c.c.state_since() - start, 100s);
  EXPECT_EQ(c.c.take_error(), ETIMEDOUT);
  EXPECT_TRUE(c.saw(Rule::L20_TimedOut));
}

TEST(Retransmission, MUST_21_the_application_sets_r2) {  // RFC 5482
  OneEnd c;
  c.settings.user_timeout = 10s;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send("a"));
  c.run(9s);
  EXPECT_EQ(c.c.state(), State::Established);
  c.run(30s);
  EXPECT_EQ(c.c.state(), State::Closed);
}

TEST(Recovery, three_duplicates_repair_at_once) {  // RFC 5681 3.2, RFC 6582
  OneEnd c;
  c.establish({.mss = 1000});
  ASSERT_TRUE(c.send(std::string(8000, 'x')));
  EXPECT_EQ(c.take().size(), 8u);
  c.inject({.seq = c.peer_next, .ack = kUna + 1000});
  c.drop_output();
  c.inject({.seq = c.peer_next, .ack = kUna + 1000});
  c.inject({.seq = c.peer_next, .ack = kUna + 1000});
  c.expect_silence();
  c.inject({.seq = c.peer_next, .ack = kUna + 1000});
  const wire::Segment s = c.expect_one();
  EXPECT_EQ(s.seq.value, kUna + 1000);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPRenoRecovery), 1u);
  c.inject({.seq = c.peer_next, .ack = kUna + 3000});  // partial: the next hole
  EXPECT_EQ(c.take().front().seq.value, kUna + 3000);
  c.inject({.seq = c.peer_next, .ack = kUna + 8000});
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).ca_state, 0);
}

wire::TcpOptions sack(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& blocks) {
  wire::TcpOptions o;
  for (auto [b, e] : blocks) o.sack[o.sack_count++] = {WireSeq{b}, WireSeq{e}};
  return o;
}

TEST(Recovery, sack_repairs_the_holes_alone) {  // RFC 6675
  OneEnd c;
  c.establish({.mss = 1000, .sack_permitted = true});
  ASSERT_TRUE(c.send(std::string(10000, 'x')));
  c.drop_output();
  // 1 and 4 are lost
  c.inject({.seq = c.peer_next, .ack = kUna, .options = sack({{kUna + 1000, kUna + 3000}})});
  c.inject({.seq = c.peer_next,
            .ack = kUna,
            .options = sack({{kUna + 4000, kUna + 8000}, {kUna + 1000, kUna + 3000}})});
  std::vector<std::uint32_t> again;
  for (const auto& s : c.take()) again.push_back(s.seq.value - kUna);
  EXPECT_EQ(again, (std::vector<std::uint32_t>{0, 3000}));
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPSackRecovery), 1u);
}

TEST(Recovery, nonsense_in_sack_is_ignored) {
  OneEnd c;
  c.establish({.mss = 1000, .sack_permitted = true});
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.drop_output();
  c.inject({.seq = c.peer_next, .ack = kUna, .options = sack({{kUna + 9000, kUna + 9100}})});
  c.inject({.seq = c.peer_next, .ack = kUna, .options = sack({{kUna + 2000, kUna + 1000}})});
  EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).sacked, 0u);
  EXPECT_EQ(c.world.count(Counter::TcpExtTCPSACKDiscard), 2u);
}

// proves: RFC7323-5.7-1, RFC8201-4-1, RFC8201-5.4-3
TEST(PathMtu, a_believed_message_shrinks_the_segments) {  // RFC 1191
  OneEnd c;
  c.establish({.mss = 1460});
  ASSERT_TRUE(c.send(std::string(3000, 'x')));
  c.drop_output();
  auto cx = c.world.context();
  tcp::PathError e{.kind = tcp::PathError::Kind::TooBig, .seq = WireSeq{kUna - 5000}, .mtu = 1000};
  EXPECT_FALSE(c.c.on_error(e, cx));  // not in flight: RFC 5927
  e.seq = WireSeq{kUna};
  EXPECT_TRUE(c.c.on_error(e, cx));
  c.transmit();
  const auto out = c.take();
  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.front().payload.size(), 960u);
  EXPECT_EQ(out.front().seq.value, kUna);
}

TEST(PathMtu, IP_MTU_DISCOVER_says_who_heeds_messages_and_sets_df) {
  using D = tcp::PathMtuDiscovery;
  for (const D how : {D::Dont, D::Want, D::Do, D::Probe, D::Interface, D::Omit}) {
    OneEnd c;
    c.establish({.mss = 1460});
    tcp::Settings settings = c.c.settings();
    settings.mtu_discovery_v4 = how;
    auto cx = c.world.context();
    c.c.set_settings(settings, cx);
    ASSERT_TRUE(c.send(std::string(1000, 'x')));
    const auto out = c.take();
    ASSERT_FALSE(out.empty());
    EXPECT_EQ(out.front().dont_fragment, how == D::Want || how == D::Do);
    const tcp::PathError e{.kind = tcp::PathError::Kind::TooBig, .seq = WireSeq{kUna}, .mtu = 900};
    const bool heeds = how == D::Want || how == D::Do || how == D::Probe;
    EXPECT_EQ(c.c.on_error(e, cx), heeds);
    EXPECT_EQ(c.c.info(c.world.tuning, c.world.now).snd_mss, heeds ? 860u : 1460u);
    EXPECT_EQ(settings.heeds_path_mtu(true), heeds);
    settings.mtu_discovery_v6 = how;  // routers of IPv6 fragment nothing
    EXPECT_EQ(settings.heeds_path_mtu(false), how != D::Interface && how != D::Omit);
  }
}

TEST(PathMtu, a_black_hole_is_found_without_icmp) {  // RFC 4821's idea
  OneEnd c;
  c.establish({.mss = 1460});
  ASSERT_TRUE(c.send(std::string(6000, 'x')));
  c.drop_output();
  while (c.world.count(Counter::EstabBlackHole) == 0 && c.c.state() != State::Closed) {
    c.run_until(c.c.deadline());
  }
  EXPECT_EQ(c.take().back().payload.size(), 1024u);
}

TEST(Errors, MUST_54_and_MUST_56_and_MUST_47_and_SHLD_25_unreachable_is_soft) {
  OneEnd c;
  c.establish();
  ASSERT_TRUE(c.send("x"));
  auto cx = c.world.context();
  EXPECT_TRUE(c.c.on_error(
      {.kind = tcp::PathError::Kind::Soft, .seq = WireSeq{kUna}, .error = EHOSTUNREACH}, cx));
  EXPECT_EQ(c.c.state(), State::Established);
  EXPECT_EQ(c.c.soft_error(), EHOSTUNREACH);
  c.run(3h);
  EXPECT_EQ(c.c.take_error(), EHOSTUNREACH);  // why it timed out
}

TEST(Errors, SHLD_20_reports_can_be_disabled) {
  OneEnd c;
  c.settings.error_reports = false;
  c.establish();
  ASSERT_TRUE(c.send("x"));
  auto cx = c.world.context();
  c.c.on_error({.kind = tcp::PathError::Kind::Soft, .seq = WireSeq{kUna}, .error = EHOSTUNREACH},
               cx);
  EXPECT_EQ(c.c.soft_error(), 0);
}

// In synchronized states a hard error is soft too: RFC 5927 6.1, which RFC 9293 3.9.2.2 names.
TEST(Errors, SHLD_26_hard_errors_abort_what_is_opening) {
  OneEnd c;
  c.open_active();
  auto cx = c.world.context();
  EXPECT_TRUE(c.c.on_error(
      {.kind = tcp::PathError::Kind::Hard, .seq = WireSeq{OneEnd::kIss}, .error = ECONNREFUSED},
      cx));
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_TRUE(c.saw(Rule::L2_SynUnreachable));
}

// proves: MUST-48, MUST-49, SHLD-21, SHLD-22
TEST(Header, MUST_48_and_MUST_49_tos_and_ttl_are_the_applications) {
  OneEnd c;
  c.settings.tos = 0x20;
  c.settings.ttl = 9;
  c.establish();
  ASSERT_TRUE(c.send("x"));
  wire::Segment s = c.expect_one();
  EXPECT_EQ(s.tos, 0x20);
  EXPECT_EQ(s.ttl, 9);
  tcp::Settings now = c.c.settings();
  now.tos = 0x40;
  now.no_delay = true;
  auto cx = c.world.context();
  c.c.set_settings(now, cx);
  ASSERT_TRUE(c.send("y"));
  EXPECT_EQ(c.expect_one().tos, 0x40);
}

}  // namespace
}  // namespace estab::testing
