// For tests: two stacks on a pair of devices in memory, 10.0.0.1 and 10.0.0.2 (fd00::1, fd00::2).
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "estab/estab.h"
#include "estab/posix.h"

namespace estab::socket {

inline Endpoint endpoint(std::string_view text) { return *Endpoint::parse(text); }

inline std::vector<Prefix> host_addresses(int host) {
  return {*Prefix::parse("10.0.0." + std::to_string(host) + "/24"),
          *Prefix::parse("fd00::" + std::to_string(host) + "/64")};
}

// In one thread and in virtual time: nothing moves but by run() and settle().
class VirtualPair {
 public:
  explicit VirtualPair(StackOptions options = {}) {
    options.seed = 1;
    options.clock = [this] { return now_; };
    auto devices = dev::memory_pair();
    for (int i = 0; i < 2; ++i) {
      stacks_[i] = std::make_unique<Stack>(*Stack::open(options));
      auto& device = i == 0 ? devices.first : devices.second;
      EXPECT_TRUE(stacks_[i]->attach(std::move(device), {host_addresses(i + 1), {}}));
    }
  }
  Stack& left() { return *stacks_[0]; }
  Stack& right() { return *stacks_[1]; }
  Instant now() const { return now_; }

  // Steps both stacks until neither has something to do at this instant. Returns the next deadline.
  std::optional<Instant> settle() {
    std::optional<Instant> next;
    for (int round = 0; round < 100; ++round) {
      const auto a = left().poll(now_);
      const auto b = right().poll(now_);
      // What the first sent, the second has answered: once more for the first.
      const auto c = left().poll(now_);
      next = c;
      if (b && (!next || *b < *next)) next = b;
      if ((!a || *a > now_) && (!b || *b > now_) && (!c || *c > now_) && round > 3) break;
    }
    return next;
  }
  void run(Duration duration) {
    const Instant end = now_ + duration;
    for (;;) {
      const auto next = settle();
      if (!next || *next >= end) break;
      now_ = std::max(*next, now_ + Duration(1));
    }
    now_ = end;
    settle();
  }

 private:
  Instant now_{std::chrono::seconds(1000)};
  std::array<std::unique_ptr<Stack>, 2> stacks_;
};

// With threads and the real clock. `drive`: which stacks get a thread of their own.
class ThreadedPair {
 public:
  explicit ThreadedPair(bool drive_left = true, bool drive_right = true,
                        const StackOptions& options = {}) {
    auto devices = std::move(*dev::memory_pair_threaded());
    left_ = std::make_unique<Stack>(*Stack::open(options));
    right_ = std::make_unique<Stack>(*Stack::open(options));
    EXPECT_TRUE(left_->attach(std::move(devices.first), {host_addresses(1), {}}));
    EXPECT_TRUE(right_->attach(std::move(devices.second), {host_addresses(2), {}}));
    if (drive_left) {
      EXPECT_TRUE(left_->start());
    }
    if (drive_right) {
      EXPECT_TRUE(right_->start());
    }
  }
  Stack& left() { return *left_; }
  Stack& right() { return *right_; }

 private:
  std::unique_ptr<Stack> left_, right_;
};

}  // namespace estab::socket
