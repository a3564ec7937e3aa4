#include "tcp/connection.h"

#include "support/seeds.h"
#include "support/tcp_bench.h"

namespace estab::testing {
namespace {

using tcp::kReadable;

std::string pattern(std::size_t n, std::uint64_t seed) {
  std::string s(n, '\0');
  Random r(seed);
  for (char& c : s) c = static_cast<char>(r.next());
  return s;
}

// Moves `ab` from a to b and `ba` from b to a at once, then closes both ends; every byte must arrive
// and both ends must end.
void exchange(TwoEnds& w, const std::string& ab, const std::string& ba, Duration limit = 3600s) {
  w.open();
  std::size_t sent_a = 0, sent_b = 0;
  std::string got_a, got_b;
  const auto pump = [&](Connection& c, const std::string& out, std::size_t& sent, std::string& got,
                        bool to_a) {
    auto cx = w.world.context();
    if (c.state() == State::Established || c.state() == State::CloseWait) {
      if (sent < out.size()) {
        auto r = c.send(
            Bytes{reinterpret_cast<const std::uint8_t*>(out.data()) + sent, out.size() - sent},
            false, false, cx);
        if (r) sent += *r;
      }
      if (sent == out.size()) {
        EXPECT_TRUE(c.shutdown_write(cx));
      }
    }
    std::uint8_t buffer[8192];
    for (;;) {
      auto r = c.receive(buffer, false, cx);
      if (!r || r->bytes == 0) break;
      got.append(reinterpret_cast<char*>(buffer), r->bytes);
    }
    w.flush(c, to_a);
  };
  const bool done = w.run(limit, [&] {
    pump(w.a, ab, sent_a, got_a, false);
    pump(w.b, ba, sent_b, got_b, true);
    const auto over = [](const Connection& c) {
      return c.state() == State::Closed || c.state() == State::TimeWait;
    };
    return over(w.a) && over(w.b);
  });
  EXPECT_TRUE(done) << rfc_name(w.a.state()) << " " << rfc_name(w.b.state()) << " a sent " << sent_a
                    << " b sent " << sent_b << " a got " << got_a.size() << " b got "
                    << got_b.size();
  EXPECT_TRUE(got_b == ab) << got_b.size() << " of " << ab.size();
  EXPECT_TRUE(got_a == ba) << got_a.size() << " of " << ba.size();
}

TEST(Exchange, a_clean_wire) {
  TwoEnds w;
  exchange(w, pattern(1000000, 1), pattern(300000, 2));
  EXPECT_EQ(w.world.count(Counter::TcpRetransSegs), 0u);
  EXPECT_LT(w.world.now - (Instant{} + 1000s), 20s);
}

TEST(Exchange, hostile_wires_by_seed) {
  for (const std::uint64_t seed : test_seeds(1, 60)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    Random r(seed);
    WireFaults f;
    f.delay = Duration{static_cast<std::int64_t>(r.below(50000000))};
    f.jitter = r.chance(0.5) ? Duration{static_cast<std::int64_t>(r.below(30000000))} : 0ns;
    f.loss = r.chance(0.7) ? 0.001 * static_cast<double>(r.below(200)) : 0;
    f.duplicate = r.chance(0.5) ? 0.05 : 0;
    TwoEnds w(seed, f);
    if (r.chance(0.3)) w.world.tuning.tcp_sack = 0;
    if (r.chance(0.3)) w.world.tuning.tcp_timestamps = 0;
    if (r.chance(0.3)) w.world.tuning.tcp_window_scaling = 0;
    exchange(w, pattern(r.below(200000), seed), pattern(r.below(200000), seed + 1), 36000s);
  }
}

TEST(Connection, small_buffers_and_zero_windows) {
  TwoEnds w(3, {.delay = 5ms, .jitter = 0ns, .loss = 0.02, .duplicate = 0});
  w.tick = 100ms;
  tcp::Settings tiny;
  tiny.receive_buffer = 2304;
  tiny.send_buffer = 4608;
  tiny.send_buffer_fixed = true;
  w.open(tiny, tiny);
  std::string out = pattern(50000, 9), got;
  std::size_t sent = 0;
  Instant next_read = w.world.now;
  const bool done = w.run(36000s, [&] {
    auto cx = w.world.context();
    if (w.b.state() == State::Established && sent < out.size()) {
      auto r = w.b.send(
          Bytes{reinterpret_cast<const std::uint8_t*>(out.data()) + sent, out.size() - sent}, false,
          false, cx);
      if (r) sent += *r;
      if (sent == out.size()) {
        EXPECT_TRUE(w.b.shutdown_write(cx));
      }
      w.flush(w.b, true);
    }
    if (w.world.now >= next_read) {  // a slow reader
      std::uint8_t buffer[1500];
      auto r = w.a.receive(buffer, false, cx);
      if (r) got.append(reinterpret_cast<char*>(buffer), r->bytes);
      next_read = w.world.now + 700ms;
      w.flush(w.a, false);
    }
    return got.size() == out.size();
  });
  EXPECT_TRUE(done) << got.size();
  EXPECT_TRUE(got == out);
  EXPECT_GT(
      w.world.count(Counter::TcpExtTCPWinProbe) + w.world.count(Counter::TcpExtTCPToZeroWindowAdv),
      0u);
}

TEST(Connection, the_handshake_and_a_close_from_this_side) {
  OneEnd c;
  c.open_active();
  wire::Segment syn = c.expect_one();
  EXPECT_EQ(syn.flags, kSyn);
  EXPECT_EQ(syn.seq.value, OneEnd::kIss);
  EXPECT_EQ(syn.options.mss, 1460);
  c.inject({.flags = kSyn | kAck, .seq = 1000, .ack = 5001});
  wire::Segment ack = c.expect_one();
  EXPECT_EQ(ack.flags, kAck);
  EXPECT_EQ(ack.ack.value, 1001u);
  ASSERT_TRUE(c.send("hello"));
  wire::Segment data = c.expect_one();
  EXPECT_EQ(data.flags, kAck | kPsh);
  EXPECT_EQ(data.payload.size(), 5u);
  c.inject({.seq = 1001, .ack = 5006});
  c.expect_silence();
  c.close();
  EXPECT_EQ(c.expect_one().flags, kFin | kAck);
  EXPECT_EQ(c.c.state(), State::FinWait1);
  c.inject({.flags = kFin | kAck, .seq = 1001, .ack = 5007});
  EXPECT_EQ(c.expect_one().ack.value, 1002u);
  EXPECT_EQ(c.c.state(), State::TimeWait);
  c.run(61s);
  EXPECT_EQ(c.c.state(), State::Closed);
  EXPECT_EQ(c.arrows(), (std::vector<int>{3, 10, 12, 14, 16, 20}));
}

TEST(Connection, close_in_syn_received_walks_arrow_eleven) {
  OneEnd c;
  c.reach(State::SynReceived);
  c.shutdown_write();
  EXPECT_EQ(c.c.state(), State::FinWait1);
  EXPECT_EQ(c.expect_one().flags, kFin | kAck);
  c.inject({.seq = 1001, .ack = 5002});
  EXPECT_EQ(c.c.state(), State::FinWait2);
}

TEST(Connection, every_state_can_be_reached) {
  for (int s = 0; s < kStates; ++s) {
    OneEnd c;
    c.reach(static_cast<State>(s));
  }
}

}  // namespace
}  // namespace estab::testing
