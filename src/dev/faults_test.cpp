#include "dev/faults.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <set>

namespace estab::dev {
namespace {

using namespace std::chrono_literals;

// A pair whose left end is faulty, and the frames that came through with the time at which they
// did.
struct Arrival {
  Instant at;
  std::uint32_t number;
};
bool operator==(const Arrival& a, const Arrival& b) { return a.at == b.at && a.number == b.number; }

class Link {
 public:
  explicit Link(std::string_view faults, std::size_t frame_size = 100) : size_(frame_size) {
    MemoryPairOptions options;
    options.mtu = 65535;
    options.queue_limit = 1'000'000;
    auto pair = memory_pair(options);
    const auto spec = parse_faults(faults);
    EXPECT_TRUE(spec) << spec.error();
    faulty_ = with_faults(std::move(pair.first), *spec);
    far_ = std::move(pair.second);
  }
  // One frame through the faulty end, outward or inward.
  void send(Instant now, bool outward = true) {
    Slice bytes{Buffer::allocate(size_), 0, static_cast<std::uint32_t>(size_)};
    std::memset(bytes.buffer.data(), 0, size_);
    std::memcpy(bytes.buffer.data(), &sent_, sizeof(sent_));
    ++sent_;
    OutgoingFrame frame;
    frame.payload().push_back(std::move(bytes));
    (outward ? *faulty_ : *far_).send(now, {&frame, 1});
  }
  // Lets time pass until `end`, from one wake-up to the next.
  const std::vector<Arrival>& run(Instant from, Instant end) {
    for (Instant now = from;;) {
      collect(now);
      const Instant next = faulty_->next_wakeup().value_or(kNever);
      if (next > end) return arrivals_;
      now = std::max(now, next);
    }
  }
  void collect(Instant now) {
    std::vector<ReceivedFrame> in;
    faulty_->receive(now, 1'000'000, in);
    far_->receive(now, 1'000'000, in);
    for (const ReceivedFrame& frame : in) {
      Arrival arrival{now, 0};
      std::memcpy(&arrival.number, frame.bytes.bytes().data(), sizeof(arrival.number));
      arrivals_.push_back(arrival);
      frames_.push_back(frame);
    }
  }
  Device& faulty() { return *faulty_; }
  const std::vector<ReceivedFrame>& frames() const { return frames_; }

