// Objects at stable addresses, named by handles that know when their object is gone. Memory comes
// in chunks of about 64 KiB and goes back (all but one spare) when a chunk is wholly empty;
// allocate(), free() and get() are O(1). A handle holds an index (low 32 bits) and a generation
// (high 32 bits) that changes at each reuse of the index: get() of a stale handle is nullptr until
// the one slot was reused 2^31 times. The generation is odd while the object lives, so no handle
// is ever 0.
//
//   Slab<Connection> connections;
//   Handle<Connection> h = connections.allocate(arguments...);
//   if (Connection* c = connections.get(h)) ...
//   connections.free(h);
#pragma once
#include <algorithm>
#include <bit>
#include <cassert>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/defence.h"

namespace estab {

// Names one object of a Slab<T, Tag>. A value of 0 names none.
template <class Tag>
struct Handle {
  std::uint64_t value = 0;
  constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(value); }
  constexpr std::uint32_t generation() const { return static_cast<std::uint32_t>(value >> 32); }
  explicit constexpr operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(Handle, Handle) = default;
};

template <class T, class Tag = T>
class Slab {
 public:
  using HandleType = Handle<Tag>;
  static constexpr std::uint32_t kEnd = std::numeric_limits<std::uint32_t>::max();

  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for_each([this](HandleType h, T&) { free(h); });
  }

  // Constructs a T. Throws what T's constructor or operator new throws, and is unchanged then.
  template <class... Args>
  HandleType allocate(Args&&... args) {
    if (with_room_ == kEnd) add_chunk();
    const std::uint32_t c = with_room_;
    Chunk& chunk = *chunks_[c].memory;
    const std::uint16_t slot = chunk.first_free;
    const std::uint16_t next_free = chunk.slots[slot].next_free;
    construct(chunk.slots[slot], std::forward<Args>(args)...);
    chunk.first_free = next_free;
    ++chunk.live;
    ++size_;
    ++chunk.generations[slot];
    if (chunk.live == kPerChunk) unlink(c);
    if (spare_ == c) spare_ = kEnd;
    return make_handle(c * kPerChunk + slot, chunk.generations[slot]);
  }

  // Destroys the object. False, and nothing done, when the handle is stale or none.
  bool free(HandleType h) {
    T* object = get(h);
    if (object == nullptr) return false;
    const std::uint32_t c = h.index() / kPerChunk;
    const auto slot = static_cast<std::uint16_t>(h.index() % kPerChunk);
    Chunk& chunk = *chunks_[c].memory;
    ++chunk.generations[slot];  // before the destructor: it may look itself up
    std::destroy_at(object);
    chunk.slots[slot].next_free = chunk.first_free;
    chunk.first_free = slot;
    --size_;
    if (chunk.live-- == kPerChunk) link(c);
    if (chunk.live == 0) give_back(c);
    return true;
  }

  T* get(HandleType h) {
    const std::uint32_t c = h.index() / kPerChunk;
    if (c >= chunks_.size() || chunks_[c].memory == nullptr) return nullptr;
    Chunk& chunk = *chunks_[c].memory;
    const std::uint32_t slot = h.index() % kPerChunk;
    const std::uint32_t generation = chunk.generations[slot];
    const bool stale = generation != h.generation() && defended(Defence::HandleGenerations);
    if ((h.generation() & 1) == 0 || (generation & 1) == 0 || stale) return nullptr;
    return std::launder(reinterpret_cast<T*>(chunk.slots[slot].storage));
  }
  const T* get(HandleType h) const { return const_cast<Slab*>(this)->get(h); }

  // The object at an index that the caller knows to be in use (IndexedTimingWheel), or nullptr.
  T* at(std::uint32_t index) { return get(handle_at(index)); }
  // Its handle; the none handle when nothing lives there.
  HandleType handle_at(std::uint32_t index) const {
    const std::uint32_t c = index / kPerChunk;
    if (c >= chunks_.size() || chunks_[c].memory == nullptr) return {};
    const std::uint32_t generation = chunks_[c].memory->generations[index % kPerChunk];
    return (generation & 1) != 0 ? make_handle(index, generation) : HandleType{};
  }

  // Calls f(Handle, T&) for every object, in order of index. f may free any object, and allocate:
  // new objects may or may not be visited.
  template <class F>
  void for_each(F&& f) {
    visit(0, kEnd, f);
  }
  template <class F>
  void for_each(F&& f) const {
    const_cast<Slab*>(this)->visit(0, kEnd, [&](HandleType h, const T& object) { f(h, object); });
  }
  // The same in steps: looks at no more than `limit` indices from `index` on, and returns the
  // index to go on with, or kEnd. A walk in steps sees each object that lives through it once.
  template <class F>
  std::uint32_t visit(std::uint32_t index, std::uint32_t limit, F&& f) {
    for (; limit > 0 && index / kPerChunk < chunks_.size(); --limit) {
      const Chunk* chunk = chunks_[index / kPerChunk].memory.get();
      if (chunk == nullptr) {
        index = (index / kPerChunk + 1) * kPerChunk;
        continue;
      }
      const HandleType h = make_handle(index, chunk->generations[index % kPerChunk]);
      if (T* object = get(h)) f(h, *object);
      ++index;
    }
    return index / kPerChunk < chunks_.size() ? index : kEnd;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Memory held now, free slots included.
  std::size_t bytes() const {
    return (chunks_.size() - vacant_.size()) * sizeof(Chunk) +
           chunks_.capacity() * sizeof(ChunkEntry) + vacant_.capacity() * sizeof(std::uint32_t);
  }

 private:
  union Slot {
    Slot() {}   // NOLINT: nothing is constructed until allocate()
    ~Slot() {}  // NOLINT
    std::uint16_t next_free;
    alignas(T) unsigned char storage[sizeof(T)];
  };
  static constexpr std::uint32_t kPerChunk = static_cast<std::uint32_t>(
      std::bit_floor(std::clamp<std::size_t>(65536 / (sizeof(Slot) + 4), 8, 4096)));
  struct Chunk {
    std::uint32_t generations[kPerChunk];  // odd: the slot holds a T
    std::uint16_t first_free = 0;          // kPerChunk: none
    std::uint16_t live = 0;
    Slot slots[kPerChunk];
  };
  struct ChunkEntry {
    std::unique_ptr<Chunk> memory;  // nullptr: given back
    // While given back: a generation (even) that no slot of the chunk has reached.
    std::uint32_t generation = 0;
    std::uint32_t previous = kEnd;  // in the list of chunks that have room
    std::uint32_t next = kEnd;
  };

  static constexpr HandleType make_handle(std::uint32_t index, std::uint32_t generation) {
    return {std::uint64_t{generation} << 32 | index};
  }
  template <class... Args>
  static void construct(Slot& slot, Args&&... args) {
    const std::uint16_t next_free = slot.next_free;
    try {
      if constexpr (std::is_constructible_v<T, Args...>) {
        ::new (static_cast<void*>(slot.storage)) T(std::forward<Args>(args)...);
      } else {
        ::new (static_cast<void*>(slot.storage)) T{std::forward<Args>(args)...};
      }
    } catch (...) {
      slot.next_free = next_free;
      throw;
    }
  }

  void add_chunk() {
    std::uint32_t c = static_cast<std::uint32_t>(chunks_.size());
    if (vacant_.empty()) {
      chunks_.emplace_back();
    } else {
      c = vacant_.back();
    }
    try {
      chunks_[c].memory.reset(new Chunk);
    } catch (...) {
      if (vacant_.empty()) chunks_.pop_back();
      throw;
    }
    if (!vacant_.empty()) vacant_.pop_back();
    Chunk& chunk = *chunks_[c].memory;
    for (std::uint32_t i = 0; i < kPerChunk; ++i) {
      chunk.generations[i] = chunks_[c].generation;
      chunk.slots[i].next_free = static_cast<std::uint16_t>(i + 1);
    }
    link(c);
  }
  // One empty chunk is kept, so that an object that comes and goes at a chunk's edge does not cost
  // an allocation of 64 KiB each time.
  void give_back(std::uint32_t c) {
    if (spare_ == kEnd) {
      spare_ = c;
      return;
    }
    vacant_.push_back(c);
    const Chunk& chunk = *chunks_[c].memory;
    chunks_[c].generation = *std::max_element(chunk.generations, chunk.generations + kPerChunk);
    unlink(c);
    chunks_[c].memory.reset();
  }
  void link(std::uint32_t c) {
    chunks_[c].previous = kEnd;
    chunks_[c].next = with_room_;
    if (with_room_ != kEnd) chunks_[with_room_].previous = c;
    with_room_ = c;
  }
  void unlink(std::uint32_t c) {
    const ChunkEntry& e = chunks_[c];
    (e.previous == kEnd ? with_room_ : chunks_[e.previous].next) = e.next;
    if (e.next != kEnd) chunks_[e.next].previous = e.previous;
  }

  std::vector<ChunkEntry> chunks_;
  std::vector<std::uint32_t> vacant_;  // chunks given back, their numbers to be used again
  std::uint32_t with_room_ = kEnd;     // first chunk that has a free slot
  std::uint32_t spare_ = kEnd;         // the chunk that is empty and kept
  std::size_t size_ = 0;
};

}  // namespace estab
