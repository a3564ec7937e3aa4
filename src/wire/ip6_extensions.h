// The walk over IPv6's extension headers (RFC 8200 4): for ip.h, not for other floors.
#pragma once
#include <optional>

#include "wire/ip.h"

namespace estab::wire {

inline constexpr std::size_t kIp6Header = 40;
inline constexpr std::size_t kIp6FragmentHeader = 8;

enum class Extension : std::uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kDestinationOptions = 60,
};

// A whole packet as received, or the beginning of one that an ICMP error quotes.
enum class Extent { kWhole, kQuoted };

struct ExtensionFailure {
  Counter reason;
  std::optional<Ip6Problem> problem;
};

// Reads the headers behind the fixed one into `packet`: protocol, unknown_header_at, fragment
// fields and header_length. `bytes` begin with the fixed header, of which the caller has checked
// the size, and end with the packet. None: all is well.
std::optional<ExtensionFailure> walk_extensions(Bytes bytes, Extent extent, IpPacket& packet);

}  // namespace estab::wire
