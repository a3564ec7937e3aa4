#include "base/timing_wheel.h"

#include <bit>

namespace estab {
namespace {

constexpr std::int64_t kTickNs = Duration(TimingWheel::kGranularity).count();
// Added so that instants before the origin have ticks too: int64 nanoseconds are less than 2^44 ms
// either way.
constexpr std::int64_t kOrigin = std::int64_t{1} << 44;

}  // namespace

// A timer waits at the level of the highest base-64 digit in which its tick differs from now_, in
// the slot of that digit. So a slot's timers share all higher digits with now_, its digit is above
// now_'s, and whatever waits on a lower level is due before all that waits on a higher one.

std::uint64_t TimingWheel::floor_tick(Instant t) {
  const std::int64_t ns = t.time_since_epoch().count();
  const std::int64_t down = ns % kTickNs < 0 ? 1 : 0;
  return static_cast<std::uint64_t>(ns / kTickNs - down + kOrigin);
}

std::uint64_t TimingWheel::ceiling_tick(Instant t) {
  const std::int64_t ns = t.time_since_epoch().count();
  const std::int64_t up = ns % kTickNs > 0 ? 1 : 0;
  return static_cast<std::uint64_t>(ns / kTickNs + up + kOrigin);
}

Instant TimingWheel::instant_of(std::uint64_t tick) {
  const std::int64_t ms = static_cast<std::int64_t>(tick) - kOrigin;
  if (ms > std::numeric_limits<std::int64_t>::max() / kTickNs) return kNever;
  if (ms < std::numeric_limits<std::int64_t>::min() / kTickNs) return Instant::min();
  return Instant{Duration{ms * kTickNs}};
}

Instant TimerNode::deadline() const { return TimingWheel::instant_of(tick_); }

TimingWheel::TimingWheel(Instant now) : now_(floor_tick(now)) {
  reset(due_);
  reset(overdue_);
  for (TimerLinks& slot : slots_) reset(slot);
}

TimingWheel::~TimingWheel() {
  const auto release = [](TimerLinks& list) {
    while (list.next != &list) unlink(*list.next);
  };
  release(due_);
  release(overdue_);
  for (TimerLinks& slot : slots_) release(slot);
}

void TimingWheel::append(TimerLinks& list, TimerLinks& node) {
  node.previous = list.previous;
  node.next = &list;
  list.previous->next = &node;
  list.previous = &node;
}

void TimingWheel::unlink(TimerLinks& node) {
  node.previous->next = node.next;
  node.next->previous = node.previous;
  node.previous = node.next = nullptr;
}

void TimingWheel::splice(TimerLinks& from, TimerLinks& to) {
  if (from.next == &from) return;
  from.next->previous = to.previous;
  to.previous->next = from.next;
  from.previous->next = &to;
  to.previous = from.previous;
  reset(from);
}

void TimingWheel::schedule(TimerNode& node, Instant deadline) {
  cancel(node);
  node.tick_ = ceiling_tick(deadline) & ((std::uint64_t{1} << 48) - 1);
  ++size_;
  place(node, advancing_ ? overdue_ : due_);
}

void TimingWheel::cancel(TimerNode& node) {
  if (!node.scheduled()) return;
  // The last node of a list has the list's head on both sides, and the head's place in slots_
  // names the bit to clear.
  const TimerLinks* neighbour = node.previous;
  const bool last = neighbour == node.next;
  unlink(node);
  --size_;
  if (!last || neighbour == &due_ || neighbour == &overdue_) return;
  const auto place = static_cast<std::size_t>(neighbour - slots_.data());
  occupied_[place / kSlots] &= ~(std::uint64_t{1} << place % kSlots);
}

TimerNode& TimingWheel::pop_due() {
  auto& node = static_cast<TimerNode&>(*due_.next);
  unlink(node);
  --size_;
  return node;
}

void TimingWheel::place(TimerNode& node, TimerLinks& if_due) {
  const std::uint64_t tick = node.tick_;
  if (tick <= now_) {
    append(if_due, node);
    return;
  }
  const int level = (63 - std::countl_zero(tick ^ now_)) / kBits;
  const int slot = static_cast<int>(tick >> (level * kBits)) & (kSlots - 1);
  append(slots_[level * kSlots + slot], node);
  occupied_[level] |= std::uint64_t{1} << slot;
}

std::optional<TimingWheel::Position> TimingWheel::earliest() const {
  for (int level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const int slot = std::countr_zero(occupied_[level]);
    const std::uint64_t above = now_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
    return Position{level, slot, above | static_cast<std::uint64_t>(slot) << (level * kBits)};
  }
  return std::nullopt;
}

bool TimingWheel::step(std::uint64_t target) {
  if (target <= now_) return false;
  const auto next = earliest();
  if (!next || next->tick > target) {
    now_ = target;
    return false;
  }
  now_ = next->tick;
  occupied_[next->level] &= ~(std::uint64_t{1} << next->slot);
  TimerLinks& slot = slots_[next->level * kSlots + next->slot];
  if (next->level == 0) {
    splice(slot, due_);
    return true;
  }
  while (slot.next != &slot) {
    auto& node = static_cast<TimerNode&>(*slot.next);
    unlink(node);
    place(node, due_);
  }
  return true;
}

std::optional<Instant> TimingWheel::next_deadline() const {
  if (due_.next != &due_ || overdue_.next != &overdue_) return instant_of(now_);
  if (const auto next = earliest()) return instant_of(next->tick);
  return std::nullopt;
}

}  // namespace estab
