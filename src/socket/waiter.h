// One thread that waits for something to change in one or several stacks.
//
// A waiter is told (wake()) under the mutex of the engine that tells it; it looks again itself, so
// a wake too many does no harm.
#pragma once
#include <atomic>
#include <condition_variable>

#include "dev/file_descriptor.h"
#include "dev/loop.h"

namespace estab::socket {

class Waiter {
 public:
  Waiter() = default;
  // With an eventfd, so that a thread that waits for several stacks can wait in poll(2).
  static int make_descriptor();
  explicit Waiter(int event_descriptor) : event_(event_descriptor) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void wake();
  // The roles of a driver can be had again: look, but nothing has changed.
  void nudge();
  bool woken() const { return woken_.load(std::memory_order_acquire); }
  void reset();
  void drain();  // the descriptor; what woken() says stays
  // While its thread waits in this loop (as a stack's driver) and not at the condition.
  void waits_in(dev::Loop* loop) { loop_.store(loop, std::memory_order_release); }
  int descriptor() const { return event_.get(); }
  std::condition_variable& condition() { return condition_; }

 private:
  std::atomic<bool> woken_ = false;
  std::atomic<dev::Loop*> loop_ = nullptr;
  std::condition_variable condition_;  // with the engine's mutex
  dev::FileDescriptor event_;          // none for the waiter of a single engine
};

}  // namespace estab::socket
