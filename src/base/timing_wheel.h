// A hierarchical timing wheel (Varghese and Lauck, SOSP 1987) for millions of timers. A timer is a
// node inside the object that owns it; the wheel allocates nothing. Eight levels of 64 slots, 1 ms
// at the lowest, reach further than an Instant can, and a bitmap a level lets advance() jump over
// empty slots, however far `now` leaps. schedule() and cancel() are O(1); a timer moves down at
// most seven levels before it fires. Timers fire in the order of their millisecond, those of one
// millisecond in the order they were scheduled, never early, and less than 1 ms late when advance()
// comes in time.
//
//   wheel.schedule(connection.rto, now + 200ms);
//   wheel.advance(now, [&](TimerNode& node) { on_timer(node, now); });
//   sleep_until(wheel.next_deadline());
//
// Two faces of one algorithm (timing_wheel_core.h): TimingWheel links nodes of 24 bytes by pointer,
// IndexedTimingWheel nodes of 16 bytes by the 32-bit index that a caller's function resolves, for
// records of which there are a million.
#pragma once
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "base/timing_wheel_core.h"
#include "estab/time.h"

namespace estab {

namespace detail {
template <class Access>
class TimingWheelCore;

// What both kinds of node have. `tag` is the owner's, for example which of its timers this is.
// A node is not copied or moved while it runs, and cancelled before it goes: the wheel knows where
// it is.
template <class Link, Link None>
class TimerNodeOf {
 public:
  static constexpr Link kNone = None;

  explicit TimerNodeOf(std::uint16_t tag_value = 0) : tick_(0), tag(tag_value) {}
  TimerNodeOf(const TimerNodeOf&) = delete;
  TimerNodeOf& operator=(const TimerNodeOf&) = delete;
  ~TimerNodeOf() { assert(!scheduled()); }

  bool scheduled() const { return next_ != None; }
  // When it fires: the deadline it was given, rounded up to the wheel's millisecond (kNever when
  // that is beyond an Instant). Meaningful when scheduled().
  Instant deadline() const { return TimerTicks::instant(tick_); }

 private:
  template <class Access>
  friend class TimingWheelCore;
  Link previous_ = None;
  Link next_ = None;
  std::uint64_t tick_ : 48;

 public:
  std::uint64_t tag : 16;
};
}  // namespace detail

class TimerNode : public detail::TimerNodeOf<TimerNode*, nullptr> {
 public:
  using TimerNodeOf::TimerNodeOf;
};
using IndexedTimerNode = detail::TimerNodeOf<std::uint32_t, 0xffffffff>;
static_assert(sizeof(TimerNode) == 24 && sizeof(IndexedTimerNode) == 16);

inline constexpr Duration kTimerGranularity = std::chrono::milliseconds(1);
inline constexpr std::size_t kAllTimers = std::numeric_limits<std::size_t>::max();

class TimingWheel {
 public:
  explicit TimingWheel(Instant now = Instant{}) : core_(now, Access{}) {}
  // Timers still scheduled when the wheel goes are cancelled.

  // Starts the timer, or moves it when it runs. A deadline that has passed fires at the next
  // advance(), even of the same `now`. Set from inside advance(), a deadline no later than the
  // timer that is just firing waits for the next call, so that no callback can hold up the stack.
  void schedule(TimerNode& node, Instant deadline) { core_.schedule(&node, deadline); }
  // Nothing happens when it does not run.
  void cancel(TimerNode& node) { core_.cancel(&node); }

  // Moves time to `now` and calls f(TimerNode&) for what fell due, each node already unscheduled.
  // f may schedule, cancel or destroy any node, its own included, but not call advance(). Stops
  // after `limit` timers (those that only move down a level don't count: with n timers spread over
  // a minute, n / 15 of them move at once every 4 s); the rest fires at the next call. A `now` in the past fires only what is
  // overdue. Returns how many fired.
  template <class F>
  std::size_t advance(Instant now, F&& f, std::size_t limit = kAllTimers) {
    return core_.advance(
        now, [&](TimerNode* node) { f(*node); }, limit);
  }

  // No timer fires before this instant: exact within the next 64 ms, else exact or earlier (waking
  // then does no harm). nullopt when no timer runs.
  std::optional<Instant> next_deadline() const { return core_.next_deadline(); }
  std::size_t size() const { return core_.size(); }  // timers that run
  bool empty() const { return size() == 0; }

 private:
  struct Access {
    using Ref = TimerNode*;
    using Node = TimerNode;
  };
  detail::TimingWheelCore<Access> core_;
};

// The same with timers named by index. `Resolve` is IndexedTimerNode& operator()(std::uint32_t),
// for example a look-up in a slab; indices are below 2^32 - 1024. All timers outlive the wheel or
// are cancelled before it goes.
//
//   struct Resolve { Slab<Record>* slab; IndexedTimerNode& operator()(std::uint32_t i) const; };
//   IndexedTimingWheel<Resolve> wheel{now, {&slab}};
//   wheel.schedule(handle.index(), now + 60s);
template <class Resolve>
class IndexedTimingWheel {
 public:
  explicit IndexedTimingWheel(Instant now, Resolve resolve)
      : core_(now, Access{std::move(resolve)}) {}

  void schedule(std::uint32_t index, Instant deadline) { core_.schedule(index, deadline); }
  void cancel(std::uint32_t index) { core_.cancel(index); }
  template <class F>  // f(std::uint32_t index)
  std::size_t advance(Instant now, F&& f, std::size_t limit = kAllTimers) {
    return core_.advance(now, f, limit);
  }
  std::optional<Instant> next_deadline() const { return core_.next_deadline(); }
  std::size_t size() const { return core_.size(); }
  bool empty() const { return size() == 0; }

 private:
  struct Access {
    using Ref = std::uint32_t;
    using Node = IndexedTimerNode;
    static constexpr Ref kFirstHead = 0xfffffc00;
    Resolve resolve;
    Node& node(Ref ref) const { return resolve(ref); }
  };
  detail::TimingWheelCore<Access> core_;
};

}  // namespace estab
