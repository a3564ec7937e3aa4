// Bytes for the tests of this folder.
#pragma once
#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <string_view>
#include <vector>

#include "wire/print.h"
#include "wire/wire.h"

namespace estab::wire {

// "45 00 003c": hex digits, any spacing.
inline std::vector<std::uint8_t> bytes_of(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  int half = -1;
  for (const char c : hex) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) continue;
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    if (half < 0) {
      half = digit;
    } else {
      bytes.push_back(static_cast<std::uint8_t>(half << 4 | digit));
      half = -1;
    }
  }
  return bytes;
}

inline void append(std::vector<std::uint8_t>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

inline const IpAddress kA4 = IpAddress::v4(10, 9, 0, 1);
inline const IpAddress kB4 = IpAddress::v4(10, 9, 0, 2);
inline const IpAddress kA6 = IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
inline const IpAddress kB6 = IpAddress::v6({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});

// An IP packet of these fields around a payload, as bytes.
inline std::vector<std::uint8_t> packet_of(const IpPacket& fields, Bytes payload) {
  std::vector<std::uint8_t> bytes(kMaxIpHeader);
  bytes.resize(build_ip(fields, payload.size(), bytes.data()));
  append(bytes, payload);
  return bytes;
}

// A segment's header and payload, as bytes.
inline std::vector<std::uint8_t> segment_bytes(const Segment& segment) {
  std::vector<std::uint8_t> bytes(kMaxTcpHeader);
  bytes.resize(build_tcp(segment, bytes.data()));
  const std::size_t header = bytes.size();
  bytes.resize(header + segment.payload.size());
  segment.payload.copy_to(bytes.data() + header);
  return bytes;
}

// Parses the TCP in an IP packet; the bytes must be a sound packet down to there.
inline Parsed<Segment> segment_of(const std::vector<std::uint8_t>& packet_bytes,
                                  bool vouched = false) {
  const Buffer holder = Buffer::copy_of(packet_bytes);
  const auto packet = parse_ip({holder.data(), packet_bytes.size()});
  EXPECT_TRUE(packet.has_value());
  if (!packet) return tl::unexpected(packet.error());
  return parse_tcp(*packet, holder, vouched);
}

}  // namespace estab::wire
