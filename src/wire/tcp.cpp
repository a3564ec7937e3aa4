#include "wire/tcp.h"

#include <cassert>

#include "wire/bytes.h"
#include "wire/checksum.h"

namespace estab::wire {
namespace {

constexpr std::uint8_t kTcpProtocol = static_cast<std::uint8_t>(Protocol::kTcp);

// MUST-65 and RFC 7323 2.2, RFC 2018 2, RFC 7413 4.1.1: these belong to the SYN alone.
TcpOptions fit_for(const Segment& segment) {
  TcpOptions options = segment.options;
  if (!segment.has(kSyn)) {
    options.mss.reset();
    options.window_scale.reset();
    options.sack_permitted = false;
    options.fast_open.reset();
  }
  return options;
}

// The piece of `holder` that `bytes` are; a copy when they lie elsewhere.
Slice share(const Buffer& holder, Bytes bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const auto holder_begin = holder ? reinterpret_cast<std::uintptr_t>(holder.data()) : 0;
  if (!holder || begin < holder_begin || begin - holder_begin > holder.capacity() ||
      bytes.size() > holder.capacity() - (begin - holder_begin)) {
    return Slice::copy_of(bytes);
  }
  return {holder, static_cast<std::uint32_t>(begin - holder_begin),
          static_cast<std::uint32_t>(bytes.size())};
}

Segment read_header(const IpPacket& packet) {
  const std::uint8_t* at = packet.payload.data();
  Segment segment;
  segment.tuple = {.local = {packet.destination, Port{load16(at + 2)}},
                   .remote = {packet.source, Port{load16(at)}}};
  segment.seq = WireSeq{load32(at + 4)};
  segment.ack = WireSeq{load32(at + 8)};
  segment.flags = at[13];
  segment.window = load16(at + 14);
  segment.urgent = load16(at + 18);
  segment.tos = packet.tos;
  segment.ttl = packet.ttl;
  segment.dont_fragment = packet.dont_fragment;
  return segment;
}

}  // namespace

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          Source Port          |       Destination Port        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                        Sequence Number                        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                    Acknowledgment Number                      |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Data |       |C|E|U|A|P|R|S|F|                               |
// | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
// |       |       |R|E|G|K|H|T|N|N|                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |           Checksum            |         Urgent Pointer        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// /                           [Options]                           /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// /                             Data                              /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Parsed<Segment> parse_tcp(const IpPacket& packet, const Buffer& holder, bool checksum_vouched) {
  const Bytes bytes = packet.payload;
  if (bytes.size() < kTcpHeader) return tl::unexpected(Counter::EstabTcpTruncated);
  const std::size_t header = std::size_t{bytes[12]} / 16 * 4;
  if (header < kTcpHeader) return tl::unexpected(Counter::EstabTcpBadOffset);
  if (header > bytes.size()) return tl::unexpected(Counter::EstabTcpTruncated);
  if (!checksum_vouched) {  // MUST-3
    const std::uint64_t pseudo = pseudo_header_sum(packet.source, packet.destination, kTcpProtocol,
                                                   static_cast<std::uint32_t>(bytes.size()));
    if (checksum_fold(checksum_add(pseudo, bytes)) != 0) {
      return tl::unexpected(Counter::TcpInCsumErrors);
    }
  }
  Segment segment = read_header(packet);
  if (segment.tuple.local.port == Port{} || segment.tuple.remote.port == Port{}) {
    return tl::unexpected(Counter::EstabTcpBadPort);
  }
  // MUST-5: in any segment. MUST-7: an illegal length costs the segment, not the connection.
  auto options =
      parse_tcp_options(bytes.subspan(kTcpHeader, header - kTcpHeader), segment.has(kSyn));
  if (!options) return tl::unexpected(options.error());
  segment.options = *options;
  const Bytes payload = bytes.subspan(header);
  if (!payload.empty()) segment.payload.append(share(holder, payload));
  return segment;
}

