#include "wire/ndp.h"

#include <array>

#include "wire/bytes.h"
#include "wire/icmp.h"

namespace estab::wire {
namespace {

constexpr std::size_t kTarget = 16;      // bytes of the body before the options
constexpr std::size_t kLinkOption = 8;   // one option with an Ethernet address
constexpr std::uint8_t kSourceLink = 1;  // option types
constexpr std::uint8_t kTargetLink = 2;
constexpr std::uint32_t kRouter = 0x80000000;
constexpr std::uint32_t kSolicited = 0x40000000;
constexpr std::uint32_t kOverride = 0x20000000;

bool is_group(const IpAddress& address) { return address.bytes()[0] == 0xff; }
bool is_unspecified(const IpAddress& address) { return address == IpAddress::any_v6(); }

// RFC 4861 4.6: type, length in units of 8 bytes, content. False when an option has no length or
// runs over the end; unknown options are skipped.
bool parse_options(Bytes options, std::uint8_t wanted, std::optional<MacAddress>& link) {
  while (!options.empty()) {
    if (options.size() < 2 || options[1] == 0) return false;
    const std::size_t length = std::size_t{options[1]} * 8;
    if (length > options.size()) return false;
    if (options[0] == wanted && length == kLinkOption) link = load_mac(options.data() + 2);
    options = options.subspan(length);
  }
  return true;
}

// What 7.1.1 and 7.1.2 ask beyond the shape.
bool is_sound(const IpPacket& packet, const NdpMessage& m) {
  if (is_group(m.target) || m.target.is_v4() || is_unspecified(m.target)) return false;
  if (m.link_address && (m.link_address->bytes[0] & 1) != 0) return false;
  if (m.advertisement) return !(m.solicited && is_group(packet.destination));
  // Duplicate address detection asks from nowhere: to the target's group, without a link address.
  if (!is_unspecified(packet.source)) return true;
  return packet.destination == solicited_node_group(m.target) && !m.link_address;
}

}  // namespace

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Type 135, 136 |     Code      |          Checksum             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |R|S|O|           Reserved (R, S, O: 136 only)                  |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                                                               |
// +                                                               +
// |                                                               |
// +                       Target Address                          +
// |                                                               |
// +                                                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Type 1, 2    |    Length 1   |    Link-Layer Address ...     /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Parsed<NdpMessage> parse_ndp(const IpPacket& packet, const IcmpMessage& message) {
  const bool solicitation =
      message.type == static_cast<std::uint8_t>(Icmpv6Type::kNeighbourSolicitation);
  const bool advertisement =
      message.type == static_cast<std::uint8_t>(Icmpv6Type::kNeighbourAdvertisement);
  if (!message.v6 || (!solicitation && !advertisement)) {
    return tl::unexpected(Counter::EstabNdpIgnored);
  }
  // RFC 4861 7.1.1: a hop limit of 255 proves that no router forwarded it.
  if (packet.ttl != kNdpHopLimit || message.code != 0 || message.body.size() < kTarget) {
    return tl::unexpected(Counter::EstabNdpMalformed);
  }
  NdpMessage parsed{.advertisement = advertisement,
                    .target = load_v6(message.body.data()),
                    .router = advertisement && (message.rest & kRouter) != 0,
                    .solicited = advertisement && (message.rest & kSolicited) != 0,
                    .override_ = advertisement && (message.rest & kOverride) != 0,
                    .link_address = std::nullopt};
  const std::uint8_t wanted = advertisement ? kTargetLink : kSourceLink;
  if (!parse_options(message.body.subspan(kTarget), wanted, parsed.link_address) ||
      !is_sound(packet, parsed)) {
    return tl::unexpected(Counter::EstabNdpMalformed);
  }
  return parsed;
}

std::size_t build_ndp(const NdpMessage& message, const IpAddress& source,
                      const IpAddress& destination, std::uint8_t* to) {
  std::array<std::uint8_t, kTarget + kLinkOption> body{};
  store_v6(body.data(), message.target);
  if (message.link_address) {
    body[kTarget] = message.advertisement ? kTargetLink : kSourceLink;
    body[kTarget + 1] = 1;
    store_mac(body.data() + kTarget + 2, *message.link_address);
  }
  const std::size_t size = message.link_address ? body.size() : kTarget;
  std::uint32_t flags = 0;
  if (message.advertisement) {
    flags = (message.router ? kRouter : 0) | (message.solicited ? kSolicited : 0) |
            (message.override_ ? kOverride : 0);
  }
  const Icmpv6Type type = message.advertisement ? Icmpv6Type::kNeighbourAdvertisement
                                                : Icmpv6Type::kNeighbourSolicitation;
  build_icmp({.v6 = true,
              .type = static_cast<std::uint8_t>(type),
              .code = 0,
              .rest = flags,
              .body = Bytes(body.data(), size)},
             source, destination, to);
  return kIcmpHeader + size;
}

IpAddress solicited_node_group(const IpAddress& target) {
  std::array<std::uint8_t, 16> group{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::copy(target.bytes().begin() + 13, target.bytes().end(), group.begin() + 13);
  return IpAddress::v6(group);
}

MacAddress multicast_mac(const IpAddress& group) {
  const auto& b = group.bytes();
  if (group.is_v4()) {
    return {{0x01, 0x00, 0x5e, static_cast<std::uint8_t>(b[13] & 0x7f), b[14], b[15]}};
  }
  return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

}  // namespace estab::wire
