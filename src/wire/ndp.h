// IPv6's neighbour discovery (RFC 4861): the two messages that resolve an address. Router
// discovery and redirects are not spoken: addresses and routes are configured.
#pragma once
#include <optional>

#include "wire/headers.h"

namespace estab::wire {

struct NdpMessage {
  bool advertisement = false;  // else a solicitation
  IpAddress target;
  bool router = false;  // R, S, O: of an advertisement
  bool solicited = false;
  bool override_ = false;
  // Source link-layer address option of a solicitation, target's of an advertisement.
  std::optional<MacAddress> link_address;
  friend bool operator==(const NdpMessage&, const NdpMessage&) = default;
};

inline constexpr std::size_t kMaxNdp = 32;  // bytes: message and one option
inline constexpr std::uint8_t kNdpHopLimit = 255;

// `message` is what parse_icmp() made of `packet`. The checks are those of RFC 4861 7.1.1 and
// 7.1.2. Fails with EstabNdpMalformed, or EstabNdpIgnored for any other type of message.
Parsed<NdpMessage> parse_ndp(const IpPacket& packet, const IcmpMessage& message);

// Writes a whole ICMPv6 message, checksum included; returns its size (24 or 32). The IP header that
// carries it has the hop limit kNdpHopLimit.
std::size_t build_ndp(const NdpMessage& message, const IpAddress& source,
                      const IpAddress& destination, std::uint8_t* to);

// ff02::1:ffXX:XXXX (RFC 4291 2.7.1): where a solicitation for `target` goes.
IpAddress solicited_node_group(const IpAddress& target);
// 33:33 and the group's last 32 bits (RFC 2464 7), or 01:00:5e and 23 bits (RFC 1112 6.4).
MacAddress multicast_mac(const IpAddress& group);

}  // namespace estab::wire
