#include "socket/waiter.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace estab::socket {

int Waiter::make_descriptor() { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

void Waiter::nudge() {
  condition_.notify_all();
  if (dev::Loop* loop = loop_.load(std::memory_order_acquire)) loop->wake();
  if (event_) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(event_.get(), &one, sizeof(one));
  }
}

void Waiter::wake() {
  woken_.store(true, std::memory_order_release);
  nudge();
}

void Waiter::drain() {
  if (!event_) return;
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(event_.get(), &count, sizeof(count));
}

void Waiter::reset() {
  woken_.store(false, std::memory_order_release);
  drain();
}

}  // namespace estab::socket
