// TIME-WAIT as a record: what a whole stack shows only from afar.
#include "support/tcp_bench.h"
#include "tcp/record.h"

namespace estab::testing {
namespace {

constexpr std::uint32_t kSent = 6000;
constexpr std::uint32_t kReceived = 2000;

// One end in TIME-WAIT; what it answers.
struct Waiting {
  World world;
  FourTuple tuple = test_tuple();
  tcp::TimeWait record{.snd_nxt = kSent, .rcv_nxt = kReceived, .rcv_wnd = 10000};

  std::vector<wire::Segment> hears(const wire::Segment& s) {
    auto cx = world.context();
    EXPECT_EQ(tcp::on_segment(record, tuple, s, false, cx), tcp::TimeWaitVerdict::Drop);
    return std::exchange(world.segments, {});
  }
  std::vector<wire::Segment> hears_ack(std::uint32_t seq) {
    wire::Segment s;
    s.tuple = tuple;
    s.flags = kAck;
    s.seq = {seq};
    s.ack = {kSent};
    return hears(s);
  }
};

// As in Linux. RFC 9293 3.10.7.4 fifth, TIME-WAIT: "Acknowledge it".
TEST(TimeWaitRecord, an_ack_that_is_not_at_rcv_nxt_is_answered) {
  Waiting w;
  EXPECT_TRUE(w.hears_ack(kReceived).empty());
  for (const std::uint32_t seq : {kReceived + 1, kReceived + 9999, kReceived + 10000}) {
    const auto answer = w.hears_ack(seq);
    ASSERT_EQ(answer.size(), 1u) << seq;
    EXPECT_EQ(answer[0].flags, kAck);
    EXPECT_EQ(answer[0].seq.value, kSent);
    EXPECT_EQ(answer[0].ack.value, kReceived);
    EXPECT_TRUE(w.hears_ack(seq).empty());  // at once again
    w.world.now += 500ms;                   // tcp_invalid_ratelimit
  }
  EXPECT_EQ(w.world.count(Counter::TcpExtTCPACKSkippedTimeWait), 3u);
}

// Two whose ideas of each other's numbers were made wrong: each finds the other's ACK inside its
// window, but not where it should be.
TEST(TimeWaitRecord, two_of_them_do_not_talk_for_ever) {
  Waiting a, b;
  b.tuple = a.tuple.reversed();
  a.record.rcv_nxt = b.record.snd_nxt - 100;
  b.record.rcv_nxt = a.record.snd_nxt - 100;
  std::size_t said = 0;
  for (int minute = 0; minute < 4; ++minute) {
    wire::Segment spark;  // somebody forges another one
    spark.tuple = a.tuple;
    spark.flags = kAck;
    spark.seq = {a.record.rcv_nxt + 7};
    spark.ack = {kSent};
    std::vector<wire::Segment> on_wire{spark};
    for (bool to_a = true; !on_wire.empty() && said < 1000; to_a = !to_a) {
      said += on_wire.size();
      wire::Segment s = on_wire.at(0);
      s.tuple = (to_a ? a : b).tuple;
      on_wire = (to_a ? a : b).hears(s);
      a.world.now += 10ms;  // a short way: many rounds within the limit
      b.world.now = a.world.now;
    }
    a.world.now += 60s;
    b.world.now = a.world.now;
  }
  EXPECT_EQ(said, 4u * 3u);  // the spark, A's answer, B's answer, which A leaves at that
}

}  // namespace
}  // namespace estab::testing
