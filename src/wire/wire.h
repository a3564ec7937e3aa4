// Parsing and building: bytes <-> values. No state, no allocation but the builder's buffer.
// Every parser is safe on any bytes whatever.
#pragma once
#include <span>

#include "wire/headers.h"
#include "wire/segment.h"

namespace estab::wire {

// --- checksum.h ---------------------------------------------------------------------------------
// The Internet checksum (RFC 1071), by the widest vectors that the machine has. `initial` and the
// results are partial sums in network order; fold() ends one.
std::uint64_t checksum_add(std::uint64_t initial, Bytes bytes);      // bytes.size() may be odd
std::uint64_t checksum_add(std::uint64_t initial, const Slices& s);  // odd pieces handled
std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length);
std::uint16_t checksum_fold(std::uint64_t sum);  // complemented, host order, ready to be stored

// --- ethernet, ARP ------------------------------------------------------------------------------
Parsed<EthernetHeader> parse_ethernet(Bytes frame);
void build_ethernet(const EthernetHeader& header, std::uint8_t* to);  // EthernetHeader::kSize
Parsed<ArpPacket> parse_arp(Bytes packet);                            // after the Ethernet header
void build_arp(const ArpPacket& packet, std::uint8_t* to);            // ArpPacket::kSize

// --- IP -----------------------------------------------------------------------------------------
// Version by the first nibble. Checks version, header length, total length, header checksum,
// and walks IPv6's extension headers (RFC 8200 4) with a bound on their number.
Parsed<IpPacket> parse_ip(Bytes packet);
// Writes header (20 or 40 bytes; plus `packet.options`, padded, in IPv4, plus a fragment header in
// IPv6 when is_fragment()) for `payload_length` bytes that follow; returns the header's size.
// `to` has room for kMaxIpHeader.
inline constexpr std::size_t kMaxIpHeader = 60;
std::size_t build_ip(const IpPacket& packet, std::size_t payload_length, std::uint8_t* to);

// --- ICMP ---------------------------------------------------------------------------------------
Parsed<IcmpMessage> parse_icmp(const IpPacket& packet);  // checksum verified
// Writes type, code, checksum, rest, body: 8 + body.size() bytes.
void build_icmp(const IcmpMessage& message, const IpAddress& source, const IpAddress& destination,
                std::uint8_t* to);

// --- TCP ----------------------------------------------------------------------------------------
// `holder` is the buffer that packet.payload lies in: the segment's payload shares it.
// Verifies the checksum unless the device vouched for it.
Parsed<Segment> parse_tcp(const IpPacket& packet, const Buffer& holder, bool checksum_vouched);
// For an ICMP error's quotation: ports and sequence number of the first 8 bytes.
struct QuotedTcp {
  Port source;
  Port destination;
  WireSeq seq;
};
Parsed<QuotedTcp> parse_quoted_tcp(Bytes first_bytes);
// Header with options, checksum over header and payload: at most 60 bytes, multiple of 4.
inline constexpr std::size_t kMaxTcpHeader = 60;
std::size_t tcp_header_size(const TcpOptions& options);
std::size_t build_tcp(const Segment& segment, std::uint8_t* to);
// Options alone. parse_tcp_options never loops and never reads past `bytes`; it fails on an
// illegal length (MUST-7).
Parsed<TcpOptions> parse_tcp_options(Bytes bytes, bool syn);
std::size_t build_tcp_options(const TcpOptions& options, std::uint8_t* to);  // padded to 4

}  // namespace estab::wire
