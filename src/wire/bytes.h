// Network order, one field at a time. These check nothing: the parser that calls them has compared
// the size of its bytes with the offsets it reads.
#pragma once
#include <algorithm>
#include <cstdint>

#include "estab/address.h"
#include "estab/buffer.h"

namespace estab::wire {

inline std::uint16_t load16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}
inline std::uint32_t load32(const std::uint8_t* from) {
  return std::uint32_t{load16(from)} << 16 | load16(from + 2);
}
inline void store16(std::uint8_t* to, std::uint16_t value) {
  to[0] = static_cast<std::uint8_t>(value >> 8);
  to[1] = static_cast<std::uint8_t>(value);
}
inline void store32(std::uint8_t* to, std::uint32_t value) {
  store16(to, static_cast<std::uint16_t>(value >> 16));
  store16(to + 2, static_cast<std::uint16_t>(value));
}

inline IpAddress load_v6(const std::uint8_t* from) {
  std::array<std::uint8_t, 16> bytes;
  std::copy_n(from, bytes.size(), bytes.begin());
  return IpAddress::v6(bytes);
}
inline void store_v6(std::uint8_t* to, const IpAddress& address) {
  std::copy_n(address.bytes().begin(), 16, to);
}
inline MacAddress load_mac(const std::uint8_t* from) {
  MacAddress mac;
  std::copy_n(from, mac.bytes.size(), mac.bytes.begin());
  return mac;
}
inline void store_mac(std::uint8_t* to, const MacAddress& mac) {
  std::copy_n(mac.bytes.begin(), mac.bytes.size(), to);
}

}  // namespace estab::wire
