// Half-open connections as records of at most 128 bytes: no buffers before the handshake is done
// (RFC 4987 3.4). The SYN queue of a listener is a list through its records; one wheel repeats the
// SYN,ACKs of all.
#pragma once
#include "base/slab.h"
#include "stack/demux.h"
#include "stack/index_wheel.h"
#include "stack/pool.h"
#include "tcp/record.h"

namespace estab::stack {

struct ListenerTag;

struct SynEntry {
  std::uint64_t id = 0;  // the connection's, also when it becomes a full one
  Handle<ListenerTag> listener;
  tcp::SynRecord record;
  tcp::Millis deadline = 0;                                          // when the SYN,ACK is repeated
  std::uint32_t previous = kNoRecord, next = kNoRecord;              // in the wheel
  std::uint32_t queue_previous = kNoRecord, queue_next = kNoRecord;  // in the listener's SYN queue
  Ref time_wait;  // L12: the TIME-WAIT record that this one wants to succeed
};
static_assert(sizeof(SynEntry) <= 128, "half-open connections are compact");

// The ends of one listener's SYN queue.
struct SynQueue {
  std::uint32_t first = kNoRecord;
  std::uint32_t count = 0;
  std::uint32_t young = 0;  // of them, those whose SYN,ACK was not yet repeated
};

class SynTable {
 public:
  // kNoRecord when 2^24 are there. Starts the timer at entry.deadline.
  std::uint32_t add(const SynEntry& entry, SynQueue& queue) {
    const std::uint32_t i = pool_.allocate(entry);
    if (i == kNoRecord) return i;
    SynEntry& e = pool_[i];
    e.queue_previous = kNoRecord;
    e.queue_next = queue.first;
    if (queue.first != kNoRecord) pool_[queue.first].queue_previous = i;
    queue.first = i;
    ++queue.count;
    ++queue.young;
    wheel_.insert(i);
    return i;
  }
  void remove(std::uint32_t i, SynQueue& queue) {
    wheel_.erase(i);
    remove_expired(i, queue);
  }
  // Removes a record that expire() has handed out.
  void remove_expired(std::uint32_t i, SynQueue& queue) {
    const SynEntry& e = pool_[i];
    if (e.queue_next != kNoRecord) pool_[e.queue_next].queue_previous = e.queue_previous;
    if (e.queue_previous != kNoRecord) {
      pool_[e.queue_previous].queue_next = e.queue_next;
    } else {
      queue.first = e.queue_next;
    }
    --queue.count;
    if (e.record.retries == 0) --queue.young;
    pool_.free(i);
  }
  void arm(std::uint32_t i, Instant deadline) {  // of a record that expire() has handed out
    pool_[i].deadline = tcp::to_millis(deadline);
    wheel_.insert(i);
  }
  SynEntry& get(std::uint32_t i) { return pool_[i]; }
  const SynEntry& get(std::uint32_t i) const { return pool_[i]; }

  template <class F>
  std::size_t expire(Instant now, std::size_t limit, F&& f) {
    return wheel_.expire(now, limit, f);
  }
  Instant next() const { return wheel_.next(); }
  template <class F>
  std::uint32_t visit(std::uint32_t index, std::size_t limit, F&& f) const {
    return pool_.visit(index, limit, f);
  }
  std::size_t size() const { return pool_.size(); }
  std::size_t bytes() const { return pool_.bytes() + wheel_.bytes(); }

 private:
  Pool<SynEntry> pool_;
  IndexWheel<SynEntry> wheel_{pool_};
};

}  // namespace estab::stack
