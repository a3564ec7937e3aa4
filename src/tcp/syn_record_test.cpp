// SYN-RECEIVED as a record: what a whole stack shows only from afar.
#include "support/tcp_bench.h"
#include "tcp/record.h"

namespace estab::testing {
namespace {

struct Half {
  World world;
  tcp::Settings settings;
  tcp::SynRecord record;

  static wire::Segment syn(std::uint32_t timestamp) {
    wire::Segment s;
    s.tuple = test_tuple();
    s.flags = kSyn;
    s.seq = {1000};
    s.options.mss = 1460;
    s.options.timestamps = wire::Timestamps{timestamp, 0};
    return s;
  }
  explicit Half(std::uint32_t timestamp) {
    tcp::SynParameters with;
    with.settings = &settings;
    with.iss = {5000};
    auto cx = world.context();
    record = tcp::make_syn_record(syn(timestamp), with, cx);
  }
  tcp::SynVerdict hears(const wire::Segment& s) {
    auto cx = world.context();
    return tcp::on_segment(record, s, cx);
  }
};

// proves: RFC4987-3.5-1
TEST(SynRecord, the_same_syn_again_draws_the_same_syn_ack) {
  Half h(7000);
  EXPECT_EQ(h.hears(Half::syn(7000)), tcp::SynVerdict::Resend);
  h.world.now += 1s;
  EXPECT_EQ(h.hears(Half::syn(8000)), tcp::SynVerdict::Resend);
  EXPECT_TRUE(h.world.segments.empty());
}

// RFC 7323 5.3 R1: not acceptable, an ACK in reply.
TEST(SynRecord, an_older_timestamp_is_not_the_same_syn) {
  Half h(7000);
  EXPECT_EQ(h.hears(Half::syn(6999)), tcp::SynVerdict::Drop);
  ASSERT_EQ(h.world.segments.size(), 1u);
  EXPECT_EQ(h.world.segments[0].flags, kAck);
  EXPECT_EQ(h.world.segments[0].ack.value, 1001u);
  EXPECT_EQ(h.world.count(Counter::TcpExtPAWSEstab), 1u);
}

}  // namespace
}  // namespace estab::testing
