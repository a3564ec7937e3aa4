// A hierarchical timing wheel (Varghese and Lauck, SOSP 1987) for millions of timers. A timer is a
// TimerNode inside the object that owns it (24 bytes, 16 bits of them the owner's); the wheel
// allocates nothing. Eight levels of 64 slots, 1 ms at the lowest, reach further than an Instant
// can, and a bitmap a level lets advance() jump over empty slots, however far `now` leaps.
// schedule() and cancel() are O(1); a timer moves down at most seven levels before it fires. Timers
// fire in the order of their millisecond, those of one millisecond in the order they were
// scheduled, never early, and less than 1 ms late when advance() comes in time.
//
//   wheel.schedule(connection.rto, now + 200ms);
//   wheel.advance(now, [&](TimerNode& node) { on_timer(node, now); });
//   sleep_until(wheel.next_deadline());
#pragma once
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "estab/time.h"

namespace estab {

class TimingWheel;

struct TimerLinks {
  TimerLinks* previous = nullptr;
  TimerLinks* next = nullptr;
};

// One timer. Not copied or moved while scheduled, and cancelled before it goes: the wheel holds
// its address. `tag` is the owner's, for example which of its timers this is.
class TimerNode : private TimerLinks {
 public:
  explicit TimerNode(std::uint16_t tag_value = 0) : tick_(0), tag(tag_value) {}
  TimerNode(const TimerNode&) = delete;
  TimerNode& operator=(const TimerNode&) = delete;
  ~TimerNode() { assert(!scheduled()); }

  bool scheduled() const { return next != nullptr; }
  // When it fires: the deadline it was given, rounded up to the wheel's millisecond (kNever when
  // that is beyond an Instant). Meaningful when scheduled().
  Instant deadline() const;

 private:
  friend class TimingWheel;
  std::uint64_t tick_ : 48;

 public:
  std::uint64_t tag : 16;
};
static_assert(sizeof(TimerNode) == 24);

class TimingWheel {
 public:
  static constexpr Duration kGranularity = std::chrono::milliseconds(1);

  explicit TimingWheel(Instant now = Instant{});
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;
  ~TimingWheel();  // timers still scheduled are cancelled

  // Starts the timer, or moves it when it runs. A deadline that has passed fires at the next
  // advance(), even of the same `now`, but never inside the advance() that is under way.
  void schedule(TimerNode& node, Instant deadline);
  // Nothing happens when it does not run.
  void cancel(TimerNode& node);

  // Moves time to `now` and calls f(TimerNode&) for what fell due, each node already unscheduled.
  // f may schedule, cancel or destroy any node, its own included, but not call advance(). Stops
  // after `limit` timers; the rest fires at the next call. A `now` in the past fires only what is
  // overdue. Returns how many fired.
  template <class F>
  std::size_t advance(Instant now, F&& f,
                      std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    const std::uint64_t target = floor_tick(now);
    std::size_t fired = 0;
    assert(!advancing_);
    advancing_ = true;
    do {
      while (due_.next != &due_ && fired < limit) {
        TimerNode& node = pop_due();
        ++fired;
        f(node);
      }
    } while (due_.next == &due_ && step(target));
    advancing_ = false;
    splice(overdue_, due_);
    return fired;
  }

  // No timer fires before this instant: exact within the next 64 ms, else exact or earlier (waking
  // then does no harm). nullopt when no timer runs.
  std::optional<Instant> next_deadline() const;

  std::size_t size() const { return size_; }  // timers that run
  bool empty() const { return size_ == 0; }

 private:
  friend class TimerNode;
  static constexpr int kBits = 6;
  static constexpr int kSlots = 1 << kBits;
  static constexpr int kLevels = 8;
  struct Position {
    int level;
    int slot;
    std::uint64_t tick;  // its first millisecond
  };

  static std::uint64_t floor_tick(Instant t);
  static std::uint64_t ceiling_tick(Instant t);
  static Instant instant_of(std::uint64_t tick);
  static void append(TimerLinks& list, TimerLinks& node);
  static void unlink(TimerLinks& node);
  static void splice(TimerLinks& from, TimerLinks& to);  // to the end of `to`
  static void reset(TimerLinks& list) { list.previous = list.next = &list; }

  TimerNode& pop_due();
  void place(TimerNode& node, TimerLinks& if_due);
  // Goes to the next occupied slot that is not after `target` and sorts its timers to lower levels
  // or to due_. False, with the time at `target`, when there is none.
  bool step(std::uint64_t target);
  std::optional<Position> earliest() const;

  std::uint64_t now_;  // ticks; everything before and at it was handed out
  std::size_t size_ = 0;
  bool advancing_ = false;
  TimerLinks due_;      // to fire now
  TimerLinks overdue_;  // to fire at the next advance(): its deadline had passed when scheduled
  std::array<std::uint64_t, kLevels> occupied_{};
  std::array<TimerLinks, kLevels * kSlots> slots_;
};

}  // namespace estab
