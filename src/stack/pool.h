// Small records of one kind, named by 32-bit (really 24-bit) indices: TIME-WAIT and SYN-queue
// records, of which there may be millions, and for which a pointer or a generation each would be
// dear. Memory comes in chunks and goes back when a chunk is empty (one is kept). The lowest free
// index is taken first, so that indices stay dense. allocate() and free() are O(1) but for a scan
// of bitmaps (256 words at most).
//
//   Pool<Record> pool;
//   const std::uint32_t i = pool.allocate(record);  // kNoRecord: full
//   pool[i].deadline = ...;
//   pool.free(i);
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace estab::stack {

// "No record": the largest value of the 24 bits that a link has.
inline constexpr std::uint32_t kNoRecord = 0xffffff;

template <class T>
class Pool {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr std::uint32_t kPerChunk = 1024;

  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // kNoRecord when all 2^24 - 1 are taken. Throws std::bad_alloc, and is unchanged then.
  std::uint32_t allocate(const T& value) {
    const std::uint32_t c = chunk_with_room();
    if (c == kNoRecord) return kNoRecord;
    Chunk& chunk = *chunks_[c];
    const auto word = static_cast<std::uint32_t>(std::countr_one(chunk.full));
    const auto bit = static_cast<std::uint32_t>(std::countr_one(chunk.live[word]));
    chunk.live[word] |= std::uint64_t{1} << bit;
    if (chunk.live[word] == ~std::uint64_t{0}) chunk.full |= std::uint64_t{1} << word;
    if (++chunk.count == kPerChunk) set_room(c, false);
    if (spare_ == c) spare_ = kNoRecord;
    ++size_;
    const std::uint32_t slot = word * 64 + bit;
    chunk.records[slot] = value;
    return c * kPerChunk + slot;
  }
  void free(std::uint32_t index) {
    assert(live(index));
    const std::uint32_t c = index / kPerChunk;
    const std::uint32_t slot = index % kPerChunk;
    Chunk& chunk = *chunks_[c];
    chunk.live[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
    chunk.full &= ~(std::uint64_t{1} << (slot / 64));
    if (chunk.count-- == kPerChunk) set_room(c, true);
    --size_;
    if (chunk.count == 0) give_back(c);
  }
  bool live(std::uint32_t index) const {
    const std::uint32_t c = index / kPerChunk;
    if (c >= chunks_.size() || chunks_[c] == nullptr) return false;
    const std::uint32_t slot = index % kPerChunk;
    return ((chunks_[c]->live[slot / 64] >> (slot % 64)) & 1) != 0;
  }
  // REQUIRES: live(index). Addresses are stable while the record lives.
  T& operator[](std::uint32_t index) {
    return chunks_[index / kPerChunk]->records[index % kPerChunk];
  }
  const T& operator[](std::uint32_t index) const {
    return chunks_[index / kPerChunk]->records[index % kPerChunk];
  }

  // Calls f(index, const T&) for the records among the next `limit` indices from `index` on, and
  // returns the index to go on with, or kNoRecord. A walk in steps sees each record that lives
  // through it once.
  template <class F>
  std::uint32_t visit(std::uint32_t index, std::size_t limit, F&& f) const {
    while (limit > 0 && index / kPerChunk < chunks_.size()) {
      if (chunks_[index / kPerChunk] == nullptr) {
        index = (index / kPerChunk + 1) * kPerChunk;
        --limit;
        continue;
      }
      if (live(index)) f(index, (*this)[index]);
      ++index;
      --limit;
    }
    return index / kPerChunk < chunks_.size() ? index : kNoRecord;
  }

  std::size_t size() const { return size_; }
  std::size_t bytes() const {  // memory held now
    std::size_t chunks = 0;
    for (const auto& c : chunks_) chunks += c != nullptr ? 1u : 0u;
    return chunks * sizeof(Chunk) + chunks_.capacity() * sizeof(chunks_[0]) +
           room_.capacity() * sizeof(std::uint64_t);
  }

 private:
  struct Chunk {
    std::uint64_t full = 0;  // a bit a word of `live` that has no bit to give
    std::array<std::uint64_t, kPerChunk / 64> live{};
    std::uint32_t count = 0;
    std::array<T, kPerChunk> records;
  };

  std::uint32_t chunk_with_room() {
    for (std::size_t w = first_room_; w < room_.size(); ++w) {
      if (room_[w] == 0) continue;
      first_room_ = w;
      const auto c = static_cast<std::uint32_t>(w * 64) +
                     static_cast<std::uint32_t>(std::countr_zero(room_[w]));
      if (chunks_[c] == nullptr) chunks_[c] = std::make_unique<Chunk>();
      return c;
    }
    first_room_ = room_.size();
    if ((chunks_.size() + 1) * kPerChunk > kNoRecord) return kNoRecord;
    auto fresh = std::make_unique<Chunk>();
    chunks_.push_back(nullptr);
    if (room_.size() * 64 < chunks_.size()) room_.push_back(0);
    chunks_.back() = std::move(fresh);
    const auto c = static_cast<std::uint32_t>(chunks_.size() - 1);
    set_room(c, true);
    return c;
  }
  void set_room(std::uint32_t c, bool room) {
    const std::uint64_t bit = std::uint64_t{1} << (c % 64);
    if (room) {
      room_[c / 64] |= bit;
      first_room_ = std::min<std::size_t>(first_room_, c / 64);
    } else {
      room_[c / 64] &= ~bit;
    }
  }
  // One empty chunk is kept, so that a record that comes and goes costs no allocation each time.
  void give_back(std::uint32_t c) {
    if (spare_ == kNoRecord) {
      spare_ = c;
    } else {
      chunks_[c].reset();  // its room bit stays: allocate() makes it anew
    }
  }

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::uint64_t> room_;  // a bit a chunk: it has a free slot, or no memory
  std::size_t first_room_ = 0;       // no word before it has a bit set
  std::uint32_t spare_ = kNoRecord;
  std::size_t size_ = 0;
};

}  // namespace estab::stack
