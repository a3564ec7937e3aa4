#include "stack/time_wait_table.h"

#include <gtest/gtest.h>

#include "stack/demux.h"

namespace estab::stack {
namespace {

using namespace std::chrono_literals;

constexpr SipKey kKey{{1, 2}};

NewTimeWait nth(std::uint32_t n, Instant deadline) {
  NewTimeWait w;
  w.tuple = {{IpAddress::v4(10, 0, 0, 1), {80}},
             {IpAddress::v4(0x0b000000 + n / 60000), {static_cast<std::uint16_t>(n % 60000 + 1)}}};
  w.tcp.snd_nxt = n;
  w.deadline = deadline;
  w.id = n;
  return w;
}

// A million records, their way through the demultiplexer included, cost less than 100 MB and come
// and go in constant time each.
TEST(TimeWaitTable, a_million_records_in_under_100_MB) {
  constexpr std::uint32_t kMany = 1000000;
  TimeWaitTable table;
  Demux demux(kKey);
  const Instant begin = Instant{} + 100s;
  std::size_t most = 0;
  for (std::uint32_t n = 0; n < kMany; ++n) {
    const Instant now = begin + n * 10us;
    const NewTimeWait w = nth(n, now + 60s);
    demux.insert(demux.hash(w.tuple), table.add(w, now));
    if (n % 65536 == 0) most = std::max(most, table.bytes() + demux.bytes());
  }
  most = std::max(most, table.bytes() + demux.bytes());
  EXPECT_LT(most, 100u * 1000 * 1000);
  EXPECT_EQ(table.size(), kMany);

  const FourTuple wanted = nth(777777, begin).tuple;
  const Ref ref = demux.find(demux.hash(wanted), [&](Ref r) { return table.is(r, wanted); });
  ASSERT_TRUE(ref);
  EXPECT_EQ(table.get(ref).tcp.snd_nxt, 777777u);
  EXPECT_EQ(table.tuple(ref), wanted);

  std::uint32_t gone = 0;
  for (Instant now = begin; table.size() > 0; now += 32ms) {
    table.expire(now, kMany, [&](Ref r) {
      EXPECT_LE(tcp::from_millis(table.get(r).deadline, now), now);
      demux.erase(demux.hash(table.tuple(r)), r);
      table.remove_expired(r);
      ++gone;
    });
    ASSERT_LT(now, begin + 80s);
  }
  EXPECT_EQ(gone, kMany);
  EXPECT_EQ(demux.size(), 0u);
  EXPECT_LT(table.bytes() + demux.bytes(), 1000u * 1000);  // memory goes back
}

TEST(TimeWaitTable, ipv6_records_keep_their_names) {
  TimeWaitTable table;
  NewTimeWait w;
  w.tuple = {{*IpAddress::parse("fd00::1"), {80}}, {*IpAddress::parse("fd00::2"), {4711}}};
  w.deadline = Instant{} + 60s;
  w.reuse_address = true;
  const Ref ref = table.add(w, Instant{});
  EXPECT_EQ(ref.kind(), Ref::Kind::kTimeWait6);
  EXPECT_EQ(table.tuple(ref), w.tuple);
  EXPECT_TRUE(table.is(ref, w.tuple));
  EXPECT_FALSE(table.is(ref, w.tuple.reversed()));
  EXPECT_EQ(table.get(ref).reuse_address, 1u);
  table.remove(ref);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.next(), kNever);
}

TEST(TimeWaitTable, each_record_remembers_its_own_length) {
  TimeWaitTable table;
  NewTimeWait w = nth(1, Instant{} + 5s);
  w.length = 5s;
  const Ref own = table.add(w, Instant{});
  const Ref knob = table.add(nth(2, Instant{} + 60s), Instant{});
  EXPECT_EQ(table.length_of(own, 60s), 5s);
  EXPECT_EQ(table.length_of(knob, 60s), 60s);
  table.restart(own, Instant{} + 9s, Instant{} + 4s);
  EXPECT_EQ(table.expire(Instant{} + 8s, 10, [](Ref) {}), 0u);
  EXPECT_EQ(table.expire(Instant{} + 10s, 10, [&](Ref r) { EXPECT_EQ(r, own); }), 1u);
}

// More lengths than codes: never a shorter one.
TEST(TimeWaitTable, lengths_beyond_the_codes_are_rounded_up) {
  TimeWaitTable table;
  for (std::uint32_t n = 1; n <= 300; ++n) {
    NewTimeWait w = nth(n, Instant{} + 60s);
    w.length = n <= 255 ? n * 2s : 101s;
    const Ref ref = table.add(w, Instant{});
    EXPECT_GE(table.length_of(ref, 1h), w.length);
    EXPECT_LE(table.length_of(ref, 1h), w.length + 1s);
  }
}

}  // namespace
}  // namespace estab::stack
