// An outgoing frame as the list of pieces that writev(2) and sendmsg(2) take.
#pragma once
#include <sys/uio.h>

#include <vector>

#include "estab/device.h"

namespace estab::dev {

inline iovec piece(Bytes bytes) {
  return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};  // only read, by the kernel
}
inline void gather(const OutgoingFrame& frame, std::vector<iovec>& to) {
  if (!frame.head().empty()) to.push_back(piece(frame.head()));
  for (const Slice& s : frame.payload()) to.push_back(piece(s.bytes()));
}

}  // namespace estab::dev
