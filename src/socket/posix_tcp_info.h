// Linux's struct tcp_info, the kernel's own and not glibc's shorter one.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "estab/info.h"

namespace estab::socket {

struct TcpInfoBytes {
  std::array<std::uint8_t, 512> bytes{};
  std::size_t size = 0;  // of the struct
};
TcpInfoBytes linux_tcp_info(const ConnectionInfo& info);

}  // namespace estab::socket