 private:
  std::size_t size_;
  std::uint32_t sent_ = 0;
  std::unique_ptr<Device> faulty_;
  std::unique_ptr<Device> far_;
  std::vector<Arrival> arrivals_;
  std::vector<ReceivedFrame> frames_;
};

// `count` frames, one each `gap`, then all that is still under way.
std::vector<Arrival> stream(Link& link, int count, Duration gap, bool outward = true) {
  Instant now{};
  for (int i = 0; i < count; ++i, now += gap) {
    link.run(now - gap, now - 1ns);
    link.send(now, outward);
  }
  return link.run(now - gap, now + 1h);
}

bool in_order(const std::vector<Arrival>& arrivals) {
  return std::is_sorted(arrivals.begin(), arrivals.end(),
                        [](const Arrival& a, const Arrival& b) { return a.number < b.number; });
}

TEST(Faults, loss_is_within_its_bounds_and_counted_in_both_directions) {
  for (bool outward : {false, true}) {
    Link link("loss=2%");
    const auto arrivals = stream(link, 10'000, 1us, outward);
    const std::size_t lost = 10'000 - arrivals.size();
    EXPECT_GT(lost, 140u);  // 200 +- 4 standard deviations
    EXPECT_LT(lost, 260u);
    EXPECT_EQ(link.faulty().dropped(), lost);
    EXPECT_TRUE(in_order(arrivals));
  }
}

TEST(Faults, one_direction_alone) {
  Link out("out:loss=100%");
  EXPECT_TRUE(stream(out, 10, 1us, true).empty());
  Link in("out:loss=100%");
  EXPECT_EQ(stream(in, 10, 1us, false).size(), 10u);
}

TEST(Faults, delay_is_exact_and_announced) {
  for (bool outward : {false, true}) {
    Link link("delay=20ms");
    link.send(Instant{5ms}, outward);
    link.collect(Instant{5ms});
    EXPECT_EQ(link.faulty().next_wakeup(), Instant{25ms});
    EXPECT_TRUE(link.run(Instant{5ms}, Instant{25ms} - 1ns).empty());
    EXPECT_EQ(link.run(Instant{5ms}, Instant{1s}), (std::vector<Arrival>{{Instant{25ms}, 0}}));
    EXPECT_EQ(link.faulty().next_wakeup(), std::nullopt);
  }
}

TEST(Faults, jitter_keeps_the_order_and_its_bounds) {
  for (const Duration gap : {Duration(11ms), Duration(1ms), Duration(0)}) {
    Link link("delay=20ms,jitter=5ms");
    const auto arrivals = stream(link, 2'000, gap);
    ASSERT_EQ(arrivals.size(), 2'000u);
    EXPECT_TRUE(in_order(arrivals));
    std::set<Duration> delays;
    for (const Arrival& a : arrivals) {
      const Duration delay = a.at - (Instant{} + a.number * gap);
      EXPECT_GE(delay, 15ms);
      EXPECT_LE(delay, 25ms);
      delays.insert(delay);
    }
    if (gap < 10ms) continue;  // frames wait for one another
    EXPECT_GT(delays.size(), 1'900u);
    EXPECT_LT(*delays.begin(), 15'100us);
    EXPECT_GT(*delays.rbegin(), 24'900us);
  }
}

TEST(Faults, reordered_frames_skip_the_delay_and_none_is_lost) {
  Link link("delay=20ms,reorder=5%");
  const auto arrivals = stream(link, 5'000, 1ms);
  ASSERT_EQ(arrivals.size(), 5'000u);
  int overtook = 0;
  for (const Arrival& a : arrivals) {
    const Duration delay = a.at - (Instant{} + a.number * 1ms);
    EXPECT_TRUE(delay == 20ms || delay == 0ms) << delay.count();
    if (delay == 0ms) ++overtook;
  }
  EXPECT_GT(overtook, 188);  // 250 +- 4 standard deviations
  EXPECT_LT(overtook, 312);
  EXPECT_FALSE(in_order(arrivals));
}

TEST(Faults, duplicates_follow_right_behind) {
  Link link("duplicate=1%,delay=1ms");
  const auto arrivals = stream(link, 10'000, 1us);
  const std::size_t twice = arrivals.size() - 10'000;
  EXPECT_GT(twice, 60u);
  EXPECT_LT(twice, 140u);
  EXPECT_TRUE(in_order(arrivals));
  EXPECT_EQ(link.faulty().dropped(), 0u);
}

TEST(Faults, corruption_flips_one_bit) {
  Link link("corrupt=100%");
  stream(link, 200, 1us);
  ASSERT_EQ(link.frames().size(), 200u);
  std::uint32_t number = 0;
  std::set<std::size_t> places;
  for (const ReceivedFrame& frame : link.frames()) {
    std::array<std::uint8_t, 4> head;
    std::memcpy(head.data(), &number, sizeof(number));
    ++number;
    int flipped = 0;
    for (std::size_t i = 0; i < frame.bytes.length; ++i) {
      const unsigned wrong = frame.bytes.bytes()[i] ^ (i < head.size() ? head[i] : 0u);
      if (wrong != 0) places.insert(i);
      flipped += std::popcount(wrong);
    }
    EXPECT_EQ(flipped, 1);
  }
  EXPECT_GT(places.size(), 50u);
}

TEST(FaultyLink, a_corrupted_frame_is_no_longer_vouched_for_and_the_sender_keeps_its_bytes) {
  LinkFaults faults;
  faults.corrupt = 1;
  FaultyLink link(faults, 1);
  const ReceivedFrame original{Slice::copy_of(std::array<std::uint8_t, 2>{0, 0}), true};
  link.push(Instant{}, original);
  const auto out = link.pop(Instant{});
  ASSERT_TRUE(out);
  EXPECT_FALSE(out->checksum_vouched);
  EXPECT_EQ(original.bytes.bytes()[0] | original.bytes.bytes()[1], 0);
}

TEST(Faults, rate_spaces_frames_exactly) {
  Link link("rate=10mbit,delay=3ms", 1250);  // 1 ms each
  for (int i = 0; i < 3; ++i) link.send(Instant{});
  EXPECT_EQ(link.run(Instant{}, Instant{1s}),
            (std::vector<Arrival>{{Instant{4ms}, 0}, {Instant{5ms}, 1}, {Instant{6ms}, 2}}));
  link.send(Instant{2s});
  EXPECT_EQ(link.run(Instant{2s}, Instant{3s}).back(), (Arrival{Instant{2004ms}, 3}));
}

TEST(Faults, the_queue_drops_at_its_tail_and_counts) {
  Link link("rate=10mbit,queue=10", 1250);
  for (int i = 0; i < 25; ++i) link.send(Instant{});
  EXPECT_EQ(link.faulty().dropped(), 15u);
  link.send(Instant{1ms});  // one has left
  EXPECT_EQ(link.faulty().dropped(), 15u);
  const auto arrivals = link.run(Instant{1ms}, Instant{1s});
  EXPECT_EQ(arrivals.size(), 11u);
  EXPECT_EQ(arrivals.back().number, 25u);
}

TEST(Faults, frames_on_their_way_do_not_count_against_the_queue) {
  Link link("delay=1s,queue=10");
  for (int i = 0; i < 5'000; ++i) link.send(Instant{});
  EXPECT_EQ(link.run(Instant{}, Instant{2s}).size(), 5'000u);
}

TEST(Faults, the_memory_of_held_frames_is_bounded) {
  Link link("delay=1s", 60'000);
  for (int i = 0; i < 1'500; ++i) link.send(Instant{});
  const std::uint64_t dropped = link.faulty().dropped();
  EXPECT_GT(dropped, 300u);
  EXPECT_EQ(link.run(Instant{}, Instant{2s}).size(), 1'500 - dropped);
  link.send(Instant{3s});
  EXPECT_EQ(link.faulty().dropped(), dropped);
}

TEST(Faults, one_seed_one_run) {
  constexpr auto kAll =
      "loss=2%,delay=20ms,jitter=5ms,reorder=5%,duplicate=1%,corrupt=1%,rate=10mbit,seed=";
  const auto run = [&](int seed) {
    Link link(kAll + std::to_string(seed));
    return stream(link, 1'000, 100us);
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_FALSE(run(7) == run(8));
}

TEST(Faults, the_directions_have_random_numbers_of_their_own) {
  Link out("loss=50%");
  Link in("loss=50%");
  const auto numbers = [](const std::vector<Arrival>& arrivals) {
    std::vector<std::uint32_t> list;
    list.reserve(arrivals.size());
    for (const Arrival& a : arrivals) list.push_back(a.number);
    return list;
  };
  EXPECT_NE(numbers(stream(out, 100, 1us, true)), numbers(stream(in, 100, 1us, false)));
}

// Takes one frame a call, and every other call none.
class Narrow : public Device {
 public:
  std::string name() const override { return "narrow"; }
  LinkKind link() const override { return LinkKind::kIp; }
  std::size_t mtu() const override { return 1500; }
  void receive(Instant, std::size_t, std::vector<ReceivedFrame>&) override {}
  std::size_t send(Instant, std::span<const OutgoingFrame> out) override {
    if ((++calls_ % 2) == 0 || out.empty()) return 0;
    taken.push_back(out[0].flatten().bytes()[0]);
    return 1;
  }
  std::vector<int> taken;

 private:
  int calls_ = 0;
};

TEST(Faults, a_full_device_loses_nothing_and_is_tried_again) {
  auto narrow = std::make_unique<Narrow>();
  Narrow& inside = *narrow;
  FaultSpec spec;
  spec.out.delay = 1ms;
  auto device = with_faults(std::move(narrow), spec);
  std::vector<OutgoingFrame> frames;
  std::vector<int> expected;
  for (std::uint8_t i = 0; i < 100; ++i) {
    frames.emplace_back().payload().push_back(Slice::copy_of({&i, 1}));
    expected.push_back(i);
  }
  EXPECT_EQ(device->send(Instant{}, frames), 100u);
  std::vector<ReceivedFrame> in;
  int calls = 0;
  while (const auto next = device->next_wakeup()) {
    device->receive(*next, 10, in);
    ASSERT_LT(++calls, 1'000);
  }
  EXPECT_EQ(inside.taken, expected);
}

TEST(Faults, without_faults_the_device_inside_answers_itself) {
  auto narrow = std::make_unique<Narrow>();
  auto device = with_faults(std::move(narrow), FaultSpec{});
  std::vector<OutgoingFrame> frames(3);
  for (OutgoingFrame& f : frames) *f.prepend(1) = 0;
  EXPECT_EQ(device->send(Instant{}, frames), 1u);
  EXPECT_EQ(device->name(), "narrow");
}

}  // namespace
}  // namespace estab::dev
