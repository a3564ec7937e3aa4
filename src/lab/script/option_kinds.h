// TCP option numbers (IANA's registry of TCP parameters) as scripts have them.
#pragma once
#include "lab/script/ast.h"

namespace estab::lab {

inline constexpr std::uint8_t kOptionEnd = 0;
inline constexpr std::uint8_t kOptionNop = 1;
inline constexpr std::uint8_t kOptionMss = 2;
inline constexpr std::uint8_t kOptionWindowScale = 3;
inline constexpr std::uint8_t kOptionSackPermitted = 4;
inline constexpr std::uint8_t kOptionSack = 5;
inline constexpr std::uint8_t kOptionTimestamps = 8;
inline constexpr std::uint8_t kOptionFastOpen = 34;      // RFC 7413
inline constexpr std::uint8_t kOptionAccEcn0 = 172;      // RFC 9768
inline constexpr std::uint8_t kOptionAccEcn1 = 174;      // RFC 9768
inline constexpr std::uint8_t kOptionExperiment = 254;   // RFC 6994
inline constexpr std::uint16_t kFastOpenMagic = 0xf989;  // of option 254

inline bool is_single_byte(std::uint8_t kind) { return kind == kOptionEnd || kind == kOptionNop; }
inline std::size_t wire_size(const TcpOption& option) {
  return is_single_byte(option.kind) ? 1 : 2 + option.data.size();
}

}  // namespace estab::lab
