// A ring of fixed capacity that overwrites its oldest entry: the log of lifecycle events. Each
// entry has a running 64-bit number, the first is 0; a reader remembers the next number it wants,
// and learns how many entries were overwritten before it came. push() is O(1) and never allocates,
// reading is O(entries read); readers cost the writer nothing and need not be registered.
//
//   Ring<LifecycleEvent> log{65536};
//   log.push(event);
//   auto got = log.read(next, buffer);   // buffer: std::span<LifecycleEvent>
//   lost += got.lost;
//   next = got.next;
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace estab {

template <class T>
class Ring {
 public:
  struct ReadResult {
    std::size_t count = 0;   // entries copied to the front of `out`
    std::uint64_t lost = 0;  // entries between `from` and the first one copied
    std::uint64_t next = 0;  // where to read on
  };

  // Room for `capacity` entries (at least 1), allocated here.
  explicit Ring(std::size_t capacity) : entries_(std::max<std::size_t>(capacity, 1)) {}

  // Returns the entry's number.
  std::uint64_t push(const T& entry) {
    entries_[next_ % entries_.size()] = entry;
    return next_++;
  }
  std::uint64_t next() const { return next_; }  // number that the next entry gets
  std::uint64_t oldest() const {                // number of the oldest entry still here
    return next_ > entries_.size() ? next_ - entries_.size() : 0;
  }
  std::uint64_t overwritten() const { return oldest(); }  // how many are gone since the start
  std::size_t size() const { return static_cast<std::size_t>(next_ - oldest()); }
  std::size_t capacity() const { return entries_.size(); }
  std::size_t bytes() const { return entries_.capacity() * sizeof(T); }

  // The entry with this number; nullptr when it is overwritten or not yet written. Valid until the
  // next push().
  const T* at(std::uint64_t number) const {
    if (number < oldest() || number >= next_) return nullptr;
    return &entries_[number % entries_.size()];
  }
  // Copies entries from number `from` on, oldest first. A `from` beyond next() reads nothing.
  ReadResult read(std::uint64_t from, std::span<T> out) const {
    const std::uint64_t start = std::max(from, oldest());
    ReadResult r{0, start - from, start};
    while (r.count < out.size() && r.next < next_) {
      out[r.count++] = entries_[r.next++ % entries_.size()];
    }
    return r;
  }

 private:
  std::vector<T> entries_;
  std::uint64_t next_ = 0;
};

}  // namespace estab
