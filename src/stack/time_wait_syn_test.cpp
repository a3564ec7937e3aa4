// Which SYN ends TIME-WAIT: RFC 6191 2, case by case.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};
constexpr std::uint32_t kThen = 100;  // the peer's last timestamp

struct Case {
  bool before;                            // the old incarnation had timestamps
  std::optional<std::int32_t> timestamp;  // of the SYN, relative to the last one seen
  std::int32_t sequence;                  // of the SYN, relative to the old RCV.NXT
};

enum class Outcome { Reopened, Silent, Asked };

Outcome outcome_of(const Case& x, bool timestamps_now = true) {
  Bench b;
  Peer p = peer_of(b, 80);
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  if (x.before) p.timestamp = kThen;
  p.connect();
  b->close(b->accept(l, b.now)->connection, false, b.now);
  b.run();
  EXPECT_EQ(p.expect().flags, kFin | kAck);
  p.send(kFin | kAck);
  b.take();
  EXPECT_EQ(b->totals().time_wait_records, 1u);
  b.run(1s);
  if (!timestamps_now) {
    EXPECT_TRUE(b->set_tuning("tcp_timestamps", "0"));
  }
  p.seq += static_cast<std::uint32_t>(x.sequence);
  p.ack = 0;
  p.timestamp.reset();
  if (x.timestamp) p.timestamp = kThen + static_cast<std::uint32_t>(*x.timestamp);
  p.send(kSyn);
  const auto sent = b.take();
  if (sent.empty()) return Outcome::Silent;
  EXPECT_EQ(sent.size(), 1u);
  if (sent[0].flags == kAck) return Outcome::Asked;
  EXPECT_EQ(sent[0].flags, kSyn | kAck);
  EXPECT_EQ(b->totals().syn_records, 1u);
  return Outcome::Reopened;
}

// proves: RFC6191-2-1
TEST(TimeWaitSyn, a_newer_timestamp_reopens_wherever_the_syn_lies) {
  for (const std::int32_t sequence : {-100000, -1, 0, 1, 100000}) {
    EXPECT_EQ(outcome_of({true, 1, sequence}), Outcome::Reopened);
  }
}

// proves: RFC6191-2-2, RFC6191-2-4
TEST(TimeWaitSyn, an_equal_timestamp_asks_the_sequence_number) {
  EXPECT_EQ(outcome_of({true, 0, 1}), Outcome::Reopened);
  EXPECT_EQ(outcome_of({true, 0, 0}), Outcome::Silent);
  EXPECT_EQ(outcome_of({true, 0, -1000}), Outcome::Silent);
}

// proves: RFC6191-2-3
TEST(TimeWaitSyn, without_a_timestamp_now_the_sequence_number_alone) {
  EXPECT_EQ(outcome_of({true, {}, 1}), Outcome::Reopened);
  EXPECT_EQ(outcome_of({true, {}, -1000}), Outcome::Asked);
  EXPECT_EQ(outcome_of({true, -5, 1}, false), Outcome::Reopened);  // we would not agree on them
}

// proves: RFC6191-2-4
TEST(TimeWaitSyn, an_older_timestamp_is_dropped_silently) {
  for (const std::int32_t sequence : {-1000, 0, 1, 1000}) {
    EXPECT_EQ(outcome_of({true, -1, sequence}), Outcome::Silent);
  }
}

// proves: RFC6191-2-5
TEST(TimeWaitSyn, timestamps_that_are_new_reopen) {
  for (const std::int32_t sequence : {-100000, -1, 0, 1}) {
    EXPECT_EQ(outcome_of({false, 7, sequence}), Outcome::Reopened);
  }
}

// proves: RFC6191-2-6
TEST(TimeWaitSyn, never_any_timestamps) {
  EXPECT_EQ(outcome_of({false, {}, 1}), Outcome::Reopened);
  EXPECT_EQ(outcome_of({false, {}, 0}), Outcome::Asked);  // RFC 5961 4.2, as in Linux
}

}  // namespace
}  // namespace estab::stack
