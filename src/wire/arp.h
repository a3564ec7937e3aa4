// ARP for IPv4 over Ethernet (RFC 826): parse and build.
#pragma once
#include "wire/headers.h"

namespace estab::wire {

// `packet` is what follows the Ethernet header, padding included. Fails with EstabArpMalformed
// (truncated, not Ethernet and IPv4, or a sender whose station address is a group's) or, when the
// operation is neither request nor reply, EstabArpIgnored.
Parsed<ArpPacket> parse_arp(Bytes packet);
void build_arp(const ArpPacket& packet, std::uint8_t* to);  // ArpPacket::kSize bytes

}  // namespace estab::wire
