// RFC 2018, from both ends.
#include "support/tcp_bench.h"
#include "tcp/receive_queue.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kUna = OneEnd::kIss + 1;
using Blocks = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

wire::TcpOptions sack(const Blocks& blocks) {
  wire::TcpOptions o;
  for (const auto& [b, e] : blocks) o.sack[o.sack_count++] = {WireSeq{b}, WireSeq{e}};
  return o;
}

Blocks blocks_of(const wire::Segment& s, std::uint32_t from) {
  Blocks all;
  for (std::size_t i = 0; i < s.options.sack_count; ++i) {
    all.emplace_back(s.options.sack[i].begin.value - from, s.options.sack[i].end.value - from);
  }
  return all;
}

// A receiver; `at` counts from its RCV.NXT.
struct Receiver : OneEnd {
  Receiver() { establish({.mss = 1000, .sack_permitted = true}); }
  Blocks get(std::uint32_t at, std::string_view text) {
    inject({.seq = peer_next + at, .ack = kUna, .text = text});
    return blocks_of(expect_one(), peer_next);
  }
};

// proves: RFC2018-4-2
TEST(Sack, none_without_permission) {
  OneEnd c;
  c.establish({.mss = 1000});
  c.inject({.seq = c.peer_next + 5, .ack = kUna, .text = "x"});
  EXPECT_EQ(c.expect_one().options.sack_count, 0);
}

// proves: RFC2018-4-1, RFC2018-4-3, RFC2018-4-4, RFC2018-4-5, RFC5681-3.2-1
TEST(Sack, each_segment_beyond_a_gap_draws_its_ack_and_comes_first) {
  Receiver r;
  EXPECT_EQ(r.get(10, "ab"), (Blocks{{10, 12}}));
  EXPECT_EQ(r.get(30, "ab"), (Blocks{{30, 32}, {10, 12}}));
  EXPECT_EQ(r.get(20, "ab"), (Blocks{{20, 22}, {30, 32}, {10, 12}}));
  EXPECT_EQ(r.get(12, "cd"), (Blocks{{10, 14}, {20, 22}, {30, 32}}));  // its run, not it alone
  EXPECT_EQ(r.get(0, "0123456789"), (Blocks{{20, 22}, {30, 32}}));     // moves RCV.NXT to 14
}

// proves: RFC2018-4-5
TEST(Sack, one_that_came_before_names_its_run_first_too) {
  Receiver r;
  r.world.tuning.tcp_dsack = 0;
  r.get(10, "ab");
  r.get(30, "ab");
  EXPECT_EQ(r.get(10, "ab"), (Blocks{{10, 12}, {30, 32}}));
}

// proves: RFC2018-4-6, RFC2018-4-7
TEST(Sack, many_segments_of_one_run_do_not_push_out_the_others) {
  Receiver r;
  r.get(10, "x");
  r.get(20, "x");
  r.get(30, "x");
  for (std::uint32_t at = 40; at < 60; ++at) {
    EXPECT_EQ(r.get(at, "x"), (Blocks{{40, at + 1}, {30, 31}, {20, 21}, {10, 11}}));
  }
  // As many as fit, and each was reported three times at least before it falls out.
  EXPECT_EQ(r.get(80, "x"), (Blocks{{80, 81}, {40, 60}, {30, 31}, {20, 21}}));
}

SeqNum at(std::int64_t n) { return SeqNum::first(WireSeq{1000}) + n; }

