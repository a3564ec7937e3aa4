#include "stack/pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "stack/index_wheel.h"

namespace estab::stack {
namespace {

using namespace std::chrono_literals;

TEST(Pool, lowest_index_first_and_memory_goes_back) {
  Pool<std::uint64_t> pool;
  for (std::uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(pool.allocate(i), i);
  pool.free(17);
  pool.free(3000);
  EXPECT_EQ(pool.allocate(1), 17u);
  EXPECT_EQ(pool.allocate(1), 3000u);
  const std::size_t full = pool.bytes();
  for (std::uint32_t i = 0; i < 5000; ++i) pool.free(i);
  EXPECT_EQ(pool.size(), 0u);
  EXPECT_LT(pool.bytes(), full / 3);  // one chunk is kept
  EXPECT_EQ(pool.allocate(7), 0u);
  EXPECT_EQ(pool[0], 7u);
}

TEST(Pool, a_walk_in_slices_sees_what_lives_through_it_once) {
  Pool<std::uint32_t> pool;
  for (std::uint32_t i = 0; i < 4000; ++i) pool.allocate(i);
  std::map<std::uint32_t, int> seen;
  std::uint32_t at = 0;
  for (int step = 0; at != kNoRecord; ++step) {
    at = pool.visit(at, 100, [&](std::uint32_t i, std::uint32_t value) {
      EXPECT_EQ(i, value);
      ++seen[i];
    });
    if (step < 1000) pool.free(static_cast<std::uint32_t>(3999 - step));
  }
  for (std::uint32_t i = 0; i < 3900; ++i) EXPECT_EQ(seen[i], 1) << i;
}

struct Record {
  tcp::Millis deadline = 0;
  std::uint32_t previous : 24 = kNoRecord;
  std::uint32_t rest : 8 = 0;
  std::uint32_t next : 24 = kNoRecord;
};

// Against a map: never early, at most one tick late, each once; also across the wrap of Millis and
// for deadlines that are more than a turn ahead or in the past.
TEST(IndexWheel, agrees_with_an_ordered_map) {
  for (const Duration start : {Duration{0s}, Duration{std::chrono::milliseconds(0xffffff00)}}) {
    Pool<Record> pool;
    IndexWheel<Record> wheel{pool};
    std::mt19937 random(1);
    Instant now = Instant{} + start;
    wheel.expire(now, 1, [](std::uint32_t) {});
    std::map<std::uint32_t, Instant> due;
    for (int round = 0; round < 3000; ++round) {
      const auto ms = static_cast<int>(random() % 600000) - 1000;
      const Instant at = now + std::chrono::milliseconds(ms);
      const std::uint32_t i = pool.allocate({});
      pool[i].deadline = tcp::to_millis(at);
      wheel.insert(i);
      due[i] = std::max(at, now);
      if (round % 7 == 0) {
        const auto victim = due.begin();
        wheel.erase(victim->first);
        pool.free(victim->first);
        due.erase(victim);
      }
      now += std::chrono::milliseconds(random() % 400);
      if (wheel.size() > 0) {
        ASSERT_LE(wheel.next(), now + 2 * 262144ms);
      }
      wheel.expire(now, 100000, [&](std::uint32_t gone) {
        EXPECT_LE(due[gone], now);
        due.erase(gone);
        pool.free(gone);
      });
      for (const auto& [index, when] : due) ASSERT_GT(when + 65ms, now) << index;
    }
    now += 700s;
    wheel.expire(now, 100000, [&](std::uint32_t gone) { due.erase(gone); });
    EXPECT_TRUE(due.empty());
    EXPECT_EQ(wheel.next(), kNever);
  }
}

TEST(IndexWheel, a_budget_stops_it_and_nothing_is_lost) {
  Pool<Record> pool;
  IndexWheel<Record> wheel{pool};
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t r = pool.allocate({});
    pool[r].deadline = 5000;
    wheel.insert(r);
  }
  int expired = 0;
  const auto count = [&](std::uint32_t i) {
    pool.free(i);
    ++expired;
  };
  EXPECT_EQ(wheel.expire(Instant{} + 10s, 300, count), 300u);
  EXPECT_LE(wheel.next(), Instant{} + 10s);
  while (wheel.expire(Instant{} + 10s, 300, count) == 300) {
  }
  EXPECT_EQ(expired, 1000);
}

}  // namespace
}  // namespace estab::stack
