#include "tcp/slice_queue.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace estab::tcp {
namespace {
constexpr std::size_t kSmallChunk = 2048;
constexpr std::size_t kLargeChunk = 65536;
}  // namespace

void SliceQueue::add(Slice s) {
  const std::uint32_t n = s.length;
  true_size_ += s.buffer.true_size();
  pieces_.push_back({end_, std::move(s)});
  end_ += n;
  bytes_ += n;
}

void SliceQueue::push(Slice s) {
  if (s.length != 0) add(std::move(s));
}

void SliceQueue::push_copy(Bytes bytes) {
  if (!bytes.empty() && head_ < pieces_.size()) {
    Slice& last = pieces_.back().slice;
    const std::uint32_t tail = last.offset + last.length;
    const auto room = static_cast<std::uint32_t>(last.buffer.capacity() - tail);
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(room, bytes.size()));
    if (n > 0 && last.buffer.claim(tail, n)) {
      std::memcpy(last.buffer.data() + tail, bytes.data(), n);
      last.length += n;
      end_ += n;
      bytes_ += n;
      bytes = bytes.subspan(n);
    }
  }
  while (!bytes.empty()) {
    const std::size_t n = std::min(bytes.size(), kLargeChunk);
    Buffer b = Buffer::allocate(std::max(n, kSmallChunk));
    b.claim(0, static_cast<std::uint32_t>(n));
    std::memcpy(b.data(), bytes.data(), n);
    add({std::move(b), 0, static_cast<std::uint32_t>(n)});
    bytes = bytes.subspan(n);
  }
}

void SliceQueue::pop(std::size_t n) {
  assert(n <= bytes_);
  bytes_ -= n;
  first_ += n;
  while (head_ < pieces_.size()) {
    Piece& p = pieces_[head_];
    if (p.begin + p.slice.length > first_) break;
    true_size_ -= p.slice.buffer.true_size();
    p.slice = {};
    ++head_;
  }
  if (head_ == pieces_.size()) {
    // An idle connection keeps no memory for payload.
    if (pieces_.capacity() > 8) {
      pieces_ = {};
    } else {
      pieces_.clear();
    }
    head_ = 0;
  } else if (head_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::size_t SliceQueue::find(std::size_t offset, std::size_t& within) const {
  const std::uint64_t at = first_ + offset;
  const auto begin = pieces_.begin() + static_cast<std::ptrdiff_t>(head_);
  auto it = std::upper_bound(begin, pieces_.end(), at,
                             [](std::uint64_t v, const Piece& p) { return v < p.begin; });
  --it;
  within = static_cast<std::size_t>(at - it->begin);
  return static_cast<std::size_t>(it - pieces_.begin());
}

Slices SliceQueue::peek(std::size_t from, std::size_t n) const {
  Slices out;
  if (n == 0) return out;
  assert(from + n <= bytes_);
  std::size_t within = 0;
  for (std::size_t i = find(from, within); n > 0; ++i) {
    const Slice& s = pieces_[i].slice;
    const auto take = static_cast<std::uint32_t>(std::min<std::size_t>(n, s.length - within));
    out.append(s.sub(static_cast<std::uint32_t>(within), take));
    n -= take;
    within = 0;
  }
  return out;
}

std::size_t SliceQueue::copy_out(std::size_t from, MutableBytes to) const {
  if (from >= bytes_) return 0;
  const std::size_t n = std::min(to.size(), bytes_ - from);
  if (n == 0) return 0;
  std::size_t within = 0;
  std::size_t done = 0;
  for (std::size_t i = find(from, within); done < n; ++i) {
    const Slice& s = pieces_[i].slice;
    const std::size_t take = std::min<std::size_t>(n - done, s.length - within);
    std::memcpy(to.data() + done, s.buffer.data() + s.offset + within, take);
    done += take;
    within = 0;
  }
  return n;
}

std::uint8_t SliceQueue::take_byte(std::size_t from) {
  assert(from < bytes_);
  std::uint8_t byte = 0;
  copy_out(from, {&byte, 1});
  const Slices before = peek(0, from);
  const Slices after = peek(from + 1, bytes_ - from - 1);
  clear();
  for (std::size_t i = 0; i < before.pieces(); ++i) push(before[i]);
  for (std::size_t i = 0; i < after.pieces(); ++i) push(after[i]);
  return byte;
}

void SliceQueue::clear() { *this = SliceQueue{}; }

}  // namespace estab::tcp
