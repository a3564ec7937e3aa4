#include "stack/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace estab::stack {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr SipKey kFirst{{1, 2}};
constexpr SipKey kSecond{{3, 4}};
using File = std::vector<std::uint8_t>;

SavedTimeWait nth(std::uint16_t n, bool v6 = false) {
  SavedTimeWait s;
  const IpAddress local = v6 ? *IpAddress::parse("fd00::1") : IpAddress::v4(10, 0, 0, 1);
  const IpAddress remote = v6 ? *IpAddress::parse("fd00::2") : IpAddress::v4(10, 0, 0, 2);
  s.tuple = {{local, {80}}, {remote, {n}}};
  s.tcp.snd_nxt = n * 7u;
  s.tcp.ts_ok = 1;
  s.entered = 1000;
  s.deadline = 60000000000 + n;
  s.length = 30s;
  s.reuse_address = true;
  return s;
}

bool same(const SavedTimeWait& a, const SavedTimeWait& b) {
  return a.tuple == b.tuple && a.tcp.snd_nxt == b.tcp.snd_nxt && a.tcp.ts_ok == b.tcp.ts_ok &&
         a.entered == b.entered && a.deadline == b.deadline && a.length == b.length &&
         a.reuse_address == b.reuse_address && a.autobound == b.autobound;
}

std::vector<SavedTimeWait> read_all(Memory& m) {
  std::vector<SavedTimeWait> all;
  m.for_each([&](std::uint32_t, const SavedTimeWait& s) { all.push_back(s); });
  return all;
}

File with_three_records() {
  File file(Memory::bytes_for(8));
  Memory m(file, kFirst);
  EXPECT_TRUE(m.put(Ref(Ref::Kind::kTimeWait4, 0), nth(10)));
  EXPECT_TRUE(m.put(Ref(Ref::Kind::kTimeWait4, 2), nth(12)));
  EXPECT_TRUE(m.put(Ref(Ref::Kind::kTimeWait6, 0), nth(20, true)));
  m.keep_clock(123456789);
  return file;
}

TEST(Memory, what_one_process_writes_the_next_one_reads) {
  File file = with_three_records();
  Memory next(file, kSecond);
  EXPECT_THAT(next.note(), IsEmpty());
  EXPECT_TRUE(next.restored());
  EXPECT_EQ(next.secret().words, kFirst.words);
  EXPECT_EQ(next.clock(), 123456789);
  const auto all = read_all(next);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(same(all[0], nth(10)));
  EXPECT_TRUE(same(all[1], nth(12)));
  EXPECT_TRUE(same(all[2], nth(20, true)));
}

TEST(Memory, what_is_erased_is_gone) {
  File file = with_three_records();
  {
    Memory m(file, kSecond);
    m.erase(Ref(Ref::Kind::kTimeWait4, 0));
    m.erase(Ref(Ref::Kind::kTimeWait6, 5));  // slot 2 holds an IPv4 record: not this one's
    m.erase(Ref(Ref::Kind::kTimeWait4, 100));
  }
  Memory m(file, kSecond);
  EXPECT_EQ(read_all(m).size(), 2u);
}

TEST(Memory, families_that_meet_and_indices_beyond_the_end_are_not_kept) {
  File file(Memory::bytes_for(2));
  Memory m(file, kFirst);
  EXPECT_TRUE(m.put(Ref(Ref::Kind::kTimeWait4, 0), nth(1)));
  EXPECT_TRUE(m.put(Ref(Ref::Kind::kTimeWait4, 1), nth(2)));
  EXPECT_FALSE(m.put(Ref(Ref::Kind::kTimeWait4, 2), nth(3)));
  EXPECT_FALSE(m.put(Ref(Ref::Kind::kTimeWait6, 0), nth(4, true)));
  EXPECT_EQ(read_all(m).size(), 2u);
}

// Every single byte wrong: either the whole is refused, or what is left is exactly what was
// written, with the damaged record missing and said so.
TEST(Memory, torn_at_each_byte) {
  const File good = with_three_records();
  const std::vector<SavedTimeWait> truth{nth(10), nth(12), nth(20, true)};
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      File file = good;
      file[at] = static_cast<std::uint8_t>(file[at] ^ flip);
      Memory m(file, kSecond);
      const auto left = read_all(m);
      EXPECT_LE(left.size(), truth.size());
      for (const SavedTimeWait& s : left) {
        EXPECT_TRUE(std::any_of(truth.begin(), truth.end(),
                                [&](const SavedTimeWait& t) { return same(s, t); }))
            << "byte " << at;
      }
      if (m.restored()) {
        EXPECT_EQ(m.secret().words, kFirst.words) << "byte " << at;
        EXPECT_TRUE(left.size() == 3 || !m.note().empty()) << "byte " << at;
      } else {
        EXPECT_THAT(m.note(), HasSubstr("refused")) << "byte " << at;
        EXPECT_EQ(m.secret().words, kSecond.words);
        EXPECT_THAT(left, IsEmpty());
      }
    }
  }
}

// The same for a process that dies in the middle of a write: everything after some byte is old.
TEST(Memory, cut_off_at_each_byte_of_a_write) {
  const File before = with_three_records();
  File after = before;
  {
    Memory m(after, kSecond);
    m.put(Ref(Ref::Kind::kTimeWait4, 1), nth(11));
  }
  for (std::size_t cut = 0; cut <= before.size(); ++cut) {
    File file = after;
    std::copy(before.begin() + static_cast<std::ptrdiff_t>(cut), before.end(),
              file.begin() + static_cast<std::ptrdiff_t>(cut));
    Memory m(file, kSecond);
    EXPECT_TRUE(m.restored());
    const auto left = read_all(m);
    EXPECT_GE(left.size(), 3u) << cut;
  }
}

TEST(Memory, a_file_cut_short_or_grown_is_refused_and_made_anew) {
  for (const std::size_t size : {Memory::bytes_for(7), Memory::bytes_for(9)}) {
    File file = with_three_records();
    file.resize(size);
    {
      Memory m(file, kSecond);
      EXPECT_THAT(m.note(), HasSubstr("refused"));
      EXPECT_THAT(m.note(), HasSubstr("starting fresh"));
      EXPECT_THAT(read_all(m), IsEmpty());
      EXPECT_TRUE(m.in_use());
    }
    Memory again(file, kFirst);
    EXPECT_THAT(again.note(), IsEmpty());
    EXPECT_TRUE(again.restored());
    EXPECT_EQ(again.secret().words, kSecond.words);
  }
}

TEST(Memory, a_foreign_file_is_left_as_it_is) {
  File file(Memory::bytes_for(8), 'x');
  const File before = file;
  Memory m(file, kFirst);
  EXPECT_THAT(m.note(), HasSubstr("refused"));
  EXPECT_FALSE(m.in_use());
  EXPECT_FALSE(m.put(Ref(Ref::Kind::kTimeWait4, 0), nth(1)));
  m.erase(Ref(Ref::Kind::kTimeWait4, 0));
  m.keep_clock(5);
  EXPECT_EQ(file, before);
}

TEST(Memory, too_small_or_none) {
  File file(10);
  EXPECT_THAT(Memory(file, kFirst).note(), HasSubstr("needs"));
  EXPECT_THAT(Memory({}, kFirst).note(), IsEmpty());
  EXPECT_FALSE(Memory({}, kFirst).in_use());
}

}  // namespace
}  // namespace estab::stack
