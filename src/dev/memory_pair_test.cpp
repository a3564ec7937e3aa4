#include "dev/memory_pair.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace estab::dev {
namespace {

OutgoingFrame frame_of(std::vector<std::uint8_t> bytes) {
  OutgoingFrame frame;
  frame.payload().push_back(Slice::copy_of(bytes));
  return frame;
}

std::vector<int> first_bytes(Device& device, std::size_t limit) {
  std::vector<ReceivedFrame> in;
  device.receive(Instant{}, limit, in);
  std::vector<int> out;
  out.reserve(in.size());
  for (const ReceivedFrame& frame : in) out.push_back(frame.bytes.bytes()[0]);
  return out;
}

TEST(MemoryPair, frames_arrive_at_the_other_end_in_order) {
  auto [left, right] = memory_pair();
  const std::array frames{frame_of({1, 10}), frame_of({2}), frame_of({3})};
  EXPECT_EQ(left->send(Instant{}, frames), 3u);
  EXPECT_EQ(first_bytes(*right, 2), (std::vector<int>{1, 2}));
  EXPECT_EQ(first_bytes(*right, 2), (std::vector<int>{3}));
  EXPECT_TRUE(first_bytes(*left, 2).empty());
  EXPECT_EQ(left->name(), "left");
  EXPECT_NE(left->mac(), right->mac());
  EXPECT_EQ(left->poll_fd(), -1);
}

TEST(MemoryPair, head_and_payload_become_one_piece) {
  auto [left, right] = memory_pair();
  OutgoingFrame frame = frame_of({3, 4});
  frame.prepend(2)[0] = 1;
  frame.payload().push_back(Slice::copy_of(std::array<std::uint8_t, 1>{5}));
  left->send(Instant{}, {&frame, 1});
  std::vector<ReceivedFrame> in;
  right->receive(Instant{}, 8, in);
  ASSERT_EQ(in.size(), 1u);
  EXPECT_EQ(in[0].bytes.length, 5u);
  EXPECT_EQ(in[0].bytes.bytes()[0], 1);
  EXPECT_EQ(in[0].bytes.bytes()[4], 5);
  EXPECT_FALSE(in[0].checksum_vouched);
}

TEST(MemoryPair, what_exceeds_the_queue_or_the_mtu_is_dropped_and_counted) {
  MemoryPairOptions options;
  options.queue_limit = 2;
  options.mtu = 4;
  options.link = LinkKind::kEthernet;
  auto [left, right] = memory_pair(options);
  const auto longest = std::vector<std::uint8_t>(4 + 14, 7);
  const auto too_long = std::vector<std::uint8_t>(4 + 14 + 1, 8);
  const std::array frames{frame_of(too_long), frame_of(longest), frame_of({9}), frame_of({10})};
  EXPECT_EQ(left->send(Instant{}, frames), 4u);
  EXPECT_EQ(left->dropped(), 2u);
  EXPECT_EQ(first_bytes(*right, 8), (std::vector<int>{7, 9}));
}

TEST(MemoryPair, one_end_may_outlive_the_other) {
  auto pair = memory_pair();
  pair.second.reset();
  const OutgoingFrame frame = frame_of({1});
  EXPECT_EQ(pair.first->send(Instant{}, {&frame, 1}), 1u);
}

bool readable(const Device& device) {
  pollfd fd{device.poll_fd(), POLLIN, 0};
  return ::poll(&fd, 1, 0) == 1;
}

TEST(ThreadedMemoryPair, poll_fd_is_readable_exactly_while_there_are_frames) {
  auto pair = memory_pair_threaded();
  ASSERT_TRUE(pair) << pair.error();
  auto& [left, right] = *pair;
  EXPECT_FALSE(readable(*right));
  const std::array frames{frame_of({1}), frame_of({2})};
  left->send(Instant{}, frames);
  EXPECT_TRUE(readable(*right));
  EXPECT_FALSE(readable(*left));
  EXPECT_EQ(first_bytes(*right, 1).size(), 1u);
  EXPECT_TRUE(readable(*right));
  EXPECT_EQ(first_bytes(*right, 1).size(), 1u);
  EXPECT_FALSE(readable(*right));
}

TEST(ThreadedMemoryPair, two_threads_lose_nothing_but_what_is_counted) {
  auto pair = memory_pair_threaded();
  ASSERT_TRUE(pair) << pair.error();
  constexpr std::uint64_t kFrames = 20'000;
  std::thread sender([&left = *pair->first] {
    for (std::uint64_t i = 0; i < kFrames; ++i) {
      const OutgoingFrame frame = frame_of({static_cast<std::uint8_t>(i % 250), 0});
      left.send(Instant{}, {&frame, 1});
    }
    const OutgoingFrame end = frame_of({255});
    for (std::uint64_t before = left.dropped();; before = left.dropped()) {
      left.send(Instant{}, {&end, 1});
      if (left.dropped() == before) break;
    }
  });
  std::uint64_t received = 0;
  for (bool ended = false; !ended;) {
    pollfd fd{pair->second->poll_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, 10'000), 1);
    for (int first : first_bytes(*pair->second, 64)) {
      ended = first == 255;
      if (!ended) ++received;
    }
  }
  sender.join();
  EXPECT_LE(received, kFrames);
  EXPECT_GE(received + pair->first->dropped(), kFrames);
}

}  // namespace
}  // namespace estab::dev
