#include "wire/arp.h"

#include "wire/bytes.h"

namespace estab::wire {
namespace {

constexpr std::uint16_t kEthernetHardware = 1;
constexpr std::uint8_t kMacLength = 6;
constexpr std::uint8_t kIpv4Length = 4;

bool is_group(const MacAddress& mac) { return (mac.bytes[0] & 1) != 0; }

}  // namespace

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |      Hardware type (1)        |     Protocol type (0x0800)    |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Hw length (6) | Pr length (4) |           Operation           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                 Sender's hardware address                     |
// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                               |   Sender's protocol address   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          ... (4 bytes)        |   Target's hardware address   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                   Target's protocol address                   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Parsed<ArpPacket> parse_arp(Bytes packet) {
  if (packet.size() < ArpPacket::kSize) return tl::unexpected(Counter::EstabArpMalformed);
  const std::uint8_t* at = packet.data();
  if (load16(at) != kEthernetHardware ||
      load16(at + 2) != static_cast<std::uint16_t>(EtherType::kIpv4) || at[4] != kMacLength ||
      at[5] != kIpv4Length) {
    return tl::unexpected(Counter::EstabArpMalformed);
  }
  const std::uint16_t operation = load16(at + 6);
  if (operation != static_cast<std::uint16_t>(ArpOperation::kRequest) &&
      operation != static_cast<std::uint16_t>(ArpOperation::kReply)) {
    return tl::unexpected(Counter::EstabArpIgnored);
  }
  const ArpPacket parsed{.operation = static_cast<ArpOperation>(operation),
                         .sender_mac = load_mac(at + 8),
                         .sender = IpAddress::v4(load32(at + 14)),
                         .target_mac = load_mac(at + 18),
                         .target = IpAddress::v4(load32(at + 24))};
  // RFC 1812 3.3.2: a station is never at a group's link address.
  if (is_group(parsed.sender_mac)) return tl::unexpected(Counter::EstabArpMalformed);
  return parsed;
}

void build_arp(const ArpPacket& packet, std::uint8_t* to) {
  store16(to, kEthernetHardware);
  store16(to + 2, static_cast<std::uint16_t>(EtherType::kIpv4));
  to[4] = kMacLength;
  to[5] = kIpv4Length;
  store16(to + 6, static_cast<std::uint16_t>(packet.operation));
  store_mac(to + 8, packet.sender_mac);
  store32(to + 14, packet.sender.v4_value());
  store_mac(to + 18, packet.target_mac);
  store32(to + 24, packet.target.v4_value());
}

}  // namespace estab::wire
