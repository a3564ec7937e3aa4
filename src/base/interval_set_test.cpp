#include "base/interval_set.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "support/seeds.h"

namespace estab {
namespace {

SeqNum at(std::int64_t n) { return SeqNum::first(WireSeq{0}) + n; }

TEST(IntervalSet, merges_what_overlaps_or_touches) {
  IntervalSet s{8};
  EXPECT_EQ(s.insert(at(10), at(20)), 10);
  EXPECT_EQ(s.insert(at(30), at(40)), 10);
  EXPECT_EQ(s.pieces(), 2u);
  EXPECT_EQ(s.insert(at(20), at(30)), 10);
  EXPECT_EQ(s.pieces(), 1u);
  EXPECT_EQ(s.insert(at(12), at(18)), 0);
  EXPECT_EQ(s.insert(at(5), at(45)), 10);
  EXPECT_EQ(s.front(), (Interval{at(5), at(45)}));
  EXPECT_EQ(s.length(), 40);
  EXPECT_EQ(s.insert(at(50), at(50)), 0);
  EXPECT_EQ(s.insert(at(60), at(50)), 0);
}

TEST(IntervalSet, refuses_a_piece_beyond_its_bound_but_still_merges) {
  IntervalSet s{2};
  EXPECT_TRUE(s.insert(at(0), at(1)));
  EXPECT_TRUE(s.insert(at(10), at(11)));
  EXPECT_EQ(s.insert(at(20), at(21)), std::nullopt);
  EXPECT_EQ(s.length(), 2);
  EXPECT_EQ(s.insert(at(1), at(10)), 9);
  EXPECT_EQ(s.pieces(), 1u);
}

TEST(IntervalSet, finds_the_holes) {
  IntervalSet s{8};
  s.insert(at(10), at(20));
  s.insert(at(30), at(40));
  EXPECT_EQ(s.next_gap(at(0), at(100)), (Interval{at(0), at(10)}));
  EXPECT_EQ(s.next_gap(at(10), at(100)), (Interval{at(20), at(30)}));
  EXPECT_EQ(s.next_gap(at(25), at(28)), (Interval{at(25), at(28)}));
  EXPECT_EQ(s.next_gap(at(30), at(40)), std::nullopt);
  EXPECT_EQ(s.next_gap(at(35), at(50)), (Interval{at(40), at(50)}));
  EXPECT_EQ(IntervalSet{1}.next_gap(at(5), at(5)), std::nullopt);
}

void check_against(const IntervalSet& s, const std::set<int>& model) {
  ASSERT_EQ(s.length(), static_cast<std::int64_t>(model.size()));
  std::int64_t walked = 0;
  SeqNum previous_end = at(-1000);
  for (const Interval& piece : s) {
    ASSERT_TRUE(previous_end < piece.begin && piece.begin < piece.end);
    previous_end = piece.end;
    walked += piece.length();
  }
  ASSERT_TRUE(walked == s.length());
  for (int n = -2; n < 110; ++n) {
    ASSERT_TRUE(s.contains(at(n)) == model.contains(n));
    const auto above = std::distance(model.lower_bound(n), model.end());
    ASSERT_TRUE(s.length_from(at(n)) == above);
    int gap = n;
    while (gap < 105 && model.contains(gap)) ++gap;
    const auto found = s.next_gap(at(n), at(105));
    ASSERT_TRUE(found.has_value() == (gap < 105));
    if (found) {
      ASSERT_EQ(found->begin, at(gap));
    }
  }
}

TEST(IntervalSet, agrees_with_a_set_of_numbers) {
  for (const std::uint64_t seed : test_seeds(0, 59)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    Random random(seed);
    IntervalSet s{1000};
    std::set<int> model;
    for (int step = 0; step < 40; ++step) {
      const auto kind = random.below(10);
      const auto begin = static_cast<int>(random.below(100));
      const auto size = static_cast<int>(random.below(12));
      const auto before = model.size();
      if (kind == 0) {
        model.erase(model.begin(), model.lower_bound(begin / 2));
        ASSERT_EQ(s.erase_before(at(begin / 2)), static_cast<std::int64_t>(before - model.size()));
      } else if (kind == 1) {
        model.erase(model.lower_bound(begin + 50), model.end());
        ASSERT_EQ(s.erase_from(at(begin + 50)), static_cast<std::int64_t>(before - model.size()));
      } else {
        for (int n = begin; n < begin + size; ++n) model.insert(n);
        ASSERT_EQ(s.insert(at(begin), at(begin + size)),
                  static_cast<std::int64_t>(model.size() - before));
        ASSERT_TRUE(s.contains(at(begin), at(begin + size)));
        ASSERT_EQ(s.overlaps(at(begin), at(begin + size)), size > 0);
      }
      check_against(s, model);
    }
  }
}

}  // namespace
}  // namespace estab
