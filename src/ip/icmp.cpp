#include "ip/icmp.h"

#include <cerrno>

#include "ip/path_mtu.h"
#include "wire/bytes.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/source_route.h"
#include "wire/tcp.h"

namespace estab::ip {
namespace {

using Kind = IcmpErrorKind;
using wire::Icmpv4Type;
using wire::Icmpv4Unreachable;
using wire::Icmpv6Type;
using wire::Icmpv6Unreachable;

// RFC 1122 4.2.3.9 names 0, 1, 5 soft and 2 to 4 hard; the rest is as Linux has it.
std::optional<IcmpMeaning> unreachable_v4(std::uint8_t code) {
  switch (static_cast<Icmpv4Unreachable>(code)) {
    case Icmpv4Unreachable::kNet:
    case Icmpv4Unreachable::kNetForTos:
      return IcmpMeaning{Kind::kSoftUnreachable, ENETUNREACH};
    case Icmpv4Unreachable::kHost:
    case Icmpv4Unreachable::kHostForTos:
      return IcmpMeaning{Kind::kSoftUnreachable, EHOSTUNREACH};
    case Icmpv4Unreachable::kSourceRouteFailed:
      return IcmpMeaning{Kind::kSoftUnreachable, EOPNOTSUPP};
    case Icmpv4Unreachable::kProtocol:
      return IcmpMeaning{Kind::kHardUnreachable, ENOPROTOOPT};
    case Icmpv4Unreachable::kPort:
      return IcmpMeaning{Kind::kHardUnreachable, ECONNREFUSED};
    case Icmpv4Unreachable::kFragmentationNeeded:
      return IcmpMeaning{Kind::kTooBig, EMSGSIZE};
    case Icmpv4Unreachable::kNetUnknown:
    case Icmpv4Unreachable::kNetProhibited:
      return IcmpMeaning{Kind::kHardUnreachable, ENETUNREACH};
    case Icmpv4Unreachable::kHostUnknown:
      return IcmpMeaning{Kind::kHardUnreachable, EHOSTDOWN};
    case Icmpv4Unreachable::kSourceHostIsolated:
      return IcmpMeaning{Kind::kHardUnreachable, ENONET};
    case Icmpv4Unreachable::kHostProhibited:
    case Icmpv4Unreachable::kProhibited:
    case Icmpv4Unreachable::kPrecedenceViolation:
    case Icmpv4Unreachable::kPrecedenceCutoff:
      return IcmpMeaning{Kind::kHardUnreachable, EHOSTUNREACH};
  }
  return std::nullopt;
}

std::optional<IcmpMeaning> unreachable_v6(std::uint8_t code) {
  switch (static_cast<Icmpv6Unreachable>(code)) {
    case Icmpv6Unreachable::kNoRoute:
      return IcmpMeaning{Kind::kSoftUnreachable, ENETUNREACH};
    case Icmpv6Unreachable::kBeyondScope:
    case Icmpv6Unreachable::kAddress:
      return IcmpMeaning{Kind::kSoftUnreachable, EHOSTUNREACH};
    case Icmpv6Unreachable::kPort:
      return IcmpMeaning{Kind::kHardUnreachable, ECONNREFUSED};
    case Icmpv6Unreachable::kProhibited:
    case Icmpv6Unreachable::kSourcePolicy:
    case Icmpv6Unreachable::kRejectRoute:
      return IcmpMeaning{Kind::kHardUnreachable, EACCES};
  }
  return std::nullopt;
}

std::optional<IcmpMeaning> meaning_v4(const wire::IcmpMessage& m) {
  if (m.type == static_cast<std::uint8_t>(Icmpv4Type::kDestinationUnreachable)) {
    return unreachable_v4(m.code);
  }
  if (m.type == static_cast<std::uint8_t>(Icmpv4Type::kTimeExceeded)) {
    return IcmpMeaning{Kind::kTimeExceeded, EHOSTUNREACH};
  }
  if (m.type == static_cast<std::uint8_t>(Icmpv4Type::kParameterProblem)) {
    return IcmpMeaning{Kind::kParameterProblem, EPROTO};
  }
  return std::nullopt;
}

std::optional<IcmpMeaning> meaning_v6(const wire::IcmpMessage& m) {
  if (m.type == static_cast<std::uint8_t>(Icmpv6Type::kDestinationUnreachable)) {
    return unreachable_v6(m.code);
  }
  if (m.type == static_cast<std::uint8_t>(Icmpv6Type::kPacketTooBig)) {
    return IcmpMeaning{Kind::kTooBig, EMSGSIZE};
  }
  if (m.type == static_cast<std::uint8_t>(Icmpv6Type::kTimeExceeded)) {
    return IcmpMeaning{Kind::kTimeExceeded, EHOSTUNREACH};
  }
  if (m.type == static_cast<std::uint8_t>(Icmpv6Type::kParameterProblem)) {
    return IcmpMeaning{Kind::kParameterProblem, EPROTO};
  }
  return std::nullopt;
}

// RFC 1122 3.2.2: the queries of RFC 792 and 950; whatever else may be an error.
bool is_query_v4(std::uint8_t type) {
  return type == 0 || type == 8 || type == 9 || type == 10 || (type >= 13 && type <= 18);
}

bool is_icmp_error(const wire::IpPacket& packet) {
  if (packet.is_v4()) {
    return packet.protocol == static_cast<std::uint8_t>(wire::Protocol::kIcmpv4) &&
           (packet.payload.empty() || !is_query_v4(packet.payload[0]));
  }
  // RFC 4443 2.1: errors have the high bit clear. (e.2): nor does a redirect get an answer.
  return packet.protocol == static_cast<std::uint8_t>(wire::Protocol::kIcmpv6) &&
         (packet.payload.empty() || packet.payload[0] < 128 ||
          packet.payload[0] == static_cast<std::uint8_t>(Icmpv6Type::kRedirect));
}

std::size_t next_hop_mtu(const wire::IcmpMessage& message, const wire::IpPacket& quoted) {
  if (message.v6) return message.rest;
  const std::size_t told = message.rest & 0xffff;
  return told != 0 ? told : plateau_below(quoted.total_length);  // RFC 1191 5
}

}  // namespace

std::string_view icmp_error_kind_name(IcmpErrorKind kind) {
  switch (kind) {
    case Kind::kSoftUnreachable:
      return "soft unreachable";
    case Kind::kHardUnreachable:
      return "hard unreachable";
    case Kind::kTooBig:
      return "too big";
    case Kind::kTimeExceeded:
      return "time exceeded";
    case Kind::kParameterProblem:
      return "parameter problem";
  }
  return "?";
}

std::optional<IcmpMeaning> icmp_meaning(const wire::IcmpMessage& message) {
  return message.v6 ? meaning_v6(message) : meaning_v4(message);
}

std::optional<Counter> icmp_counter(const wire::IcmpMessage& message) {
  if (message.v6) {
    switch (message.type) {
      case static_cast<std::uint8_t>(Icmpv6Type::kDestinationUnreachable):
        return Counter::IcmpInDestUnreachs;
      case static_cast<std::uint8_t>(Icmpv6Type::kPacketTooBig):
        return Counter::IcmpInPktTooBig;
      case static_cast<std::uint8_t>(Icmpv6Type::kTimeExceeded):
        return Counter::IcmpInTimeExcds;
      case static_cast<std::uint8_t>(Icmpv6Type::kParameterProblem):
        return Counter::IcmpInParmProbs;
      case static_cast<std::uint8_t>(Icmpv6Type::kEchoRequest):
        return Counter::IcmpInEchos;
      case static_cast<std::uint8_t>(Icmpv6Type::kEchoReply):
        return Counter::IcmpInEchoReps;
      default:
        return std::nullopt;
    }
  }
  switch (message.type) {
    case static_cast<std::uint8_t>(Icmpv4Type::kDestinationUnreachable):
      return Counter::IcmpInDestUnreachs;
    case static_cast<std::uint8_t>(Icmpv4Type::kTimeExceeded):
      return Counter::IcmpInTimeExcds;
    case static_cast<std::uint8_t>(Icmpv4Type::kParameterProblem):
      return Counter::IcmpInParmProbs;
    case static_cast<std::uint8_t>(Icmpv4Type::kSourceQuench):
      return Counter::IcmpInSrcQuenchs;
    case static_cast<std::uint8_t>(Icmpv4Type::kEcho):
      return Counter::IcmpInEchos;
    case static_cast<std::uint8_t>(Icmpv4Type::kEchoReply):
      return Counter::IcmpInEchoReps;
    default:
      return std::nullopt;
  }
}

wire::Parsed<IcmpError> quoted_segment(const wire::IcmpMessage& message, const IcmpMeaning& meaning,
                                       const RouteTable& routes) {
  const wire::Parsed<wire::IpPacket> quoted = wire::parse_quoted_ip(message.body);
  if (!quoted) return tl::unexpected(Counter::IcmpInErrors);
  const bool first_of_tcp = quoted->protocol == static_cast<std::uint8_t>(wire::Protocol::kTcp) &&
                            quoted->fragment_offset == 0;
  if (!first_of_tcp || quoted->is_v4() == message.v6 || !routes.is_local(quoted->source)) {
    return tl::unexpected(Counter::EstabIcmpNoConnection);
  }
  const wire::Parsed<wire::QuotedTcp> tcp = wire::parse_quoted_tcp(quoted->payload);
  if (!tcp) return tl::unexpected(Counter::IcmpInErrors);
  IpAddress remote = quoted->destination;
  // On its way along a source route the header names the next hop; the peer ends the route.
  const auto route = wire::parse_source_route(quoted->options);
  if (route && !route->completed()) remote = route->last();
  IcmpError error;
  error.tuple = {{quoted->source, tcp->source}, {remote, tcp->destination}};
  error.seq = tcp->seq;
  error.kind = meaning.kind;
  error.v6 = message.v6;
  error.type = message.type;
  error.code = message.code;
  error.error = meaning.error;
  if (meaning.kind == Kind::kTooBig) error.mtu = next_hop_mtu(message, *quoted);
  return error;
}

std::optional<wire::IpPacket> outline_of_refused(Bytes bytes) {
  constexpr std::size_t kFixedHeader = 40;
  constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestination = 60;
  if (bytes.size() < kFixedHeader || bytes[0] >> 4 != 6) return std::nullopt;
  wire::IpPacket packet;
  packet.source = wire::load_v6(bytes.data() + 8);
  packet.destination = wire::load_v6(bytes.data() + 24);
  packet.total_length = kFixedHeader + wire::load16(bytes.data() + 4);
  std::uint8_t next = bytes[6];
  std::size_t at = kFixedHeader;
  for (int headers = 0; headers < wire::kMaxExtensionHeaders; ++headers) {
    const bool extension =
        next == kHopByHop || next == kRouting || next == kFragment || next == kDestination;
    if (!extension || bytes.size() < at + 8 || packet.fragment_offset != 0) break;
    if (next == kFragment) packet.fragment_offset = wire::load16(bytes.data() + at + 2) & 0xfff8;
    const std::size_t size = next == kFragment ? 8 : (std::size_t{bytes[at + 1]} + 1) * 8;
    next = bytes[at];
    at += size;
  }
  packet.protocol = next;
  if (at < bytes.size()) packet.payload = bytes.subspan(at);
  return packet;
}

bool may_answer(const wire::IpPacket& packet, bool link_group, bool even_to_group,
                const RouteTable& routes) {
  const IpAddress& source = packet.source;
  if (!source.is_unicast() || source.is_loopback() || routes.is_broadcast(source)) return false;
  const bool to_group =
      link_group || packet.destination.is_multicast() || routes.is_broadcast(packet.destination);
  if (to_group && !even_to_group) return false;
  return packet.fragment_offset == 0 && !is_icmp_error(packet);
}

}  // namespace estab::ip