Parsed<QuotedTcp> parse_quoted_tcp(Bytes first_bytes) {
  if (first_bytes.size() < 8) return tl::unexpected(Counter::IcmpInErrors);
  const std::uint8_t* at = first_bytes.data();
  return QuotedTcp{
      .source = Port{load16(at)}, .destination = Port{load16(at + 2)}, .seq = {load32(at + 4)}};
}

namespace {

// All but the checksum, which is 0.
std::size_t build_header(const Segment& segment, std::uint8_t* to) {
  const std::size_t header = kTcpHeader + build_tcp_options(fit_for(segment), to + kTcpHeader);
  assert(header <= kMaxTcpHeader && header % 4 == 0);
  store16(to, segment.tuple.local.port.value);
  store16(to + 2, segment.tuple.remote.port.value);
  store32(to + 4, segment.seq.value);
  store32(to + 8, segment.ack.value);
  to[12] = static_cast<std::uint8_t>(header / 4 << 4);  // reserved bits 0: RFC 9293 3.1, MUST
  to[13] = segment.flags;
  store16(to + 14, segment.window);
  store16(to + 16, 0);
  store16(to + 18, segment.urgent);
  return header;
}

std::uint64_t pseudo_sum(const Segment& segment, std::size_t header) {
  return pseudo_header_sum(segment.tuple.local.address, segment.tuple.remote.address, kTcpProtocol,
                           static_cast<std::uint32_t>(header + segment.payload.size()));
}

}  // namespace

// MUST-2
std::size_t build_tcp(const Segment& segment, std::uint8_t* to) {
  const std::size_t header = build_header(segment, to);
  const std::uint64_t sum = checksum_add(pseudo_sum(segment, header), Bytes(to, header));
  store16(to + 16, checksum_fold(checksum_add(sum, segment.payload)));
  return header;
}

std::size_t build_tcp_without_checksum(const Segment& segment, std::uint8_t* to) {
  const std::size_t header = build_header(segment, to);
  const std::uint16_t complement = checksum_fold(pseudo_sum(segment, header));
  store16(to + 16, static_cast<std::uint16_t>(~complement));
  return header;
}

bool join(Segment& first, const Segment& next) {
  constexpr Flags kLastOnly = kFin | kPsh;
  constexpr Flags kAlone = kSyn | kRst | kUrg;
  constexpr std::size_t kMost = 65535 - kMaxTcpHeader - 60;  // IPv4's longest header
  const std::size_t size = first.segment_size == 0 ? first.payload.size() : first.segment_size;
  const std::size_t length = first.payload.size();
  if (next.payload.empty() || next.payload.size() > size || next.count() > 1) return false;
  if (length % size != 0 || length + next.payload.size() > kMost) return false;
  if ((first.flags & (kLastOnly | kAlone)) != 0 || (next.flags & (kAlone | kCwr)) != 0)
    return false;
  if (((first.flags & ~kCwr) | (next.flags & kLastOnly)) != next.flags) return false;
  if (first.seq.value + length != next.seq.value || !(first.tuple == next.tuple)) return false;
  if (first.ack != next.ack || first.window != next.window || first.tos != next.tos ||
      first.ttl != next.ttl || first.dont_fragment != next.dont_fragment ||
      !(first.options == next.options)) {
    return false;
  }
  first.segment_size = static_cast<std::uint16_t>(size);
  for (std::size_t i = 0; i < next.payload.pieces(); ++i) first.payload.append(next.payload[i]);
  first.flags |= next.flags & kLastOnly;
  return true;
}

Segment one_of(const Segment& segment, std::size_t n) {
  const std::size_t size = segment.segment_size;
  const std::size_t from = n * size;
  const bool last = from + size >= segment.payload.size();
  Segment one = segment;
  one.segment_size = 0;
  one.seq.value += static_cast<std::uint32_t>(from);
  one.payload = segment.payload.sub(from, size);
  if (!last) one.flags &= static_cast<Flags>(~(kFin | kPsh));
  if (n > 0) one.flags &= static_cast<Flags>(~kCwr);  // RFC 3168 6.1.2
  return one;
}

std::size_t tcp_header_size(const Segment& segment) { return tcp_header_size(fit_for(segment)); }

}  // namespace estab::wire
