// The algorithm of the timing wheel, whose faces stand in timing_wheel.h. `Access` says how timers
// are named: `Ref` (a pointer or an index), `Node`, and node(ref).
//
// A timer waits on the level of the highest base-64 digit in which its tick differs from now_, in
// the slot of that digit. So a slot's timers share all higher digits with now_, its digit is above
// now_'s, and whatever waits on a lower level is due before all that waits on a higher one. When
// the time comes to a slot of a higher level, its timers sort themselves to lower levels.
#pragma once
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "estab/time.h"

namespace estab::detail {

// Milliseconds, counted from so far back that every Instant has one; less than 2^45.
struct TimerTicks {
  static constexpr std::int64_t kNanoseconds = 1'000'000;
  static constexpr std::int64_t kOrigin = std::int64_t{1} << 44;

  static constexpr std::uint64_t down(Instant t) {
    const std::int64_t ns = t.time_since_epoch().count();
    return static_cast<std::uint64_t>(ns / kNanoseconds - (ns % kNanoseconds < 0) + kOrigin);
  }
  static constexpr std::uint64_t up(Instant t) {
    const std::int64_t ns = t.time_since_epoch().count();
    return static_cast<std::uint64_t>(ns / kNanoseconds + (ns % kNanoseconds > 0) + kOrigin);
  }
  static constexpr Instant instant(std::uint64_t tick) {
    const std::int64_t ms = static_cast<std::int64_t>(tick) - kOrigin;
    if (ms > Instant::max().time_since_epoch().count() / kNanoseconds) return Instant::max();
    if (ms < Instant::min().time_since_epoch().count() / kNanoseconds) return Instant::min();
    return Instant{Duration{ms * kNanoseconds}};
  }
};

template <class Access>
class TimingWheelCore {
 public:
  using Ref = typename Access::Ref;
  using Node = typename Access::Node;

  TimingWheelCore(Instant now, Access access)
      : now_(TimerTicks::down(now)), access_(std::move(access)) {
    for (std::size_t i = 0; i < kHeads; ++i) heads_[i].previous_ = heads_[i].next_ = head(i);
  }
  TimingWheelCore(const TimingWheelCore&) = delete;
  TimingWheelCore& operator=(const TimingWheelCore&) = delete;
  ~TimingWheelCore() {
    for (std::size_t i = 0; i < kHeads; ++i) {
      while (!empty_list(i)) unlink(heads_[i].next_);
      heads_[i].previous_ = heads_[i].next_ = Node::kNone;
    }
  }

  void schedule(Ref ref, Instant deadline) {
    cancel(ref);
    node(ref).tick_ = TimerTicks::up(deadline) & ((std::uint64_t{1} << 48) - 1);
    ++size_;
    place(ref, advancing_ ? kOverdue : kDue);
  }

  void cancel(Ref ref) {
    if (!node(ref).scheduled()) return;
    // The last timer of a list has the list's head on both sides.
    const Ref neighbour = node(ref).previous_;
    const bool last = neighbour == node(ref).next_;
    unlink(ref);
    --size_;
    if (!last) return;
    const std::size_t place = head_index(neighbour);
    if (place < kDue) occupied_[place / kSlots] &= ~(std::uint64_t{1} << place % kSlots);
  }

  template <class F>
  std::size_t advance(Instant now, F&& f, std::size_t limit) {
    assert(!advancing_);
    const std::uint64_t target = TimerTicks::down(now);
    std::size_t fired = 0;
    advancing_ = true;
    do {
      while (fired < limit && !empty_list(kDue)) {
        const Ref ref = heads_[kDue].next_;
        unlink(ref);
        --size_;
        ++fired;
        f(ref);
      }
    } while (empty_list(kDue) && step(target));
    advancing_ = false;
    splice(kOverdue, kDue);
    return fired;
  }

