#include "base/timing_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/random.h"
#include "base/slab.h"
#include "support/seeds.h"

namespace estab {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr Instant kStart{};

std::vector<int> advance(TimingWheel& wheel, Instant now) {
  std::vector<int> fired;
  wheel.advance(now, [&](TimerNode& n) { fired.push_back(static_cast<int>(n.tag)); });
  return fired;
}

TEST(TimingWheel, fires_at_or_within_a_millisecond_after_the_deadline) {
  TimingWheel wheel;
  TimerNode node{1};
  wheel.schedule(node, kStart + milliseconds(5) + nanoseconds(1));
  EXPECT_TRUE(advance(wheel, kStart + milliseconds(5)).empty());
  EXPECT_TRUE(advance(wheel, kStart + milliseconds(5) + nanoseconds(999'999)).empty());
  EXPECT_EQ(wheel.next_deadline(), kStart + milliseconds(6));
  EXPECT_EQ(node.deadline(), kStart + milliseconds(6));
  EXPECT_EQ(advance(wheel, kStart + milliseconds(6)), std::vector{1});
  EXPECT_FALSE(node.scheduled());
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
}

TEST(TimingWheel, a_past_deadline_fires_at_the_next_advance) {
  TimingWheel wheel{kStart + hours(1)};
  TimerNode node{1};
  wheel.schedule(node, kStart);
  EXPECT_LE(*wheel.next_deadline(), kStart + hours(1));
  EXPECT_EQ(advance(wheel, kStart + hours(1)), std::vector{1});
}

TEST(TimingWheel, instants_before_the_origin_and_at_the_end_of_time) {
  TimingWheel wheel{kStart - hours(1)};
  TimerNode soon{1};
  TimerNode last{2};
  wheel.schedule(soon, kStart - milliseconds(3) + nanoseconds(1));
  wheel.schedule(last, kNever);
  EXPECT_TRUE(advance(wheel, kStart - milliseconds(3)).empty());
  EXPECT_EQ(advance(wheel, kStart - milliseconds(2)), std::vector{1});
  EXPECT_TRUE(advance(wheel, kStart + hours(24 * 365 * 200)).empty());
  EXPECT_EQ(last.deadline(), kNever);
  wheel.cancel(last);
  EXPECT_TRUE(wheel.empty());
  TimerNode old{3};
  wheel.schedule(old, Instant::min());
  EXPECT_EQ(advance(wheel, Instant::min()), std::vector{3});
}

TEST(TimingWheel, a_leap_over_years_fires_all_in_order) {
  TimingWheel wheel;
  TimerNode nodes[] = {TimerNode{0}, TimerNode{1}, TimerNode{2}, TimerNode{3}, TimerNode{4}};
  const Duration when[] = {hours(24 * 100), milliseconds(1), hours(24 * 50), milliseconds(64),
                           hours(24 * 365 * 100)};
  for (int i = 0; i < 5; ++i) wheel.schedule(nodes[i], kStart + when[i]);
  EXPECT_EQ(advance(wheel, kStart + hours(24 * 365 * 101)), (std::vector{1, 3, 2, 0, 4}));
}

TEST(TimingWheel, timers_of_one_millisecond_fire_in_the_order_they_were_scheduled) {
  TimingWheel wheel;
  TimerNode a{1};
  TimerNode b{2};
  TimerNode c{3};
  const Instant due = kStart + milliseconds(10'000);
  wheel.schedule(a, due);  // waits on a high level
  advance(wheel, kStart + milliseconds(9'000));
  wheel.schedule(b, due);
  advance(wheel, kStart + milliseconds(9'990));
  wheel.schedule(c, due);
  EXPECT_EQ(advance(wheel, due), (std::vector{1, 2, 3}));
}

TEST(TimingWheel, a_callback_may_schedule_cancel_and_destroy_any_timer) {
  TimingWheel wheel;
  TimerNode self{1};
  TimerNode victim{2};
  auto other = std::make_unique<TimerNode>(std::uint16_t{3});
  const Instant due = kStart + milliseconds(7);
  for (TimerNode* n : {&self, &victim, other.get()}) wheel.schedule(*n, due);
  std::vector<int> fired;
  const auto on_timer = [&](TimerNode& n) {
    fired.push_back(static_cast<int>(n.tag));
    if (fired.size() == 1) {
      wheel.cancel(victim);
      wheel.cancel(*other);
      other.reset();
      wheel.schedule(self, due + milliseconds(1));
      wheel.schedule(victim, due + milliseconds(2));
    }
  };
  EXPECT_EQ(wheel.advance(kStart + hours(1), on_timer), 3u);
  EXPECT_EQ(fired, (std::vector{1, 1, 2}));
  EXPECT_TRUE(wheel.empty());
}

TEST(TimingWheel, a_timer_that_reschedules_itself_into_the_past_does_not_hold_up_advance) {
  TimingWheel wheel;
  TimerNode node{1};
  wheel.schedule(node, kStart);
  const auto again = [&](TimerNode& n) { wheel.schedule(n, kStart); };
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wheel.advance(kStart + hours(1), again), 1u);
    EXPECT_EQ(wheel.next_deadline(), kStart + hours(1));
  }
  wheel.cancel(node);
  EXPECT_EQ(wheel.next_deadline(), std::nullopt);
}

TEST(TimingWheel, fires_no_more_than_the_limit_and_the_rest_next_time) {
  TimingWheel wheel;
  std::vector<std::unique_ptr<TimerNode>> nodes;
  for (int i = 0; i < 10; ++i) {
    nodes.push_back(std::make_unique<TimerNode>(static_cast<std::uint16_t>(i)));
    wheel.schedule(*nodes.back(), kStart + milliseconds(i / 3));
  }
  std::vector<int> fired;
  const Instant now = kStart + hours(1);
  const auto note = [&](TimerNode& n) { fired.push_back(static_cast<int>(n.tag)); };
  EXPECT_EQ(wheel.advance(now, note, 4), 4u);
  EXPECT_LE(*wheel.next_deadline(), now);
  wheel.cancel(*nodes[4]);
  EXPECT_EQ(wheel.advance(now, note, 4), 4u);
  EXPECT_EQ(wheel.advance(now, note, 4), 1u);
  EXPECT_EQ(fired, (std::vector{0, 1, 2, 3, 5, 6, 7, 8, 9}));
}

TEST(TimingWheel, lets_go_of_its_timers_at_its_end) {
  TimerNode node;
  {
    TimingWheel wheel;
    wheel.schedule(node, kStart + hours(1));
  }
  EXPECT_FALSE(node.scheduled());
}

// The wheel beside a multimap from deadline (rounded up) to timer.
class WheelAndModel {
 public:
  explicit WheelAndModel(std::uint64_t seed) : random_(seed), places_(kTimers, model_.end()) {
    for (std::uint16_t i = 0; i < kTimers; ++i) nodes_.push_back(std::make_unique<TimerNode>(i));
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto which = static_cast<std::size_t>(random_.below(kTimers));
      const std::uint64_t kind = random_.below(10);
      if (kind < 6) {
        schedule(which, now_ + some_time() - milliseconds(2));
      } else if (kind < 8) {
        cancel(which);
      } else {
        advance_to(now_ + some_time() / 8);
      }
      ASSERT_EQ(wheel_.size(), model_.size());
      check_next();
    }
    rescheduling_ = false;
    advance_to(now_ + hours(24 * 365 * 40));
    EXPECT_TRUE(model_.empty());
    EXPECT_TRUE(wheel_.empty());
  }

 private:
  static constexpr std::uint16_t kTimers = 200;
  using Model = std::multimap<std::int64_t, std::size_t>;

  Duration some_time() {  // from nanoseconds to ten years, each order of magnitude as often
    return Duration{
        static_cast<std::int64_t>(random_.below(std::uint64_t{1} << random_.below(59)))};
  }
  void forget(std::size_t which) {
    if (places_[which] != model_.end()) model_.erase(places_[which]);
    places_[which] = model_.end();
  }
  void schedule(std::size_t which, Instant deadline) {
    wheel_.schedule(*nodes_[which], deadline);
    forget(which);
    const std::int64_t ns = deadline.time_since_epoch().count();
    places_[which] = model_.emplace((ns + 999'999) / 1'000'000, which);
  }
  void cancel(std::size_t which) {
    wheel_.cancel(*nodes_[which]);
    forget(which);
  }
  void advance_to(Instant now) {
    now_ = now;
    const std::int64_t due = now.time_since_epoch().count() / 1'000'000;
    std::int64_t previous = 0;
    wheel_.advance(now, [&](TimerNode& n) {
      const auto place = places_[n.tag];
      ASSERT_NE(place, model_.end());
      ASSERT_LE(place->first, due) << "early";
      ASSERT_GE(std::max(place->first, reached_), previous) << "out of order";
      previous = std::max(place->first, reached_);
      forget(n.tag);
      if (random_.below(8) == 0) cancel(static_cast<std::size_t>(random_.below(kTimers)));
      if (rescheduling_ && random_.below(8) == 0) {
        schedule(static_cast<std::size_t>(random_.below(kTimers)), now_ + hours(1) + some_time());
      }
    });
    reached_ = due;
    ASSERT_TRUE(model_.empty() || model_.begin()->first > due) << "forgotten";
  }
  void check_next() const {
    const auto next = wheel_.next_deadline();
    ASSERT_EQ(next.has_value(), !model_.empty());
    if (!next) return;
    const std::int64_t ms = next->time_since_epoch().count() / 1'000'000;
    ASSERT_LE(ms, std::max(model_.begin()->first, reached_));
    if (model_.begin()->first / 64 == reached_ / 64) {
      ASSERT_EQ(ms, std::max(model_.begin()->first, reached_));
    }
  }

  Random random_;
  Model model_;
  std::vector<Model::iterator> places_;
  std::vector<std::unique_ptr<TimerNode>> nodes_;
  TimingWheel wheel_;  // goes before its nodes
  bool rescheduling_ = true;
  Instant now_ = kStart;
  std::int64_t reached_ = 0;  // ms
};

TEST(TimingWheel, agrees_with_a_multimap) {
  for (const std::uint64_t seed : test_seeds(0, 39)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    WheelAndModel{seed}.run(1000);
    if (testing::Test::HasFatalFailure()) return;
  }
}

struct Record {
  IndexedTimerNode timer;
  std::uint32_t value = 0;
};
struct Resolve {
  Slab<Record>* slab;
  IndexedTimerNode& operator()(std::uint32_t index) const { return slab->at(index)->timer; }
};

TEST(IndexedTimingWheel, fires_records_of_a_slab_in_order) {
  Slab<Record> slab;
  IndexedTimingWheel<Resolve> wheel{kStart, Resolve{&slab}};
  Random random(3);
  std::vector<Handle<Record>> handles;
  std::vector<std::int64_t> due;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    handles.push_back(slab.allocate());
    due.push_back(static_cast<std::int64_t>(random.below(100'000)));
    slab.get(handles[i])->value = i;
    wheel.schedule(handles[i].index(), kStart + milliseconds(due[i]));
  }
  for (std::uint32_t i = 0; i < 20'000; i += 3) {
    wheel.cancel(handles[i].index());
    slab.free(handles[i]);
  }
  std::size_t fired = 0;
  std::int64_t previous = 0;
  for (std::int64_t t = 0; t <= 100'000; t += 777) {
    fired += wheel.advance(kStart + milliseconds(t), [&](std::uint32_t index) {
      const std::uint32_t i = slab.at(index)->value;
      ASSERT_LE(due[i], t);
      ASSERT_GE(due[i], previous);
      previous = due[i];
      slab.free(handles[i]);
    });
  }
  fired += wheel.advance(kStart + milliseconds(100'000), [&](std::uint32_t) {});
  EXPECT_EQ(fired, 20'000u - 6'667u);
  EXPECT_TRUE(wheel.empty());
}

}  // namespace
}  // namespace estab
