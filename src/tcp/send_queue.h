// The bytes that the application gave us and the peer has not acknowledged, by sequence number.
//
//      begin() = SND.UNA (without SYN)         end(): where the next byte from the application goes
//         |<------------- size() ------------->|
#pragma once
#include "base/seq.h"
#include "tcp/slice_queue.h"

namespace estab::tcp {

class SendQueue {
 public:
  void start(SeqNum first) { begin_ = first; }
  SeqNum begin() const { return begin_; }
  SeqNum end() const { return begin_ + static_cast<std::int64_t>(bytes_.size()); }
  std::size_t size() const { return bytes_.size(); }
  std::size_t memory() const { return bytes_.true_size(); }

  bool empty() const { return bytes_.empty(); }
  void append(Bytes bytes) { bytes_.push_copy(bytes); }
  void append(Slice bytes) { bytes_.push(std::move(bytes)); }
  // Forgets everything below `ack`.
  void acknowledge(SeqNum ack) {
    if (ack <= begin_) return;
    const std::int64_t n = std::min(ack - begin_, static_cast<std::int64_t>(bytes_.size()));
    bytes_.pop(static_cast<std::size_t>(n));
    begin_ += n;
  }
  // Bytes [from, from + n), shared with the queue; within [begin(), end()).
  Slices at(SeqNum from, std::int64_t n) const {
    return bytes_.peek(static_cast<std::size_t>(from - begin_), static_cast<std::size_t>(n));
  }
  void clear() {
    begin_ = end();
    bytes_.clear();
  }

 private:
  SeqNum begin_;
  SliceQueue bytes_;
};

}  // namespace estab::tcp
