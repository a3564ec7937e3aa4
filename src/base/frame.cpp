#include "estab/device.h"

namespace estab {

Slice OutgoingFrame::flatten() const {
  const std::size_t total = size();
  Buffer copy = Buffer::allocate(total);
  std::uint8_t* to = copy.data();
  const Bytes headers = head();
  if (!headers.empty()) std::memcpy(to, headers.data(), headers.size());
  to += headers.size();
  for (const Slice& piece : payload_) {
    if (piece.length == 0) continue;
    std::memcpy(to, piece.buffer.data() + piece.offset, piece.length);
    to += piece.length;
  }
  return Slice{std::move(copy), 0, static_cast<std::uint32_t>(total)};
}

}  // namespace estab
