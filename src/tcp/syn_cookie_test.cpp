// SYN cookies: what survives, how long they are good, and what a forger gets.
#include "tcp/syn_cookie.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/tcp_bench.h"
#include "tcp/mss.h"

namespace estab::tcp {
namespace {

using namespace std::chrono_literals;
using testing::kAck;
using testing::kSyn;
using testing::World;

constexpr SipKey kSecret{{0x0123456789abcdef, 0xfedcba9876543210}};
constexpr SipKey kNames{{3, 4}};

struct Listener {
  World world;
  Settings settings;
  SynCookies cookies{kSecret};
  SynParameters with;
  Listener() {
    with.ts_offset = 0xfffffff0;
    with.settings = &settings;
  }

  static wire::Segment syn(std::uint16_t mss = 1460) {
    wire::Segment s;
    s.tuple = testing::test_tuple();
    s.flags = kSyn;
    s.seq = {0x11223344};
    s.window = 64240;
    s.options.mss = mss;
    return s;
  }
  static wire::Segment modern_syn(std::uint8_t shift = 7, bool sack = true) {
    wire::Segment s = syn();
    s.options.window_scale = shift;
    s.options.sack_permitted = sack;
    s.options.timestamps = wire::Timestamps{777, 0};
    return s;
  }
  wire::Segment answer(const wire::Segment& s, bool ecn = false) {
    auto context = world.context();
    SynRecord r = make_syn_record(s, with, context);
    r.ecn_ok = ecn;
    return cookies.seal(r, settings, name_of(s), world.now);
  }
  static std::uint64_t name_of(const wire::Segment& s) { return siphash(kNames, s.tuple); }
  static wire::Segment ack_of(const wire::Segment& syn, const wire::Segment& answer) {
    wire::Segment a;
    a.tuple = syn.tuple;
    a.flags = kAck;
    a.seq = {syn.seq.value + 1};
    a.ack = {answer.seq.value + 1};
    a.window = 502;
    if (answer.options.timestamps) {
      a.options.timestamps =
          wire::Timestamps{syn.options.timestamps->value + 5, answer.options.timestamps->value};
    }
    return a;
  }
  std::optional<SynRecord> open(const wire::Segment& ack) {
    return cookies.open(ack, name_of(ack), with, world.context());
  }
};

TEST(SynCookie, a_plain_syn_comes_back) {
  Listener l;
  const wire::Segment syn = Listener::syn();
  const wire::Segment answer = l.answer(syn);
  EXPECT_EQ(answer.flags, kSyn | kAck);
  EXPECT_EQ(answer.ack.value, syn.seq.value + 1);
  EXPECT_FALSE(answer.options.timestamps);
  const auto r = l.open(Listener::ack_of(syn, answer));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->tuple, syn.tuple);
  EXPECT_EQ(r->irs, syn.seq);
  EXPECT_EQ(r->iss, answer.seq);
  EXPECT_EQ(r->peer_mss, 1460);
  EXPECT_TRUE(r->cookie);
  EXPECT_FALSE(r->ts_ok || r->wscale_ok || r->sack_ok || r->ecn_ok);
}

// RFC 7323 1.3: what was not offered in the SYN,ACK must not be used.
TEST(SynCookie, without_timestamps_nothing_is_offered_that_would_be_forgotten) {
  Listener l;
  wire::Segment syn = Listener::modern_syn();
  syn.options.timestamps.reset();
  const wire::Segment answer = l.answer(syn);
  EXPECT_FALSE(answer.options.window_scale);
  EXPECT_FALSE(answer.options.sack_permitted);
  const auto r = l.open(Listener::ack_of(syn, answer));
  ASSERT_TRUE(r);
  EXPECT_FALSE(r->wscale_ok || r->sack_ok);
}

TEST(SynCookie, window_scale_sack_and_ecn_survive_in_the_timestamp) {
  for (std::uint8_t shift = 0; shift <= 14; ++shift) {
    for (const int bits : {0, 1, 2, 3}) {
      Listener l;
      l.world.now += std::chrono::milliseconds(shift * 17 + bits);
      const wire::Segment syn = Listener::modern_syn(shift, (bits & 1) != 0);
      const wire::Segment answer = l.answer(syn, (bits & 2) != 0);
      EXPECT_EQ(answer.options.window_scale, window_shift_for(l.world.tuning));
      EXPECT_EQ(answer.options.sack_permitted, (bits & 1) != 0);
      // Never in the future, and at most 64 ms old.
      const std::uint32_t stamp = answer.options.timestamps->value - l.with.ts_offset;
      EXPECT_LT(timestamp_clock(l.world.now) - stamp, 64u);
      const auto r = l.open(Listener::ack_of(syn, answer));
      ASSERT_TRUE(r);
      EXPECT_TRUE(r->ts_ok && r->wscale_ok);
      EXPECT_EQ(r->snd_wnd_shift, shift);
      EXPECT_EQ(r->rcv_wnd_shift, answer.options.window_scale);
      EXPECT_EQ(r->sack_ok, (bits & 1) != 0);
      EXPECT_EQ(r->ecn_ok, (bits & 2) != 0);
      EXPECT_EQ(r->ts_recent, 782u);
      EXPECT_EQ(r->ts_offset, l.with.ts_offset);
    }
  }
}

TEST(SynCookie, timestamps_without_window_scale) {
  Listener l;
  wire::Segment syn = Listener::modern_syn();
  syn.options.window_scale.reset();
  const auto r = l.open(Listener::ack_of(syn, l.answer(syn)));
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->ts_ok && r->sack_ok);
  EXPECT_FALSE(r->wscale_ok);
  EXPECT_EQ(r->rcv_wnd_shift, 0);
}

