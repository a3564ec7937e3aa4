#include "wire/ip.h"

#include <algorithm>
#include <cassert>

#include "base/defence.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip6_extensions.h"
#include "wire/ip_options.h"

namespace estab::wire {
namespace {

constexpr std::size_t kIp4Header = 20;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1fff;

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Version|  IHL  |Type of Service|          Total Length         |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |         Identification        |0|D|M|     Fragment Offset     |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Time to Live |    Protocol   |         Header Checksum       |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       Source Address                          |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                    Destination Address                        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                    Options                    |    Padding    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
IpPacket read_ipv4(Bytes bytes, std::size_t header, std::size_t end) {
  const std::uint8_t* at = bytes.data();
  const std::uint16_t fragment = load16(at + 6);
  return IpPacket{
      .source = IpAddress::v4(load32(at + 12)),
      .destination = IpAddress::v4(load32(at + 16)),
      .protocol = at[9],
      .ttl = at[8],
      .tos = at[1],
      .dont_fragment = (fragment & kDontFragment) != 0,
      .more_fragments = (fragment & kMoreFragments) != 0,
      .fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8),
      .identification = load16(at + 4),
      .header_length = static_cast<std::uint16_t>(header),
      .total_length = load16(at + 2),
      .unknown_header_at = 0,
      .options = bytes.subspan(kIp4Header, header - kIp4Header),
      .payload = bytes.subspan(header, end - header),
  };
}

Parsed<IpPacket> parse_ipv4(Bytes bytes, Extent extent) {
  if (bytes.size() < kIp4Header) return tl::unexpected(Counter::EstabIpTruncated);
  const std::size_t header = std::size_t{bytes[0] & 0x0fu} * 4;
  if (header < kIp4Header) return tl::unexpected(Counter::EstabIpBadHeaderLength);
  if (header > bytes.size()) return tl::unexpected(Counter::EstabIpTruncated);
  const std::size_t total = load16(bytes.data() + 2);
  if (total < header) return tl::unexpected(Counter::EstabIpBadTotalLength);
  if (extent == Extent::kQuoted) return read_ipv4(bytes, header, std::min(total, bytes.size()));
  if (total > bytes.size()) {
    if (defended(Defence::LengthsAgree)) return tl::unexpected(Counter::EstabIpTruncated);
    bytes = Bytes(bytes.data(), total);  // believed
  }
  // RFC 1122 3.2.1.2
  if (checksum_fold(checksum_add(0, bytes.first(header))) != 0) {
    return tl::unexpected(Counter::EstabIpBadChecksum);
  }
  const IpPacket packet = read_ipv4(bytes, header, total);
  if (!ip_options_are_sound(packet.options)) return tl::unexpected(Counter::EstabIpBadOption);
  return packet;
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Version| Traffic Class |           Flow Label                  |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |         Payload Length        |  Next Header  |   Hop Limit   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// /                   Source Address (16 bytes)                   /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// /                Destination Address (16 bytes)                 /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
tl::expected<IpPacket, ExtensionFailure> read_ipv6(Bytes bytes, Extent extent) {
  const auto failed = [](Counter reason) {
    return tl::unexpected(ExtensionFailure{reason, std::nullopt});
  };
  if (bytes.size() < kIp6Header) return failed(Counter::EstabIpTruncated);
  const std::uint8_t* at = bytes.data();
  const std::size_t payload = load16(at + 4);
  // RFC 2675 2: a length of 0 before hop-by-hop options announces a jumbogram, and nothing else
  // could make it true.
  if (payload == 0 && at[6] == static_cast<std::uint8_t>(Extension::kHopByHop)) {
    return failed(Counter::EstabIpBadTotalLength);
  }
  const std::size_t total = kIp6Header + payload;
  if (total > bytes.size() && extent == Extent::kWhole) return failed(Counter::EstabIpTruncated);

  IpPacket packet;
  packet.source = load_v6(at + 8);
  packet.destination = load_v6(at + 24);
  packet.ttl = at[7];
  packet.tos = static_cast<std::uint8_t>(load16(at) >> 4);
  packet.total_length = static_cast<std::uint32_t>(total);
  // An IPv4-mapped address would pass for one of IPv4 above here (RFC 4942 2.2).
  if (packet.source.is_v4()) return failed(Counter::EstabIpMartianSource);
  if (packet.destination.is_v4()) return failed(Counter::EstabIpMartianDestination);

  const Bytes trimmed = bytes.first(std::min(total, bytes.size()));
  if (auto failure = walk_extensions(trimmed, extent, packet)) return tl::unexpected(*failure);
  packet.payload = trimmed.subspan(packet.header_length);
  return packet;
}

Parsed<IpPacket> parse(Bytes bytes, Extent extent) {
  if (bytes.empty()) return tl::unexpected(Counter::EstabIpTruncated);
  switch (bytes[0] >> 4) {
    case 4:
      return parse_ipv4(bytes, extent);
    case 6:
      return read_ipv6(bytes, extent).map_error([](const ExtensionFailure& f) { return f.reason; });
    default:
      return tl::unexpected(Counter::EstabIpBadVersion);
  }
}

std::size_t build_ipv4(const IpPacket& packet, std::size_t payload_length, std::uint8_t* to) {
  const std::size_t header = ip_header_size(packet);
  assert(header <= kMaxIpHeader && header + payload_length <= 65535);
  to[0] = static_cast<std::uint8_t>(0x40 | header / 4);
  to[1] = packet.tos;
  store16(to + 2, static_cast<std::uint16_t>(header + payload_length));
  store16(to + 4, static_cast<std::uint16_t>(packet.identification));
  store16(to + 6, static_cast<std::uint16_t>((packet.dont_fragment ? kDontFragment : 0) |
                                             (packet.more_fragments ? kMoreFragments : 0) |
                                             packet.fragment_offset / 8));
  to[8] = packet.ttl;
  to[9] = packet.protocol;
  store16(to + 10, 0);
  store32(to + 12, packet.source.v4_value());
  store32(to + 16, packet.destination.v4_value());
  std::uint8_t* rest = std::copy(packet.options.begin(), packet.options.end(), to + kIp4Header);
  std::fill(rest, to + header, std::uint8_t{0});  // end of options, then padding of zeros
  store16(to + 10, checksum_fold(checksum_add(0, Bytes(to, header))));
  return header;
}

std::size_t build_ipv6(const IpPacket& packet, std::size_t payload_length, std::uint8_t* to) {
  const std::size_t header = ip_header_size(packet);
  const std::size_t payload = header - kIp6Header + payload_length;
  assert(payload <= 65535);
  store16(to, static_cast<std::uint16_t>(0x6000 | packet.tos << 4));
  store16(to + 2, 0);
  store16(to + 4, static_cast<std::uint16_t>(payload));
  to[6] = packet.is_fragment() ? static_cast<std::uint8_t>(Extension::kFragment) : packet.protocol;
  to[7] = packet.ttl;
  store_v6(to + 8, packet.source);
  store_v6(to + 24, packet.destination);
  if (packet.is_fragment()) {
    std::uint8_t* fragment = to + kIp6Header;
    fragment[0] = packet.protocol;
    fragment[1] = 0;
    store16(fragment + 2, static_cast<std::uint16_t>((packet.fragment_offset & 0xfff8) |
                                                     (packet.more_fragments ? 1 : 0)));
    store32(fragment + 4, packet.identification);
  }
  return header;
}

}  // namespace

Parsed<IpPacket> parse_ip(Bytes packet) { return parse(packet, Extent::kWhole); }

Parsed<IpPacket> parse_quoted_ip(Bytes quoted) { return parse(quoted, Extent::kQuoted); }

std::optional<Ip6Problem> ip6_parameter_problem(Bytes packet) {
  if (packet.empty() || packet[0] >> 4 != 6) return std::nullopt;
  const auto result = read_ipv6(packet, Extent::kWhole);
  return result ? std::nullopt : result.error().problem;
}

std::size_t ip_header_size(const IpPacket& packet) {
  if (packet.is_v4()) return kIp4Header + (packet.options.size() + 3) / 4 * 4;
  return kIp6Header + (packet.is_fragment() ? kIp6FragmentHeader : 0);
}

std::size_t build_ip(const IpPacket& packet, std::size_t payload_length, std::uint8_t* to) {
  return packet.is_v4() ? build_ipv4(packet, payload_length, to)
                        : build_ipv6(packet, payload_length, to);
}

}  // namespace estab::wire
