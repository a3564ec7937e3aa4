// IPv4 (RFC 791) and IPv6 (RFC 8200): parse and build headers.
#pragma once
#include <cstdint>
#include <optional>

#include "wire/headers.h"

namespace estab::wire {

// IpPacket::protocol of an IPv6 packet that carries nothing (RFC 8200 4.7): not an unknown
// protocol.
inline constexpr std::uint8_t kNoNextHeader = 59;
inline constexpr int kMaxExtensionHeaders = 8;  // of one IPv6 packet; more are an attack
inline constexpr std::size_t kMaxIpHeader = 60;

// Version by the first nibble. Checks version, header length, total length and header checksum,
// validates IPv4 options, and walks IPv6's extension headers (RFC 8200 4) with a bound on their
// number. Bytes after the total length are Ethernet's padding and not part of payload.
//
// An unknown next header is no error: `protocol` is its number, `unknown_header_at` where in the
// packet it was named (UDP and kNoNextHeader are known). A fragment's payload is what follows the
// fragment header, extension headers included, and `protocol` is what that header names: put
// together and given a plain header by build_ip(), the whole parses here again. A fragment that is
// alone (RFC 6946) is a whole packet. Whether a fragment ends beyond 65,535 bytes, or an IPv4 one is
// a multiple of 8, is for the reassembly to say.
//
// Fails with one of EstabIp{Truncated,BadVersion,BadHeaderLength,BadTotalLength,BadChecksum,
// BadOption}, EstabIp6{ExtensionLoop,BadExtension,RoutingHeader}, or EstabIpMartian{Source,
// Destination} for an IPv4-mapped address in an IPv6 header.
Parsed<IpPacket> parse_ip(Bytes packet);

// The packet that an ICMP error quotes: cut anywhere behind its IP header, so total_length may be
// more than there is, payload is what there is, and checksums are not looked at.
Parsed<IpPacket> parse_quoted_ip(Bytes quoted);

// When parse_ip() failed under EstabIp6BadExtension or EstabIp6RoutingHeader: the ICMPv6 parameter
// problem that RFC 8200 4.2 and 4.4 want sent. None: dropped in silence.
struct Ip6Problem {
  std::uint8_t code = 0;           // of ICMPv6 type 4
  std::uint32_t pointer = 0;       // offset of the offending byte
  bool also_if_multicast = false;  // option bits 10: sent even when the destination is a group
};
std::optional<Ip6Problem> ip6_parameter_problem(Bytes packet);

// Writes header (20 or 40 bytes; plus `packet.options`, padded, in IPv4, plus a fragment header in
// IPv6 when is_fragment()) for `payload_length` bytes that follow; returns the header's size, which
// is ip_header_size(). `to` has room for kMaxIpHeader. The whole is at most 65,535 bytes (IPv6:
// without its 40), and both addresses are of one family: the caller sees to that. Fields that
// parsing derives (header_length, total_length, payload ...) are not read.
std::size_t build_ip(const IpPacket& packet, std::size_t payload_length, std::uint8_t* to);
std::size_t ip_header_size(const IpPacket& packet);

}  // namespace estab::wire