// proves: MUST-16
TEST(SynCookie, MUST_16_the_mss_that_comes_back_is_never_above_the_peer_s) {
  for (const int mss : {48, 88, 535, 536, 1000, 1220, 1300, 1400, 1439, 1440, 1460, 8940, 65495}) {
    Listener l;
    const wire::Segment syn = Listener::syn(static_cast<std::uint16_t>(mss));
    const auto r = l.open(Listener::ack_of(syn, l.answer(syn)));
    ASSERT_TRUE(r);
    EXPECT_LE(r->peer_mss, mss);
    if (mss >= 1320 && mss <= 1500) {
      EXPECT_GE(r->peer_mss, mss - 80);
    }
  }
  for (const int exactly : {536, 1220, 1400, 1440, 1460, 8940}) {
    Listener l;
    const wire::Segment syn = Listener::syn(static_cast<std::uint16_t>(exactly));
    EXPECT_EQ(l.open(Listener::ack_of(syn, l.answer(syn)))->peer_mss, exactly);
  }
}

TEST(SynCookie, good_for_64_to_128_seconds) {
  for (const Duration into_epoch : {0s, 1s, 32s, 63s}) {
    for (const bool modern : {false, true}) {
      Listener l;
      l.world.now = Instant{} + 64s * 20 + into_epoch;
      const wire::Segment syn = modern ? Listener::modern_syn() : Listener::syn();
      const wire::Segment ack = Listener::ack_of(syn, l.answer(syn));
      const Instant sent = l.world.now;
      Duration last{0};
      for (Duration age{0}; age < 300s; age += 500ms) {
        l.world.now = sent + age;
        if (l.open(ack)) last = age;
      }
      EXPECT_GE(last, 64s);
      EXPECT_LT(last, 128s);
    }
  }
}

TEST(SynCookie, each_stack_and_each_epoch_has_its_own_key) {
  Listener a;
  Listener b;
  b.cookies = SynCookies(SipKey{{1, 2}});
  const wire::Segment syn = Listener::syn();
  const WireSeq first = a.answer(syn).seq;
  EXPECT_EQ(a.answer(syn).seq, first);
  EXPECT_NE(b.answer(syn).seq, first);
  a.world.now += SynCookies::kEpoch;
  EXPECT_NE(a.answer(syn).seq.value & ~15u, first.value & ~15u);
}

