#include "base/flat_map.h"

#include <gtest/gtest.h>

#include <unordered_map>

#include "base/random.h"
#include "base/siphash.h"
#include "support/seeds.h"

namespace estab {
namespace {

struct Keyed {
  SipKey key{{1, 2}};
  std::uint64_t operator()(std::uint64_t k) const {
    std::array<std::uint8_t, 8> bytes;
    std::memcpy(bytes.data(), &k, 8);
    return siphash(key, bytes);
  }
};
using Map = FlatMap<std::uint64_t, std::uint32_t, Keyed>;
using Model = std::unordered_map<std::uint64_t, std::uint32_t>;

void check_same(Map& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  std::size_t agreeing = 0;
  map.for_each([&](std::uint64_t k, std::uint32_t& v) {
    const auto found = model.find(k);
    agreeing += found != model.end() && found->second == v ? 1 : 0;
  });
  EXPECT_EQ(agreeing, model.size());
  for (const auto& [k, v] : model) {
    const std::uint32_t* found = map.find(k);
    agreeing -= found != nullptr && *found == v ? 1 : 0;
  }
  EXPECT_EQ(agreeing, 0u);
}

TEST(FlatMap, a_million_inserts_and_erases_agree_with_unordered_map) {
  Map map{Keyed{}};
  Model model;
  Random random(1);
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const std::uint64_t key = random.below(300'000);
    // Phases of growth and of shrinking, so that both meet a resize under way.
    if (random.below(100) < ((i / 150'000) % 2 == 0 ? 80u : 20u)) {
      const auto [value, is_new] = map.insert(key, i);
      const auto [there, was_new] = model.emplace(key, i);
      ASSERT_EQ(is_new, was_new);
      ASSERT_EQ(*value, there->second);
    } else {
      ASSERT_EQ(map.erase(key), model.erase(key) == 1);
    }
    if (i % 200'000 == 77) check_same(map, model);
  }
  check_same(map, model);
  for (const auto& entry : Model(model)) ASSERT_TRUE(map.erase(entry.first));
  EXPECT_TRUE(map.empty());
  EXPECT_LT(map.bytes(), 10'000u) << "an emptied map gives its memory back";
}

TEST(FlatMap, every_small_map_agrees_at_every_step) {
  for (const std::uint64_t seed : test_seeds(0, 19)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    Map map{Keyed{}};
    Model model;
    Random random(seed);
    for (std::uint32_t i = 0; i < 300; ++i) {
      const std::uint64_t key = random.below(64);
      if (random.below(2) == 0) {
        map.insert(key, i);
        model.emplace(key, i);
      } else {
        ASSERT_EQ(map.erase(key), model.erase(key) == 1);
      }
      check_same(map, model);
    }
  }
}

TEST(FlatMap, keeps_its_entries_under_a_useless_hash) {
  struct Same {
    std::uint64_t operator()(std::uint64_t) const { return 0; }
  };
  FlatMap<std::uint64_t, int, Same> map{Same{}};
  for (std::uint64_t k = 0; k < 200; ++k) map.insert(k, static_cast<int>(k));
  for (std::uint64_t k = 0; k < 200; k += 2) EXPECT_TRUE(map.erase(k));
  for (std::uint64_t k = 0; k < 200; ++k) EXPECT_EQ(map.contains(k), k % 2 == 1) << k;
}

TEST(FlatMap, reserve_lets_inserts_keep_their_place) {
  Map map{Keyed{}};
  map.reserve(10'000);
  const std::size_t bytes = map.bytes();
  for (std::uint64_t k = 0; k < 10'000; ++k) map.insert(k, 1);
  EXPECT_EQ(map.bytes(), bytes);
  map.clear();
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.find(3), nullptr);
  map.insert(3, 4);
  EXPECT_EQ(*map.find(3), 4u);
}

TEST(FlatIndex, finds_entries_by_what_they_lead_to) {
  const std::uint64_t keys[] = {10, 20, 30};
  FlatIndex<std::uint32_t> index;  // of positions in `keys`
  const Keyed hash;
  for (std::uint32_t i = 0; i < 3; ++i) index.insert(hash(keys[i]), i);
  const auto is = [&](std::uint64_t k) {
    return [&keys, k](std::uint32_t i) { return keys[i] == k; };
  };
  ASSERT_NE(index.find(hash(20), is(20)), nullptr);
  EXPECT_EQ(*index.find(hash(20), is(20)), 1u);
  EXPECT_EQ(index.find(hash(40), is(40)), nullptr);
  EXPECT_TRUE(index.erase(hash(20), is(20)));
  EXPECT_FALSE(index.erase(hash(20), is(20)));
  EXPECT_EQ(index.size(), 2u);
}

}  // namespace
}  // namespace estab
