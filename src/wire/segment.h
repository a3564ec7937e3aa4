// A TCP segment as a value: what the parser makes of received bytes, what the protocol core reads
// and appends to its outputs, and what the builder turns into bytes again. One type for both ways.
//
// Received segments are seen from this end: tuple.local is the destination of the packet.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "base/seq.h"
#include "base/slices.h"
#include "estab/address.h"

namespace estab::wire {

// RFC 9293 3.1, in the header's bit order.
enum Flag : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
  kEce = 0x40,
  kCwr = 0x80,
};
using Flags = std::uint8_t;  // Flag bits or-ed

struct SackBlock {  // [begin, end), RFC 2018 3
  WireSeq begin;
  WireSeq end;
  friend constexpr bool operator==(const SackBlock&, const SackBlock&) = default;
};

struct Timestamps {  // RFC 7323 3
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
  friend constexpr bool operator==(const Timestamps&, const Timestamps&) = default;
};

struct UserTimeoutOption {  // RFC 5482 2
  bool minutes = false;     // granularity: minutes instead of seconds
  std::uint16_t value = 0;  // 15 bits
  friend constexpr bool operator==(const UserTimeoutOption&, const UserTimeoutOption&) = default;
};

struct FastOpenCookie {  // RFC 7413 4.1.1: length 0 asks for one
  std::uint8_t length = 0;
  std::array<std::uint8_t, 16> bytes{};
  friend constexpr bool operator==(const FastOpenCookie&, const FastOpenCookie&) = default;
};

struct TcpOptions {
  std::optional<std::uint16_t> mss = {};  // RFC 9293 3.2; only on SYN
  std::optional<std::uint8_t> window_scale =
      {};                                     // RFC 7323 2; only on SYN; as received, may exceed 14
  bool sack_permitted = false;                // RFC 2018 2; only on SYN
  std::optional<Timestamps> timestamps = {};  // RFC 7323 3
  std::optional<UserTimeoutOption> user_timeout = {};
  std::optional<FastOpenCookie> fast_open = {};
  std::uint8_t sack_count = 0;  // blocks in use, at most 4
  std::array<SackBlock, 4> sack{};
  std::uint8_t unknown = 0;  // options skipped by their length (MUST-6)
  friend constexpr bool operator==(const TcpOptions&, const TcpOptions&) = default;
};

struct Segment {
  FourTuple tuple;
  WireSeq seq;
  WireSeq ack;
  std::uint16_t window = 0;  // as in the header, unscaled
  std::uint16_t urgent = 0;
  Flags flags = 0;
  std::uint8_t tos = 0;  // DSCP and ECN bits of the IP header
  std::uint8_t ttl = 64;
  bool dont_fragment = true;
  TcpOptions options;
  Slices payload;  // up to 64 KB, in several pieces, both ways
  // Above 0: it stands for several on the wire, of so many bytes of data each (the last may have
  // fewer), with this one's header; FIN and PSH are the last one's, CWR the first one's.
  std::uint16_t segment_size = 0;

  bool has(Flag f) const { return (flags & f) != 0; }
  // How many segments it is on the wire.
  std::size_t count() const {
    return segment_size == 0 ? 1 : (payload.size() + segment_size - 1) / segment_size;
  }
  // SEG.LEN: payload and the sequence numbers of SYN and FIN (RFC 9293 3.4).
  std::uint32_t length() const {
    return static_cast<std::uint32_t>(payload.size()) + (has(kSyn) ? 1u : 0u) +
           (has(kFin) ? 1u : 0u);
  }
};

}  // namespace estab::wire