// Each part of the ACK that the hash covers.
TEST(SynCookie, no_part_of_it_can_be_changed) {
  Listener l;
  const wire::Segment syn = Listener::modern_syn();
  const wire::Segment good = Listener::ack_of(syn, l.answer(syn));
  ASSERT_TRUE(l.open(good));
  for (int bit = 0; bit < 32; ++bit) {
    wire::Segment s = good;
    s.ack.value = ((s.ack.value - 1) ^ (1u << bit)) + 1;
    EXPECT_FALSE(l.open(s)) << "cookie bit " << bit;
    s = good;
    s.seq.value ^= 1u << bit;
    EXPECT_FALSE(l.open(s)) << "seq bit " << bit;
  }
  for (std::uint32_t bit = 0; bit < 6; ++bit) {
    wire::Segment s = good;
    s.options.timestamps->echo =
        ((s.options.timestamps->echo - l.with.ts_offset) ^ (1u << bit)) + l.with.ts_offset;
    EXPECT_FALSE(l.open(s)) << "option bit " << bit;
  }
  wire::Segment s = good;
  s.tuple.remote.port.value += 1;
  EXPECT_FALSE(l.open(s));
  s = good;
  s.options.timestamps.reset();
  EXPECT_FALSE(l.open(s)) << "timestamps were agreed on";
  s = good;
  s.options.timestamps->echo += 1000000;
  EXPECT_FALSE(l.open(s)) << "a time stamp of the future";
  l.world.tuning.tcp_rmem_max = 65536;
  EXPECT_FALSE(l.open(good)) << "our window scale is another one now";
}

// 2^-28 a guess. A hash of 12 bits would let 256 in here, one of 20 bits still one.
TEST(SynCookie, a_storm_of_guesses_gets_nowhere) {
  Listener l;
  Random random(42);
  int opened = 0;
  for (int i = 0; i < 1000000; ++i) {
    wire::Segment s = Listener::syn();
    s.flags = kAck;
    s.tuple.remote.port.value = static_cast<std::uint16_t>(1 + random.below(65535));
    s.seq.value = static_cast<std::uint32_t>(random.next());
    s.ack.value = static_cast<std::uint32_t>(random.next());
    opened += l.open(s) ? 1 : 0;
  }
  EXPECT_EQ(opened, 0);
}

// The rate itself, on the 16 highest bits of the hash: of 2^20 guesses 2^20 / 2^16 = 16 have them.
TEST(SynCookie, guesses_succeed_as_often_as_the_bits_say) {
  Listener l;
  Random random(43);
  int right = 0;
  for (int i = 0; i < (1 << 20); ++i) {
    wire::Segment syn = Listener::syn();
    syn.tuple.remote.port.value = static_cast<std::uint16_t>(1 + random.below(65535));
    syn.seq.value = static_cast<std::uint32_t>(random.next());
    const std::uint32_t cookie = l.answer(syn).seq.value;
    const auto guess = static_cast<std::uint32_t>(random.next());
    right += ((cookie ^ guess) >> 16) == 0 ? 1 : 0;
  }
  EXPECT_GT(right, 2);  // 16 expected; outside these bounds once in 10^5
  EXPECT_LT(right, 36);
}

RC_GTEST_PROP(SynCookie, what_was_sealed_opens, ()) {
  Listener l;
  l.world.now =
      Instant{} + std::chrono::milliseconds(*rc::gen::inRange<std::int64_t>(0, 1LL << 33));
  l.with.ts_offset = *rc::gen::arbitrary<std::uint32_t>();
  wire::Segment syn = Listener::syn(*rc::gen::arbitrary<std::uint16_t>());
  syn.seq.value = *rc::gen::arbitrary<std::uint32_t>();
  if (*rc::gen::arbitrary<bool>()) {
    syn.options.timestamps = wire::Timestamps{*rc::gen::arbitrary<std::uint32_t>(), 0};
  }
  if (*rc::gen::arbitrary<bool>()) syn.options.window_scale = *rc::gen::arbitrary<std::uint8_t>();
  const wire::Segment answer = l.answer(syn);
  const wire::Segment ack = Listener::ack_of(syn, answer);
  l.world.now += std::chrono::milliseconds(*rc::gen::inRange(0, 64000));
  const auto r = l.open(ack);
  RC_ASSERT(r.has_value());
  RC_ASSERT(r->irs == syn.seq);
  RC_ASSERT(r->ts_ok == syn.options.timestamps.has_value());
  RC_ASSERT(r->peer_mss <= std::max<int>(*syn.options.mss, 48));
}

}  // namespace
}  // namespace estab::tcp
