#include "base/slab.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>

#include "base/random.h"

namespace estab {
namespace {

struct Record {
  std::uint64_t a = 0;
  std::string text;
};

TEST(Slab, a_stale_handle_finds_nothing) {
  Slab<Record> slab;
  const auto h = slab.allocate(1u, "one");
  ASSERT_NE(slab.get(h), nullptr);
  EXPECT_EQ(slab.get(h)->text, "one");
  EXPECT_TRUE(slab.free(h));
  EXPECT_EQ(slab.get(h), nullptr);
  EXPECT_FALSE(slab.free(h));
  const auto again = slab.allocate(2u, "two");
  EXPECT_EQ(again.index(), h.index());
  EXPECT_NE(again, h);
  EXPECT_EQ(slab.get(h), nullptr);
  EXPECT_EQ(slab.get(Handle<Record>{}), nullptr);
  EXPECT_EQ(slab.get(Handle<Record>{0xffffffffffffffff}), nullptr);
  EXPECT_EQ(slab.at(again.index()), slab.get(again));
  EXPECT_EQ(slab.handle_at(again.index() + 1), Handle<Record>{});
}

TEST(Slab, handles_stay_stale_over_chunks_given_back) {
  Slab<std::uint64_t> slab;
  std::vector<Handle<std::uint64_t>> old;
  old.reserve(50000);
  for (int i = 0; i < 50000; ++i) old.push_back(slab.allocate(1u));
  const std::size_t full = slab.bytes();
  for (const auto h : old) slab.free(h);
  EXPECT_EQ(slab.size(), 0u);
  EXPECT_LT(slab.bytes(), full / 5) << "memory goes back";
  for (int i = 0; i < 50000; ++i) slab.allocate(2u);
  for (const auto h : old) ASSERT_EQ(slab.get(h), nullptr);
}

TEST(Slab, addresses_are_stable_and_no_object_is_lost) {
  Slab<std::uint64_t> slab;
  std::map<std::uint64_t, std::uint64_t*> model;
  Random random(7);
  for (int i = 0; i < 200000; ++i) {
    const bool grow = random.below(100) < ((i / 40000) % 2 == 0 ? 70u : 35u);
    if (grow || model.empty()) {
      const auto h = slab.allocate(static_cast<std::uint64_t>(i));
      model[h.value] = slab.get(h);
    } else {
      auto victim = model.lower_bound(random.next());
      if (victim == model.end()) victim = model.begin();
      ASSERT_TRUE(slab.free({victim->first}));
      model.erase(victim);
    }
  }
  ASSERT_EQ(slab.size(), model.size());
  std::size_t seen = 0;
  slab.for_each([&](Handle<std::uint64_t> h, std::uint64_t& object) {
    ASSERT_EQ(model.at(h.value), &object);
    ++seen;
  });
  EXPECT_EQ(seen, model.size());
}

TEST(Slab, may_be_walked_in_steps_while_it_changes) {
  Slab<int> slab;
  std::vector<Handle<int>> handles;
  handles.reserve(20000);
  for (int i = 0; i < 20000; ++i) handles.push_back(slab.allocate(i));
  std::vector<int> seen;
  for (std::uint32_t at = 0; at != Slab<int>::kEnd;) {
    at = slab.visit(at, 1000, [&](Handle<int>, int& n) { seen.push_back(n); });
    slab.allocate(-1);
  }
  seen.erase(std::remove(seen.begin(), seen.end(), -1), seen.end());
  EXPECT_EQ(seen.size(), 20000u);
  std::size_t freed = 0;
  slab.for_each([&](Handle<int> h, int&) { freed += slab.free(h) ? 1 : 0; });
  EXPECT_TRUE(slab.empty());
  EXPECT_EQ(slab.visit(0, 0xffffffff, [](Handle<int>, int&) {}), Slab<int>::kEnd);
}

struct Throws {
  explicit Throws(bool now) {
    if (now) throw std::runtime_error("no");
  }
  char c = 0;
};

TEST(Slab, a_constructor_that_throws_leaves_it_as_it_was) {
  Slab<Throws> slab;
  EXPECT_THROW(slab.allocate(true), std::runtime_error);
  EXPECT_EQ(slab.size(), 0u);
  const auto h = slab.allocate(false);
  EXPECT_THROW(slab.allocate(true), std::runtime_error);
  EXPECT_EQ(slab.size(), 1u);
  EXPECT_TRUE(slab.free(h));
}

TEST(Slab, costs_little_beside_the_objects) {
  struct Of64 {
    char bytes[64];
  };
  Slab<Of64> slab;
  for (int i = 0; i < 100000; ++i) slab.allocate();
  EXPECT_LT(slab.bytes(), 100000u * 70);
}

}  // namespace
}  // namespace estab