Slices octets(std::string_view text) {
  Slices s;
  s.append(Slice::copy_of({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
  return s;
}

// proves: RFC2018-8-1, RFC2018-8-2
TEST(Sack, what_was_dropped_is_not_reported) {
  tcp::ReceiveQueue q;
  q.start(at(0));
  std::array<wire::SackBlock, 4> blocks{};
  q.insert(at(10), octets("ab"), 100);
  q.insert(at(20), octets("ab"), 100);
  EXPECT_EQ(q.sack_blocks(blocks, 4), 2u);
  q.forget_pieces();  // memory is short
  EXPECT_EQ(q.sack_blocks(blocks, 4), 0u);
  q.insert(at(30), octets("ab"), 100);
  ASSERT_EQ(q.sack_blocks(blocks, 4), 1u);
  EXPECT_EQ(blocks[0].begin.value, 1030u);
  EXPECT_EQ(q.insert(at(40), octets("ab"), 1).outcome, tcp::ReceiveQueue::Outcome::Full);
  EXPECT_EQ(q.sack_blocks(blocks, 4), 1u);
}

// A sender with ten segments of 1000 octets under way.
struct Sender : OneEnd {
  explicit Sender(std::size_t bytes = 10000) {
    world.tuning.tcp_mtu_probing = 0;
    settings.congestion = tcp::Algorithm::Reno;
    open_active();
    world.now += 100ms;  // a round trip: RACK knows losses by time
    inject({.flags = kSyn | kAck,
            .seq = kIrs,
            .ack = kUna,
            .options = {.mss = 1000, .sack_permitted = true}});
    EXPECT_TRUE(send(std::string(bytes, 'x')));
    drop_output();
  }
  void get(std::uint32_t acked, const Blocks& blocks = {}) {
    Blocks absolute;
    for (const auto& [b, e] : blocks) absolute.emplace_back(kUna + b, kUna + e);
    inject({.seq = peer_next, .ack = kUna + acked, .options = sack(absolute)});
  }
};

// proves: RFC2018-5-1
TEST(Sack, what_was_sacked_is_remembered) {
  Sender s;
  s.get(0, {{1000, 3000}});
  s.get(0, {{4000, 8000}});  // does not repeat the other
  EXPECT_EQ(s.sent(), (std::vector<std::uint32_t>{0, 3000}));
}

// proves: RFC2018-5-3, RFC2018-5-2, RFC2018-5.1-2
TEST(Sack, a_timeout_begins_at_snd_una_and_forgets_by_a_knob) {
  for (const std::int64_t forget : {0, 1}) {
    Sender s;
    s.world.tuning.tcp_sack_forget_on_timeout = forget;
    s.get(0, {{1000, 2000}});
    s.time_out();
    EXPECT_EQ(s.sent(), (std::vector<std::uint32_t>{0}));
    s.get(1000);
    const auto again = s.sent();
    ASSERT_FALSE(again.empty());
    EXPECT_EQ(again.front(), forget != 0 ? 1000u : 2000u);
  }
}

// proves: RFC2018-5-3, RFC2018-8-3
TEST(Sack, what_the_peer_takes_back_is_still_here) {
  Sender s;
  s.get(0, {{1000, 10000}});
  s.drop_output();
  s.get(1000, {});  // SND.UNA stands at what was SACKed: the peer has thrown it away
  s.time_out();
  EXPECT_EQ(s.sent(), (std::vector<std::uint32_t>{1000}));
  s.get(3000);
  const auto again = s.sent();
  ASSERT_FALSE(again.empty());
  EXPECT_EQ(again.front(), 3000u);
}

// proves: RFC2018-5.1-1, RFC5681-4.3-1, RFC5681-4.3-2, RFC5681-4.3-3
TEST(Sack, congestion_control_stays) {
  Sender s(40000);
  s.run(100ms);
  s.get(0, {{1000, 2000}});
  EXPECT_LE(s.look().ca_state, 1);  // one SACK may be reordering
  s.get(0, {{1000, 3000}});
  s.drop_output();
  s.get(0, {{1000, 4000}});
  EXPECT_EQ(s.look().snd_ssthresh, 5000u);  // FlightSize was 10, without limited transmit
  std::size_t sent = s.take().size();
  for (std::uint32_t end = 5000; end <= 12000; end += 1000) {
    s.get(0, {{1000, end}});
    sent += s.take().size();
  }
  EXPECT_LE(sent, 7u);  // RFC 6937: half of the twelve that arrive, and what fast retransmit sends
  s.get(12000);
  EXPECT_EQ(s.look().ca_state, 0);
  EXPECT_LE(s.look().snd_cwnd, s.look().snd_ssthresh + 1000);
}

// proves: RFC5681-3.2-6
TEST(Sack, a_duplicate_without_news_sends_nothing_new) {
  Sender s(40000);
  s.get(0, {});
  s.get(0, {});
  EXPECT_EQ(s.sent(), (std::vector<std::uint32_t>{}));
  s.get(0, {{1000, 2000}});
  EXPECT_EQ(s.sent().size(), 1u);
}

}  // namespace
}  // namespace estab::testing
