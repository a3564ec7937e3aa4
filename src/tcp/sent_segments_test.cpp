#include "tcp/sent_segments.h"

#include <gtest/gtest.h>

#include <random>

namespace estab::tcp {
namespace {

using namespace std::chrono_literals;
using Index = SentSegments::Index;

SeqNum at(std::int64_t n) { return SeqNum::first(WireSeq{1000}) + n; }
Instant time(int ms) { return Instant{} + 1s + ms * 1ms; }

// `n` segments of 100, a millisecond apart.
SentSegments flight(int n) {
  SentSegments s;
  for (int i = 0; i < n; ++i) s.push(at(100 * i), at(100 * i + 100), time(i));
  return s;
}

std::vector<Index> by_time(const SentSegments& s) {
  std::vector<Index> all;
  if (!s.has_timed()) return all;
  for (Index i = s.oldest();; i = s.later(i)) {
    all.push_back(i - s.begin());
    if (s.is_newest(i)) return all;
  }
}

TEST(SentSegments, what_is_in_flight) {
  SentSegments s = flight(5);
  s.mark_sacked(3);
  EXPECT_TRUE(s.mark_lost(0));
  EXPECT_TRUE(s.mark_lost(1));
  EXPECT_FALSE(s.mark_lost(1));
  EXPECT_FALSE(s.mark_lost(3));
  EXPECT_EQ(s.in_flight(), 2u);
  EXPECT_EQ(s.next_lost(), 0u);
  s.resend(0, time(10));
  EXPECT_EQ(s.in_flight(), 3u);
  EXPECT_EQ(s.next_lost(), 1u);
  EXPECT_EQ(by_time(s), (std::vector<Index>{2, 4, 0}));
  EXPECT_TRUE(s.mark_lost(0));  // the copy, too
  EXPECT_EQ(s.in_flight(), 2u);
  EXPECT_EQ(s.next_lost(), 0u);
  s.mark_sacked(0);
  EXPECT_EQ(s.lost(), 1u);
}

TEST(SentSegments, found_by_number_and_gone_from_the_front) {
  SentSegments s = flight(9);
  EXPECT_EQ(s.find(at(0)), 0u);
  EXPECT_EQ(s.find(at(99)), 0u);
  EXPECT_EQ(s.find(at(100)), 1u);
  EXPECT_EQ(s.find(at(900)), s.end());
  s.pop();
  s.pop();
  EXPECT_EQ(s.first(), at(200));
  EXPECT_EQ(s.find(at(200)), s.begin());
  EXPECT_EQ(s.begin_of(s.begin() + 1), at(300));
}

TEST(SentSegments, cut_where_the_path_became_narrower) {
  SentSegments s = flight(3);
  s.mark_lost(0);
  s.resend(0, time(9));
  s.limit_length(40);
  EXPECT_EQ(s.segments(), 8u);  // 40 each, but for the last
  EXPECT_EQ(s.resent(), 2u);
  EXPECT_EQ(s.begin_of(s.begin() + 2), at(80));
  EXPECT_EQ(by_time(s), (std::vector<Index>{2, 3, 4, 5, 6, 7, 0, 1}));
  s.split(s.begin() + 3, at(140));
  EXPECT_EQ(s.segments(), 9u);
  EXPECT_EQ(s[s.begin() + 3].end, at(140));
}

TEST(SentSegments, what_follows_is_joined_up_to_an_edge_or_a_sack) {
  SentSegments s = flight(5);  // of 100 each
  s.mark_lost(s.begin());
  s.mark_sacked(s.begin() + 3);
  s.join(s.begin(), at(150));
  EXPECT_EQ(s.segments(), 5u);
  s.join(s.begin(), at(500));
  EXPECT_EQ(s.segments(), 3u);
  EXPECT_EQ(s[s.begin()].end, at(300));
  EXPECT_TRUE(s[s.begin()].lost);
  EXPECT_EQ(s.in_flight(), 1u);
  EXPECT_EQ(s.next_lost(), s.begin());
}

TEST(SentSegments, what_was_believed_can_be_taken_back) {
  SentSegments s = flight(4);
  s.mark_lost(1);
  s.mark_sacked(2);
  s.forget_lost();
  EXPECT_EQ(s.in_flight(), 3u);
  EXPECT_EQ(by_time(s), (std::vector<Index>{0, 1, 3}));
  s.forget_sacked();
  EXPECT_EQ(by_time(s), (std::vector<Index>{0, 1, 2, 3}));
}

// The counts and the list agree with the marks after any sequence of steps.
TEST(SentSegments, any_sequence_of_steps) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    SentSegments s;
    SeqNum end = at(0);
    for (int step = 0; step < 400; ++step) {
      const Index i = s.empty() ? 0 : s.begin() + static_cast<Index>(random() % s.segments());
      switch (random() % 6) {
        case 0:
        case 1:
          s.push(end, end + 100, time(step));
          end += 100;
          break;
        case 2:
          if (!s.empty()) s.pop();
          break;
        case 3:
          if (!s.empty() && !s[i].sacked) s.mark_sacked(i);
          break;
        case 4:
          if (!s.empty()) s.mark_lost(i);
          break;
        default:
          if (const Index lost = s.next_lost(); lost != s.end()) s.resend(lost, time(step));
          break;
      }
      std::uint32_t sacked = 0, lost = 0, resent = 0, timed = 0;
      for (Index j = s.begin(); j != s.end(); ++j) {
        sacked += s[j].sacked;
        lost += s[j].lost;
        resent += s[j].resent;
        timed += !s[j].sacked && (!s[j].lost || s[j].resent);
      }
      ASSERT_EQ(s.sacked(), sacked);
      ASSERT_EQ(s.lost(), lost);
      ASSERT_EQ(s.resent(), resent);
      const auto order = by_time(s);
      ASSERT_EQ(order.size(), timed);
      for (std::size_t j = 1; j < order.size(); ++j) {
        ASSERT_LE(s[s.begin() + order[j - 1]].at, s[s.begin() + order[j]].at);
      }
    }
  }
}

}  // namespace
}  // namespace estab::tcp
