// Deadlines of pooled records: one ring of buckets, 32 ms each, linked through the records' own
// 24-bit indices. What lies more than a turn (262 s) ahead waits in its bucket and is looked at
// once a turn. insert() and erase() are O(1), expiry O(1) for each record and turn. A record never
// expires early, and at most 32 ms late. T has the fields previous, next (24 bits at least) and
// deadline (tcp::Millis).
//
//   IndexWheel<Record> wheel{pool};
//   pool[i].deadline = tcp::to_millis(now + 60s);
//   wheel.insert(i);
//   wheel.expire(now, budget, [&](std::uint32_t i) { ... });  // i is out of the wheel by then
#pragma once
#include <array>
#include <bit>
#include <memory>

#include "estab/time.h"
#include "stack/pool.h"
#include "tcp/record.h"

namespace estab::stack {

template <class T>
class IndexWheel {
 public:
  static constexpr std::uint32_t kBuckets = 8192;
  static constexpr std::uint32_t kTick = 32;  // milliseconds

  // `pool` outlives the wheel.
  explicit IndexWheel(Pool<T>& pool)
      : pool_(pool), heads_(new std::array<std::uint32_t, kBuckets>) {
    heads_->fill(kNoRecord);
  }

  void insert(std::uint32_t index) {
    T& r = pool_[index];
    // What is late already is put where the next look is.
    const auto soonest = static_cast<tcp::Millis>(done_ * kTick + 1);
    if (static_cast<std::int32_t>(r.deadline - soonest) < 0) r.deadline = soonest;
    const std::uint32_t b = bucket_of(r.deadline);
    std::uint32_t& head = (*heads_)[b];
    r.previous = kNoRecord;
    r.next = head & kNoRecord;
    if (head != kNoRecord) pool_[head].previous = index & kNoRecord;
    head = index;
    occupied_[b / 64] |= std::uint64_t{1} << (b % 64);
    ++size_;
  }
  // REQUIRES: the deadline is still the one it was inserted with.
  void erase(std::uint32_t index) {
    const T& r = pool_[index];
    const std::uint32_t b = bucket_of(r.deadline);
    if (r.next != kNoRecord) pool_[r.next].previous = r.previous;
    if (r.previous != kNoRecord) {
      pool_[r.previous].next = r.next;
    } else {
      (*heads_)[b] = r.next;
      if (r.next == kNoRecord) occupied_[b / 64] &= ~(std::uint64_t{1} << (b % 64));
    }
    --size_;
  }

  // Calls f(index) for each record that is due, at most `limit`; f may free that record or insert
  // it anew, but touch no other record of the wheel. Returns how many; `limit` means that there may
  // be more.
  template <class F>
  std::size_t expire(Instant now, std::size_t limit, F&& f) {
    const std::int64_t target = tick_of(now);
    if (target - done_ > kBuckets) done_ = target - kBuckets;  // one turn sees every bucket
    std::size_t expired = 0;
    while (done_ < target && size_ > 0) {
      const auto b = static_cast<std::uint32_t>(done_ + 1) % kBuckets;
      for (std::uint32_t i = (*heads_)[b]; i != kNoRecord && expired < limit;) {
        const std::uint32_t next = pool_[i].next;
        if (is_due(pool_[i].deadline, now)) {
          erase(i);
          ++expired;
          f(i);
        }
        i = next;
      }
      if (expired == limit) return expired;
      ++done_;
    }
    if (size_ == 0) done_ = std::max(done_, target);
    return expired;
  }

  // When expire() should be called next; kNever when nothing waits.
  Instant next() const {
    if (size_ == 0) return kNever;
    const auto from = static_cast<std::uint32_t>(done_ + 1) % kBuckets;
    for (std::uint32_t w = 0; w <= kBuckets / 64; ++w) {
      const std::uint32_t word = (from / 64 + w) % (kBuckets / 64);
      std::uint64_t bits = occupied_[word];
      if (w == 0) bits &= ~std::uint64_t{0} << (from % 64);
      if (bits == 0) continue;
      const std::uint32_t b = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      const std::uint32_t ahead = (b + kBuckets - from) % kBuckets;
      return Instant{} + std::chrono::milliseconds((done_ + 1 + ahead) * kTick);
    }
    return kNever;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return sizeof(*heads_) + sizeof(occupied_); }

 private:
  // Rounded up, so that a bucket's tick is over when its records are due. 2^32 ms are a whole
  // number of turns, so the wrap of Millis does no harm.
  static std::uint32_t bucket_of(tcp::Millis deadline) {
    return static_cast<std::uint32_t>((std::uint64_t{deadline} + kTick - 1) / kTick) % kBuckets;
  }
  static std::int64_t tick_of(Instant t) {
    return t.time_since_epoch() / std::chrono::milliseconds(kTick);
  }
  static bool is_due(tcp::Millis deadline, Instant now) {
    return static_cast<std::int32_t>(deadline - tcp::to_millis(now)) <= 0;
  }

  Pool<T>& pool_;
  std::unique_ptr<std::array<std::uint32_t, kBuckets>> heads_;
  std::array<std::uint64_t, kBuckets / 64> occupied_{};
  std::int64_t done_ = -1;  // every tick up to this one has been looked at
  std::size_t size_ = 0;
};

}  // namespace estab::stack
