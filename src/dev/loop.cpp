#include "dev/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace estab::dev {
namespace {

// The ids of the loop's own descriptors; those of the user's begin behind them.
constexpr std::uint64_t kTimerId = 0;
constexpr std::uint64_t kWakeId = 1;

constexpr std::uint64_t key_of(int fd, std::uint64_t id) {
  return id << 32 | static_cast<std::uint32_t>(fd);
}

void drain(int fd) {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof(count));
}

// Rounded up, so that what is due is due when the wait ends.
int milliseconds_of(Duration d) {
  if (d <= Duration::zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  std::unique_ptr<Loop> loop(new Loop);
  loop->epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_) return fail(errno);
  loop->timer_ = FileDescriptor(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!loop->timer_) return fail(errno);
  loop->wake_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!loop->wake_) return fail(errno);
  for (auto [fd, id] : {std::pair(loop->timer_.get(), kTimerId), {loop->wake_.get(), kWakeId}}) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = key_of(fd, id);
    if (::epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, fd, &e) < 0) return fail(errno);
  }
  loop->next_id_ = kWakeId + 1;
  return loop;
}

Result<void> Loop::watch(int fd, std::uint32_t events, Callback callback) {
  const auto known = watched_.find(fd);
  const std::uint64_t id = next_id_++ & 0xffffffff;
  epoll_event e{};
  e.events = events;
  e.data.u64 = key_of(fd, id);
  const bool changes = known != watched_.end();
  int failed = ::epoll_ctl(epoll_.get(), changes ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
  if (failed < 0 && changes && errno == ENOENT) {  // closed without unwatch(), its number reused
    failed = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e);
  }
  if (failed < 0) return fail(errno);
  watched_[fd] = std::make_shared<Watched>(Watched{id, std::move(callback)});
  return {};
}

void Loop::unwatch(int fd) {
  if (watched_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::arm(Instant deadline) {
  if (deadline == armed_) return;
  itimerspec when{};  // all zero disarms
  if (deadline != kNever) {
    // Zero would disarm and less be refused; both mean the past, and so does one.
    const std::int64_t ns = std::max<std::int64_t>(deadline.time_since_epoch().count(), 1);
    when.it_value.tv_sec = ns / 1'000'000'000;
    when.it_value.tv_nsec = ns % 1'000'000'000;
  }
  ::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
  armed_ = deadline;
}

std::size_t Loop::run_once(std::optional<Duration> timeout) {
  int wait = timeout ? milliseconds_of(*timeout) : -1;
  if (deadline_ != kNever && deadline_ <= now()) {
    wait = 0;  // the timer is left as it is: arming costs a system call
  } else if (wait != 0) {
    arm(deadline_);
  }
  std::array<epoll_event, 64> ready;
  const int n = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), wait);
  std::size_t ran = 0;
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = ready[static_cast<std::size_t>(i)];
    const std::uint64_t id = e.data.u64 >> 32;
    const int fd = static_cast<int>(e.data.u64 & 0xffffffff);
    if (id == kTimerId) {
      drain(fd);
      armed_ = kNever;  // it went off and is not periodic
    } else if (id == kWakeId) {
      drain(fd);
    } else if (const auto it = watched_.find(fd); it != watched_.end() && it->second->id == id) {
      const auto held = it->second;  // a callback may unwatch itself
      held->callback(e.events);
      ++ran;
    }
  }
  return ran;
}

void Loop::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = ::write(wake_.get(), &one, sizeof(one));
}

}  // namespace estab::dev
