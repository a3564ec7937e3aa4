// A run of bytes in several slices: what a segment carries. Two fit without an allocation.
#pragma once
#include <cstdint>
#include <vector>

#include "estab/buffer.h"

namespace estab {

class Slices {
 public:
  Slices() = default;
  explicit Slices(Slice one) { append(std::move(one)); }

  void append(Slice s) {
    if (s.length == 0) return;
    bytes_ += s.length;
    if (count_ < kInline) {
      inline_[count_] = std::move(s);
    } else {
      spill_.push_back(std::move(s));
    }
    ++count_;
  }
  void clear() { *this = Slices{}; }

  std::size_t size() const { return bytes_; }  // bytes, not pieces
  bool empty() const { return bytes_ == 0; }
  std::size_t pieces() const { return count_; }
  const Slice& operator[](std::size_t i) const {
    return i < kInline ? inline_[i] : spill_[i - kInline];
  }
  // A copy that shares the bytes [from, from + count).
  Slices sub(std::size_t from, std::size_t count) const {
    Slices out;
    for (std::size_t i = 0; i < count_ && count > 0; ++i) {
      const Slice& s = (*this)[i];
      if (from >= s.length) {
        from -= s.length;
        continue;
      }
      const auto take = static_cast<std::uint32_t>(std::min<std::size_t>(count, s.length - from));
      out.append(s.sub(static_cast<std::uint32_t>(from), take));
      from = 0;
      count -= take;
    }
    return out;
  }
  // Writes all bytes to `to`, which has room for size().
  void copy_to(std::uint8_t* to) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const Slice& s = (*this)[i];
      std::memcpy(to, s.buffer.data() + s.offset, s.length);
      to += s.length;
    }
  }

 private:
  static constexpr std::size_t kInline = 2;
  Slice inline_[kInline];
  std::vector<Slice> spill_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace estab
