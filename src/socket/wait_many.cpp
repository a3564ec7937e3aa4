#include "socket/wait_many.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <limits>

#include "dev/clock.h"
#include "socket/posix_table.h"

namespace estab::socket {
namespace {

static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLPRI == EPOLLPRI &&
              POLLERR == EPOLLERR && POLLHUP == EPOLLHUP);

int milliseconds_until(Instant when) {
  if (when == kNever) return -1;
  const Duration left = std::max(Duration{0}, when - dev::now());
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

}  // namespace

std::uint32_t poll_bits(Readiness r) {
  std::uint32_t bits = 0;
  if ((r & kReadable) != 0) bits |= EPOLLIN | EPOLLRDNORM;
  if ((r & kWritable) != 0) bits |= EPOLLOUT | EPOLLWRNORM;
  if ((r & kUrgent) != 0) bits |= EPOLLPRI;
  if ((r & kReadClosed) != 0) bits |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if ((r & kHangup) != 0) bits |= EPOLLHUP;
  if ((r & kError) != 0) bits |= EPOLLERR;
  return bits;
}

Instant clock_of(const Engines& engines) {
  return engines.size() == 1 ? engines.front()->driver().clock() : dev::now();
}

Deadline deadline_of(const Engines& engines, int timeout_ms) {
  if (timeout_ms < 0) return kNever;
  return timeout_ms == 0 ? kAtOnce : clock_of(engines) + std::chrono::milliseconds(timeout_ms);
}

void add_engine(Engines& engines, const std::shared_ptr<Engine>& engine) {
  if (std::find(engines.begin(), engines.end(), engine) == engines.end()) engines.push_back(engine);
}

void wait_somewhere(Engines& engines) {
  if (!engines.empty()) return;
  if (auto engine = current_engine()) engines.push_back(std::move(engine));
}

int waiter_descriptor(const Engines& engines) {
  return engines.size() == 1 ? -1 : Waiter::make_descriptor();
}

void wait_many(const Engines& engines, Waiter& waiter, Deadline deadline) {
  if (engines.size() == 1) {
    Lock held = engines.front()->lock();
    (void)engines.front()->driver().wait(held, waiter, deadline);
    return;
  }
  for (const auto& engine : engines) {
    const Lock held = engine->lock();
    engine->driver().enter(waiter);
  }
  while (!waiter.woken() && (deadline == kNever || dev::now() < deadline)) {
    std::vector<pollfd> fds{{waiter.descriptor(), POLLIN, 0}};
    Instant until = deadline;
    for (const auto& engine : engines) {
      Lock held = engine->lock();
      const auto wait = engine->driver().drive_briefly(held);
      if (!wait) continue;
      fds.push_back({engine->driver().poll_fd(held), POLLIN, 0});
      if (*wait != Duration::max()) until = std::min(until, dev::now() + *wait);
    }
    if (waiter.woken()) break;
    (void)::poll(fds.data(), fds.size(), milliseconds_until(until));
    waiter.drain();
  }
  for (const auto& engine : engines) {
    const Lock held = engine->lock();
    engine->driver().leave(waiter);
  }
}

}  // namespace estab::socket
