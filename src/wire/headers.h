// The formats below TCP, as values: what each parser returns and each builder takes. A parser takes
// the bytes it was given and trusts no length in them; it returns the value or the reason why not,
// which is the counter under which the packet is dropped.
#pragma once
#include <array>
#include <cstdint>
#include <tl/expected.hpp>

#include "estab/address.h"
#include "estab/buffer.h"
#include "estab/counters.h"

namespace estab::wire {

// A parsed value or the named reason for the drop. (tl::expected without an error_code.)
template <class T>
using Parsed = tl::expected<T, Counter>;

enum class EtherType : std::uint16_t { kIpv4 = 0x0800, kArp = 0x0806, kIpv6 = 0x86dd };

struct EthernetHeader {
  static constexpr std::size_t kSize = 14;
  MacAddress destination;
  MacAddress source;
  std::uint16_t type = 0;  // an EtherType, or one that we don't know
};

enum class ArpOperation : std::uint16_t { kRequest = 1, kReply = 2 };

struct ArpPacket {  // RFC 826, Ethernet and IPv4 only
  static constexpr std::size_t kSize = 28;
  ArpOperation operation = ArpOperation::kRequest;
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;
};

enum class Protocol : std::uint8_t { kIcmpv4 = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58 };

// Both versions of IP in one value: what the floors above want to know.
struct IpPacket {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;   // the upper layer's, extension headers skipped
  std::uint8_t ttl = 64;       // or hop limit
  std::uint8_t tos = 0;        // or traffic class
  bool dont_fragment = false;  // IPv4
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  // bytes
  std::uint32_t identification = 0;   // 16 bits in IPv4
  std::uint16_t header_length = 0;    // with options or extension headers
  std::uint32_t total_length = 0;     // whole packet (IPv6: up to 65,575); the frame may be longer
  std::uint16_t unknown_header_at = 0;  // IPv6: where an unknown next header was named, 0 = none
  Bytes options;  // IPv4 options, as received (source routes: RFC 9293 3.9.2.1)
  Bytes payload;  // of the upper layer, inside the parsed bytes

  bool is_fragment() const { return more_fragments || fragment_offset != 0; }
  bool is_v4() const { return destination.is_v4(); }
};

struct IcmpMessage {  // ICMPv4 (RFC 792) and ICMPv6 (RFC 4443): type, code and the 4 bytes after
  bool v6 = false;
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  // MTU, identifier and sequence, pointer ...; host order
  Bytes body;              // the quoted packet of an error, an echo's data
};

}  // namespace estab::wire
