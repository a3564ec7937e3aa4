// A first-in-first-out queue of bytes, held as slices of shared buffers. Both queues of a
// connection are made of it. Popping frees memory piece by piece; nothing is moved.
#pragma once
#include <cstdint>
#include <vector>

#include "base/slices.h"

namespace estab::tcp {

class SliceQueue {
 public:
  std::size_t size() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }
  // What the held buffers really cost. A buffer in two pieces counts twice: an upper bound.
  std::size_t true_size() const { return true_size_; }

  void push(Slice s);           // shares
  void push_copy(Bytes bytes);  // copies into the last buffer's free room, then new ones
  void pop(std::size_t n);      // n <= size()
  // Shares bytes [from, from + n); from + n <= size().
  Slices peek(std::size_t from, std::size_t n) const;
  std::size_t copy_out(std::size_t from, MutableBytes to) const;
  // Removes one byte at `from` (an urgent byte that is read out of band).
  std::uint8_t take_byte(std::size_t from);
  void clear();

 private:
  // Pieces [head_, pieces_.size()) are live; the dead front is dropped when it is the larger half.
  std::size_t find(std::size_t offset, std::size_t& within) const;
  void add(Slice s);

  struct Piece {
    std::uint64_t begin;  // running count of bytes ever pushed before it
    Slice slice;
  };
  std::vector<Piece> pieces_;
  std::size_t head_ = 0;
  std::uint64_t first_ = 0;  // running count of the first live byte
  std::uint64_t end_ = 0;    // and of one past the last
  std::size_t bytes_ = 0;
  std::size_t true_size_ = 0;
};

}  // namespace estab::tcp
