// Where a device reads a frame to, so that large frames are handed on without a copy and small
// ones do not hold a large buffer.
#pragma once
#include "estab/device.h"

namespace estab::dev {

class FrameBuffer {
 public:
  explicit FrameBuffer(std::size_t capacity) : capacity_(capacity) {}

  // Room for capacity() bytes that nobody else sees, until take().
  std::uint8_t* room() {
    if (!buffer_) buffer_ = Buffer::allocate(capacity_);
    return buffer_.data();
  }
  std::size_t capacity() const { return capacity_; }
  // The first `size` bytes of the room, as a frame.
  Slice take(std::size_t size) {
    if (size * 2 < capacity_) return Slice::copy_of({buffer_.data(), size});
    return {std::exchange(buffer_, Buffer{}), 0, static_cast<std::uint32_t>(size)};
  }

 private:
  std::size_t capacity_;
  Buffer buffer_;
};

}  // namespace estab::dev
