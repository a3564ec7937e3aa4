// Ethernet II frames: parse and build the 14 bytes in front.
#pragma once
#include "wire/headers.h"

namespace estab::wire {

// Fails with EstabLinkTruncated. What follows the header is frame.subspan(EthernetHeader::kSize).
Parsed<EthernetHeader> parse_ethernet(Bytes frame);
void build_ethernet(const EthernetHeader& header, std::uint8_t* to);  // EthernetHeader::kSize bytes

}  // namespace estab::wire
