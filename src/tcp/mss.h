// Segment sizes: RFC 9293 3.7.1. All without IP and TCP headers unless said otherwise.
#pragma once
#include <algorithm>
#include <cstdint>

#include "base/defence.h"
#include "estab/tuning.h"
#include "tcp/settings.h"
#include "wire/segment.h"

namespace estab::tcp {

constexpr std::size_t ip_header_size(bool v4) { return v4 ? 20 : 40; }
inline constexpr std::size_t kTcpHeaderSize = 20;

// What the MSS option of our SYN says: what we can receive and reassemble less the fixed headers
// (MUST-67, SHLD-6).
constexpr std::uint16_t mss_for_mtu(std::size_t mtu, bool v4) {
  const std::size_t headers = ip_header_size(v4) + kTcpHeaderSize;
  return static_cast<std::uint16_t>(
      std::min<std::size_t>(mtu > headers ? mtu - headers : 1, 65495));
}

// The peer's limit, from its SYN: 536 or 1220 when it says nothing (MUST-15); never below
// tcp_min_snd_mss (CVE-2019-11479).
inline std::uint16_t peer_mss_of(const wire::Segment& syn, const Tuning& tuning) {
  const std::uint16_t assumed = syn.tuple.remote.address.is_v4() ? 536 : 1220;
  const std::uint16_t told = syn.options.mss.value_or(assumed);
  if (!defended(Defence::MssFloor)) return told;
  return std::max(told, static_cast<std::uint16_t>(tuning.tcp_min_snd_mss));
}

// The window of a SYN,ACK, in bytes: it is never scaled (RFC 7323 2.2).
inline std::uint32_t offered_window(const Settings& settings) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(settings.receive_buffer, 65535));
}

// RFC 7323 2.3: the smallest shift that lets the largest buffer fit into 16 bits; at most 14.
inline std::uint8_t window_shift_for(const Tuning& tuning) {
  std::uint8_t shift = 0;
  while (shift < 14 && (tuning.tcp_rmem_max >> shift) > 65535) ++shift;
  return shift;
}

}  // namespace estab::tcp
