#include "wire/ip6_extensions.h"

#include "wire/bytes.h"
#include "wire/icmp.h"

namespace estab::wire {
namespace {

bool is_extension(std::uint8_t next) {
  switch (static_cast<Extension>(next)) {
    case Extension::kHopByHop:
    case Extension::kRouting:
    case Extension::kFragment:
    case Extension::kDestinationOptions:
      return true;
  }
  return false;
}

bool is_known_payload(std::uint8_t next) {
  return next == static_cast<std::uint8_t>(Protocol::kTcp) ||
         next == static_cast<std::uint8_t>(Protocol::kUdp) ||
         next == static_cast<std::uint8_t>(Protocol::kIcmpv6) || next == kNoNextHeader;
}

// The size that an extension header gives itself; nothing when that, or the header's first 8
// bytes, are not there.
std::optional<std::size_t> extension_size(Bytes bytes, std::size_t at, std::uint8_t type) {
  if (bytes.size() < at + 8) return std::nullopt;
  if (type == static_cast<std::uint8_t>(Extension::kFragment)) return kIp6FragmentHeader;
  const std::size_t size = (std::size_t{bytes[at + 1]} + 1) * 8;
  if (bytes.size() < at + size) return std::nullopt;
  return size;
}

ExtensionFailure bad(std::optional<Ip6Problem> problem = std::nullopt) {
  return {Counter::EstabIp6BadExtension, problem};
}
Ip6Problem problem_at(Icmpv6ParameterProblem code, std::size_t pointer, bool multicast = false) {
  return {.code = static_cast<std::uint8_t>(code),
          .pointer = static_cast<std::uint32_t>(pointer),
          .also_if_multicast = multicast};
}

// Options of a hop-by-hop or destination options header, in bytes [at, end) of the packet. We know
// only the two paddings; what to do with others stands in their type's two top bits.
std::optional<ExtensionFailure> walk_options(Bytes bytes, std::size_t at, std::size_t end) {
  constexpr std::uint8_t kPad1 = 0;
  constexpr std::uint8_t kPadN = 1;
  while (at < end) {
    const std::uint8_t type = bytes[at];
    if (type == kPad1) {
      ++at;
      continue;
    }
    if (end - at < 2 || end - at - 2 < bytes[at + 1]) return bad();
    if (type != kPadN) {
      switch (type >> 6) {  // RFC 8200 4.2
        case 0:
          break;
        case 1:
          return bad();
        case 2:
          return bad(problem_at(Icmpv6ParameterProblem::kUnknownOption, at, true));
        default:
          return bad(problem_at(Icmpv6ParameterProblem::kUnknownOption, at));
      }
    }
    at += 2u + bytes[at + 1];
  }
  return std::nullopt;
}

// Whether a first fragment has all headers up to and with the upper layer's (RFC 7112 5), so that
// nobody hides ports in the second.
bool chain_is_whole(Bytes bytes, std::size_t at, std::uint8_t next) {
  for (int headers = 0; is_extension(next) && headers < kMaxExtensionHeaders; ++headers) {
    const auto size = extension_size(bytes, at, next);
    if (!size) return false;
    next = bytes[at];
    at += *size;
  }
  std::size_t least = 0;
  if (next == static_cast<std::uint8_t>(Protocol::kTcp)) least = 20;
  if (next == static_cast<std::uint8_t>(Protocol::kUdp)) least = 8;
  if (next == static_cast<std::uint8_t>(Protocol::kIcmpv6)) least = 8;
  return bytes.size() - at >= least;
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                         Identification                        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::optional<ExtensionFailure> read_fragment(Bytes bytes, std::size_t at, Extent extent,
                                              IpPacket& packet) {
  const std::uint16_t field = load16(bytes.data() + at + 2);
  packet.fragment_offset = field & 0xfff8;
  packet.more_fragments = (field & 1) != 0;
  packet.identification = load32(bytes.data() + at + 4);
  if (extent == Extent::kQuoted) return std::nullopt;  // the rest is cut where the quotation is
  const std::size_t content = at + kIp6FragmentHeader;
  // RFC 8200 4.5: all but the last are multiples of 8 bytes; 4 is where the payload length stands.
  if (packet.more_fragments && (bytes.size() - content) % 8 != 0) {
    return bad(problem_at(Icmpv6ParameterProblem::kHeaderField, 4));
  }
  if (packet.more_fragments && packet.fragment_offset == 0 &&
      !chain_is_whole(bytes, content, bytes[at])) {
    return bad(problem_at(Icmpv6ParameterProblem::kIncompleteChain, 0));
  }
  return std::nullopt;
}

// What the header of this type at [at, at + size) asks for beyond being skipped.
std::optional<ExtensionFailure> read_extension(Bytes bytes, std::size_t at, std::size_t size,
                                               Extension type, Extent extent, IpPacket& packet) {
  switch (type) {
    case Extension::kHopByHop:
    case Extension::kDestinationOptions:
      return walk_options(bytes, at + 2, at + size);
    case Extension::kRouting:
      // RFC 8200 4.4, RFC 5095: no routing type is known here, and with segments left we would not
      // be the packet's end.
      if (bytes[at + 3] == 0) return std::nullopt;
      return ExtensionFailure{Counter::EstabIp6RoutingHeader,
                              problem_at(Icmpv6ParameterProblem::kHeaderField, at + 2)};
    case Extension::kFragment:
      return read_fragment(bytes, at, extent, packet);
  }
  return std::nullopt;
}

}  // namespace

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Next Header  |  Hdr Ext Len  |   options, or routing type    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+  and segments left, ...       +
// /            (Hdr Ext Len + 1) * 8 bytes in all                 /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::optional<ExtensionFailure> walk_extensions(Bytes bytes, Extent extent, IpPacket& packet) {
  std::size_t named_at = 6;  // the fixed header's Next Header
  std::size_t at = kIp6Header;
  std::uint8_t next = bytes[named_at];
  for (int headers = 0; is_extension(next) && !packet.is_fragment(); ++headers) {
    // RFC 8200 4: hop-by-hop options elsewhere than first are an unknown header.
    if (next == static_cast<std::uint8_t>(Extension::kHopByHop) && at != kIp6Header) break;
    if (headers == kMaxExtensionHeaders) {
      return ExtensionFailure{Counter::EstabIp6ExtensionLoop, std::nullopt};
    }
    const auto size = extension_size(bytes, at, next);
    if (!size) return bad();
    if (auto failure =
            read_extension(bytes, at, *size, static_cast<Extension>(next), extent, packet)) {
      return failure;
    }
    named_at = at;
    next = bytes[at];
    at += *size;
  }
  packet.protocol = next;
  packet.header_length = static_cast<std::uint16_t>(at);
  if (!packet.is_fragment() && !is_known_payload(next)) {
    packet.unknown_header_at = static_cast<std::uint16_t>(named_at);
  }
  return std::nullopt;
}

}  // namespace estab::wire
