#include "socket/driver.h"

#include <sys/epoll.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "dev/clock.h"

namespace estab::socket {
namespace {

constexpr Duration kOften = std::chrono::milliseconds(1);
// Rounds of step and callbacks before the loop is asked again, so that guests get their turn.
constexpr int kRounds = 8;

std::chrono::steady_clock::time_point steady(Deadline d) {  // CLOCK_MONOTONIC both
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(d.time_since_epoch()));
}

}  // namespace

// Nests: a callback of the driver may block, and then drives itself.
class Driver::Role {
 public:
  explicit Role(Driver& driver)
      : driver_(driver), before_(std::exchange(driver.driver_, std::this_thread::get_id())) {}
  ~Role() {
    driver_.driver_ = before_;
    if (before_ == std::thread::id{} && !driver_.members_.empty())
      driver_.members_.front()->nudge();
  }
  Role(const Role&) = delete;
  Role& operator=(const Role&) = delete;

 private:
  Driver& driver_;
  std::thread::id before_;
};

Result<std::unique_ptr<Driver>> Driver::create(std::mutex& mutex, Driven& driven,
                                               std::function<Instant()> clock) {
  auto loop = dev::Loop::create();
  if (!loop) return tl::unexpected(loop.error());
  std::unique_ptr<Driver> driver(new Driver(mutex, driven, std::move(clock)));
  driver->loop_ = std::move(*loop);
  return driver;
}

Driver::~Driver() {
  if (thread_.joinable()) thread_.detach();  // only when it destroys its own stack
}

Instant Driver::now() const { return std::max(clock_ ? clock_() : dev::now(), last_now_); }

Instant Driver::clock() const { return pacer_ != nullptr ? pacer_->now() : dev::now(); }

Instant Driver::next_event() const {
  Instant next = next_step_.value_or(kNever);
  if (!timers_.empty()) next = std::min(next, timers_.begin()->first.first);
  return next;
}

bool Driver::work_waits() const {
  return dirty_ || !posted_.empty() || !commands_.empty() || driven_.has_calls();
}

void Driver::step(Instant at) {
  last_now_ = std::max(last_now_, at);
  dirty_ = false;
  next_step_ = driven_.step(last_now_);
}

void Driver::rouse(Instant by) {
  if (sleeps_until_ > by) loop_->wake();  // it waits, and too long
}

void Driver::flush(Lock&) {
  if (driving()) {
    dirty_ = true;
    return;
  }
  step(now());
  const bool calls = work_waits();
  if (driver_ != std::thread::id{}) {
    rouse(calls ? Instant::min() : next_event());
  } else if (embedded_) {
    loop_->set_deadline(next_event());
    loop_->arm_deadline();
    if (calls) loop_->wake();
  }
}

// --- one turn
// ---------------------------------------------------------------------------------------

void Driver::take_commands() {
  for (Command& c : std::exchange(commands_, {})) {
    if (!c.watcher) {
      watchers_.erase(c.fd);
      loop_->unwatch(c.fd);
      continue;
    }
    watchers_[c.fd] = std::move(c.watcher);
    // A descriptor that cannot be watched (a regular file) is always ready: its reader finds out.
    const bool calls_back = *watchers_[c.fd] != nullptr;
    (void)loop_->watch(c.fd, c.events, [this, fd = c.fd, calls_back](std::uint32_t events) {
      if (calls_back) ready_.push_back({fd, events});
    });
  }
}

void Driver::call_without_lock(Lock& lock, const Call& call) {
  lock.unlock();
  call();
  lock.lock();
}

void Driver::run_guests(Lock& lock) {
  for (const Ready& r : std::exchange(ready_, {})) {
    take_commands();
    const auto found = watchers_.find(r.fd);
    if (found == watchers_.end() || !*found->second) continue;
    const std::shared_ptr<Watcher> held = found->second;
    call_without_lock(lock, [&] { (*held)(r.events); });
  }
}

void Driver::run_timers(Lock& lock) {
  const Instant limit = now();
  while (!timers_.empty() && timers_.begin()->first.first <= limit) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    call_without_lock(lock, node.mapped());
  }
}

void Driver::run_calls(Lock& lock) {
  for (Call& call : std::exchange(posted_, {})) call_without_lock(lock, call);
  while (Call call = driven_.next_call()) call_without_lock(lock, call);
}

// Waits in the loop, without the mutex, until something is ready or the time has come.
void Driver::look_around(Lock& lock, Deadline until) {
  take_commands();
  const Instant at = clock_ ? now() : dev::now();
  Instant wake_at = next_event();
  if (clock_ && wake_at != kNever) {  // in a time of its own: who moves it is not to be known
    wake_at = wake_at <= at ? dev::now() : dev::now() + kOften;
  }
  wake_at = std::min(wake_at, until);
  if (look_often_ || clock_) wake_at = std::min(wake_at, dev::now() + kOften);
  if (work_waits()) wake_at = Instant{};
  loop_->set_deadline(wake_at);
  sleeps_until_ = wake_at;
  lock.unlock();
  loop_->run_once();
  lock.lock();
  sleeps_until_ = Instant::min();
}

void Driver::turn(Lock& lock, Deadline until) {
  look_around(lock, until);
  run_guests(lock);
  run_timers(lock);
  for (int round = 0; round < kRounds; ++round) {
    step(now());
    run_calls(lock);
    if (!dirty_) break;
  }
}

// --- the ways to drive
// --------------------------------------------------------------------------------

