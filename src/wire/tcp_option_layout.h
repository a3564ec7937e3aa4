// The kinds of TCP options and what of them fits into a header: for tcp.h and print.h, not for
// other floors.
#pragma once
#include "wire/tcp.h"

namespace estab::wire {

enum class TcpOption : std::uint8_t {
  kEnd = 0,
  kNoOperation = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamps = 8,
  kUserTimeout = 28,
  kFastOpen = 34,
};

// What build_tcp_options() writes of those that can be left out, and how many bytes in all.
struct TcpOptionLayout {
  bool user_timeout = false;
  std::size_t sack_blocks = 0;
  std::size_t size = 0;  // padded to 4
};
TcpOptionLayout lay_out(const TcpOptions& options);

}  // namespace estab::wire
