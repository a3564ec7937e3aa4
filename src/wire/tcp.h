// TCP segments (RFC 9293 3.1) and their options: parse and build.
#pragma once
#include "wire/headers.h"
#include "wire/segment.h"

namespace estab::wire {

inline constexpr std::size_t kTcpHeader = 20;  // without options
inline constexpr std::size_t kMaxTcpHeader = 60;
inline constexpr std::size_t kMaxTcpOptions = kMaxTcpHeader - kTcpHeader;

// `holder` is the buffer that packet.payload lies in: the segment's payload shares it. (Bytes that
// lie elsewhere are copied.) Verifies the checksum unless the device vouched for it. The packet is
// whole: fragments are put together before.
//
// Fails with EstabTcpTruncated, EstabTcpBadOffset, TcpInCsumErrors, EstabTcpBadPort or
// EstabTcpBadOption.
Parsed<Segment> parse_tcp(const IpPacket& packet, const Buffer& holder, bool checksum_vouched);

// For an ICMP error's quotation: ports and sequence number of the first 8 bytes. Fails with
// IcmpInErrors.
struct QuotedTcp {
  Port source;
  Port destination;
  WireSeq seq;
};
Parsed<QuotedTcp> parse_quoted_tcp(Bytes first_bytes);

// Writes the header with options, checksum over header and payload: at most kMaxTcpHeader bytes, a
// multiple of 4; returns how many. The payload itself is not written. Options that only a SYN
// carries are left out of other segments (MUST-65). Equal to tcp_header_size(segment).
std::size_t build_tcp(const Segment& segment, std::uint8_t* to);
// The same with the pseudo-header's sum where the checksum goes, for a device to complete.
std::size_t build_tcp_without_checksum(const Segment& segment, std::uint8_t* to);
// The `n`th of those that a segment stands for; n < count().
Segment one_of(const Segment& segment, std::size_t n);
// The other way: makes `next`, which follows it, a part of `first`. False, and nothing done, where
// one_of() would not give both again, or it would become longer than a packet can be.
bool join(Segment& first, const Segment& next);
std::size_t tcp_header_size(const Segment& segment);
std::size_t tcp_header_size(const TcpOptions& options);  // every option that is set, counted

// Options alone. Never loops and never reads past `bytes`; fails with EstabTcpBadOption on an
// illegal length (MUST-7). `syn`: the segment is a SYN, so that MSS, window scale and
// SACK-permitted mean something; elsewhere they are checked and forgotten (RFC 9293 3.2, RFC
// 7323 2.2, RFC 2018 2). Of an option that comes twice the last counts.
Parsed<TcpOptions> parse_tcp_options(Bytes bytes, bool syn);

// Writes options in Linux's order, padded to 4; returns how many bytes, at most kMaxTcpOptions.
// Where not all fit, first the user timeout is left out, then SACK blocks from the last one.
std::size_t build_tcp_options(const TcpOptions& options, std::uint8_t* to);

}  // namespace estab::wire