  std::optional<Instant> next_deadline() const {
    if (!empty_list(kDue) || !empty_list(kOverdue)) return TimerTicks::instant(now_);
    if (const auto next = earliest()) return TimerTicks::instant(next->tick);
    return std::nullopt;
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kBits = 6;
  static constexpr std::size_t kSlots = 1 << kBits;
  static constexpr std::size_t kLevels = 8;  // 48 bits
  // Lists beside the slots: what fires now, and what was scheduled in the past by a timer that is
  // just firing, which waits for the next advance().
  static constexpr std::size_t kDue = kLevels * kSlots;
  static constexpr std::size_t kOverdue = kDue + 1;
  static constexpr std::size_t kHeads = kOverdue + 1;
  struct Position {
    std::size_t level;
    std::size_t slot;
    std::uint64_t tick;  // its first
  };

  // Heads of lists are named like timers.
  Ref head(std::size_t i) {
    if constexpr (std::is_pointer_v<Ref>) {
      return &heads_[i];
    } else {
      return static_cast<Ref>(Access::kFirstHead + i);
    }
  }
  std::size_t head_index(Ref ref) const {
    if constexpr (std::is_pointer_v<Ref>) {
      return static_cast<std::size_t>(ref - heads_.data());
    } else {
      return ref - Access::kFirstHead;
    }
  }
  Node& node(Ref ref) {
    if constexpr (std::is_pointer_v<Ref>) {
      return *ref;
    } else {
      return ref >= Access::kFirstHead ? heads_[ref - Access::kFirstHead] : access_.node(ref);
    }
  }

  bool empty_list(std::size_t i) const { return head_index(heads_[i].next_) == i; }
  void append(std::size_t list, Ref ref) {
    Node& first = heads_[list];
    Node& added = node(ref);
    added.previous_ = first.previous_;
    added.next_ = head(list);
    node(first.previous_).next_ = ref;
    first.previous_ = ref;
  }
  void unlink(Ref ref) {
    Node& gone = node(ref);
    node(gone.previous_).next_ = gone.next_;
    node(gone.next_).previous_ = gone.previous_;
    gone.previous_ = gone.next_ = Node::kNone;
  }
  void splice(std::size_t from, std::size_t to) {  // to the end of `to`
    if (empty_list(from)) return;
    Node& source = heads_[from];
    Node& sink = heads_[to];
    node(source.next_).previous_ = sink.previous_;
    node(sink.previous_).next_ = source.next_;
    node(source.previous_).next_ = head(to);
    sink.previous_ = source.previous_;
    source.previous_ = source.next_ = head(from);
  }

  void place(Ref ref, std::size_t list_if_due) {
    const std::uint64_t tick = node(ref).tick_;
    if (tick <= now_) return append(list_if_due, ref);
    const auto level = static_cast<std::size_t>(63 - std::countl_zero(tick ^ now_)) / kBits;
    const std::size_t slot = (tick >> (level * kBits)) & (kSlots - 1);
    append(level * kSlots + slot, ref);
    occupied_[level] |= std::uint64_t{1} << slot;
  }

  std::optional<Position> earliest() const {
    for (std::size_t level = 0; level < kLevels; ++level) {
      if (occupied_[level] == 0) continue;
      const auto slot = static_cast<std::size_t>(std::countr_zero(occupied_[level]));
      const std::uint64_t above = now_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
      return Position{level, slot, above | std::uint64_t{slot} << (level * kBits)};
    }
    return std::nullopt;
  }

  // Goes to the next occupied slot that is not after `target` and sorts its timers to lower levels
  // or to kDue. False, with the time at `target`, when there is none.
  bool step(std::uint64_t target) {
    if (target <= now_) return false;
    const auto next = earliest();
    if (!next || next->tick > target) {
      now_ = target;
      return false;
    }
    now_ = next->tick;
    occupied_[next->level] &= ~(std::uint64_t{1} << next->slot);
    const std::size_t list = next->level * kSlots + next->slot;
    if (next->level == 0) {
      splice(list, kDue);
      return true;
    }
    while (!empty_list(list)) {
      const Ref ref = heads_[list].next_;
      unlink(ref);
      place(ref, kDue);
    }
    return true;
  }

  std::uint64_t now_;  // ticks; everything up to and at it was handed out
  std::size_t size_ = 0;
  bool advancing_ = false;
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit a slot
  std::array<Node, kHeads> heads_;
  [[no_unique_address]] Access access_;
};

}  // namespace estab::detail