std::optional<Instant> Driver::poll(Lock& lock, Instant at) {
  if (!may_drive()) {  // another thread's blocking call drives just now: it runs the callbacks
    step(at);
    rouse(work_waits() ? Instant::min() : next_event());
    return next_event() == kNever ? std::nullopt : std::optional(next_event());
  }
  Role role(*this);
  take_commands();
  if (embedded_ || !watchers_.empty()) {
    loop_->set_deadline(Instant{});  // no wait
    lock.unlock();
    loop_->run_once();
    lock.lock();
    run_guests(lock);
  }
  last_now_ = std::max(last_now_, at);
  run_timers(lock);
  for (int round = 0; round < kRounds; ++round) {
    step(at);
    run_calls(lock);
    if (!dirty_) break;
  }
  Instant next = work_waits() ? last_now_ : next_event();
  if (look_often_ && embedded_) next = std::min(next, last_now_ + kOften);
  if (embedded_) {
    loop_->set_deadline(next);
    loop_->arm_deadline();
  }
  return next == kNever ? std::nullopt : std::optional(next);
}

int Driver::poll_fd(Lock&) {
  if (!embedded_) {
    embedded_ = true;
    loop_->wake();  // the first look arms the timer
  }
  return loop_->poll_fd();
}

void Driver::run(Lock& lock) {
  if (loop_thread_) return;
  loop_thread_ = true;
  run_loop(lock);
}

void Driver::run_loop(Lock& lock) {
  loop_wanted_ = true;
  while (!may_drive()) {  // a blocking call drives: it gives up the role after its turn
    loop_->wake();
    Waiter turn_comes;
    enter(turn_comes);
    turn_comes.condition().wait_for(lock, std::chrono::milliseconds(1));
    leave(turn_comes);
  }
  loop_wanted_ = false;
  {
    Role role(*this);
    while (!stopping_.load()) turn(lock, kNever);
    stopping_.store(false);
  }
  loop_thread_ = false;
}

Result<void> Driver::start(Lock& lock, std::shared_ptr<void> owner) {
  if (thread_.joinable() && stopping_.load()) join(lock);
  if (loop_thread_) return fail(EBUSY);
  join(lock);  // one that has ended
  stopping_.store(false);
  loop_thread_ = true;
  try {
    thread_ = std::thread([this, owner = std::move(owner)] {
      Lock held(mutex_);
      run_loop(held);
    });
  } catch (const std::system_error&) {
    loop_thread_ = false;
    return fail(EAGAIN);
  }
  return {};
}

void Driver::stop() {
  stopping_.store(true);
  loop_->wake();
}

void Driver::join(Lock& lock) {
  if (!thread_.joinable() || thread_.get_id() == std::this_thread::get_id()) return;
  std::thread gone = std::move(thread_);
  lock.unlock();
  gone.join();
  lock.lock();
}

// --- waiting
// ------------------------------------------------------------------------------------------

void Driver::leave(Waiter& waiter) {
  const auto found = std::find(members_.begin(), members_.end(), &waiter);
  if (found == members_.end()) return;
  *found = members_.back();
  members_.pop_back();
  // A nudge that was meant for any member may have met the one that leaves.
  if (driver_ == std::thread::id{} && !members_.empty()) members_.front()->nudge();
}

bool Driver::wait(Lock& lock, Waiter& waiter, Deadline deadline) {
  if (pacer_ != nullptr) {
    pacer_->wait(lock, waiter, deadline);
    return waiter.woken();
  }
  enter(waiter);
  const auto goes_on = [&] {
    return !waiter.woken() && (deadline == kNever || dev::now() < deadline);
  };
  while (goes_on()) {
    if (may_drive() && (!loop_wanted_ || driving())) {
      Role role(*this);
      waiter.waits_in(loop_.get());
      do {
        turn(lock, deadline);
      } while (goes_on() && !loop_wanted_);
      waiter.waits_in(nullptr);
    } else if (deadline == kNever) {
      waiter.condition().wait(lock);
    } else {
      waiter.condition().wait_until(lock, steady(deadline));
    }
  }
  leave(waiter);
  return waiter.woken();
}

std::optional<Duration> Driver::drive_briefly(Lock& lock) {
  if (!may_drive()) return std::nullopt;
  Role role(*this);
  turn(lock, Instant{});
  if (work_waits()) return Duration{0};
  Instant next = next_event();
  if (look_often_ || clock_) return kOften;
  return next == kNever ? Duration::max() : std::max(Duration{0}, next - dev::now());
}

// --- guests
// -------------------------------------------------------------------------------------------

void Driver::post(Call call) {
  posted_.push_back(std::move(call));
  if (!driving()) loop_->wake();
}

void Driver::watch_device(int fd) {
  commands_.push_back({fd, EPOLLIN, std::make_shared<Watcher>()});
  if (!driving()) loop_->wake();
}

void Driver::watch(int fd, std::uint32_t events, Watcher watcher) {
  const bool removes = !watcher;
  commands_.push_back(
      {fd, events, removes ? nullptr : std::make_shared<Watcher>(std::move(watcher))});
  if (removes) {
    // The caller may close the descriptor at once: the loop must forget it before it does.
    if (may_drive()) {
      Role role(*this);
      take_commands();
    } else {
      loop_->wake();
    }
  } else if (!driving()) {
    loop_->wake();
  }
}

std::uint64_t Driver::call_at(Instant when, Call call) {
  const std::uint64_t number = next_timer_++;
  timers_.emplace(std::pair(when, number), std::move(call));
  timer_times_.emplace(number, when);
  if (!driving()) rouse(when);
  return number;
}

void Driver::cancel(std::uint64_t timer) {
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) return;
  timers_.erase({found->second, timer});
  timer_times_.erase(found);
}

}  // namespace estab::socket
