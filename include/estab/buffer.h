// Reference-counted memory for payload. A Buffer is one allocation shared by all who hold it; a
// Slice is a piece of one. Taking a piece of a piece copies no bytes.
//
//   Buffer b = Buffer::allocate(2048);
//   Slice s{b, 0, 10};
#pragma once
#include <atomic>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace estab {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

class Buffer {
 public:
  Buffer() = default;
  // Throws std::bad_alloc, as new does.
  static Buffer allocate(std::size_t capacity) {
    void* raw = ::operator new(sizeof(Block) + capacity);
    Buffer b;
    b.block_ = new (raw) Block{{1}, {0}, static_cast<std::uint32_t>(capacity)};
    return b;
  }
  static Buffer copy_of(Bytes bytes) {
    Buffer b = allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(b.data(), bytes.data(), bytes.size());
    return b;
  }
  Buffer(const Buffer& o) : block_(o.block_) {
    if (block_ != nullptr) block_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  Buffer(Buffer&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  Buffer& operator=(Buffer o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~Buffer() {
    if (block_ != nullptr && block_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      block_->~Block();
      ::operator delete(block_);
    }
  }

  explicit operator bool() const { return block_ != nullptr; }
  std::uint8_t* data() const { return reinterpret_cast<std::uint8_t*>(block_ + 1); }
  std::size_t capacity() const { return block_ != nullptr ? block_->capacity : 0; }
  // What holding this buffer really costs, header included.
  std::size_t true_size() const { return block_ != nullptr ? capacity() + sizeof(Block) : 0; }
  // Claims bytes [from, from + n) for writing, when they follow right after what was claimed before:
  // of several holders that would append to a shared buffer, one gets the room.
  bool claim(std::uint32_t from, std::uint32_t n) const {
    if (block_ == nullptr || from + n > block_->capacity) return false;
    return block_->claimed.compare_exchange_strong(from, from + n, std::memory_order_acq_rel);
  }
  // Nobody else holds it: only then may its bytes be changed.
  bool unique() const {
    return block_ != nullptr && block_->refs.load(std::memory_order_acquire) == 1;
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> refs;
    std::atomic<std::uint32_t> claimed;
    std::uint32_t capacity;
  };
  Block* block_ = nullptr;
};

struct Slice {
  Buffer buffer;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;

  static Slice copy_of(Bytes bytes) {
    return {Buffer::copy_of(bytes), 0, static_cast<std::uint32_t>(bytes.size())};
  }
  Bytes bytes() const { return length == 0 ? Bytes{} : Bytes{buffer.data() + offset, length}; }
  Slice sub(std::uint32_t from, std::uint32_t count) const {
    assert(from + count <= length);
    return {buffer, offset + from, count};
  }
};

}  // namespace estab
