#include "wire/ethernet.h"

#include "wire/bytes.h"

namespace estab::wire {

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                          Destination                          |
// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                               |            Source             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |           EtherType           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Parsed<EthernetHeader> parse_ethernet(Bytes frame) {
  if (frame.size() < EthernetHeader::kSize) return tl::unexpected(Counter::EstabLinkTruncated);
  const std::uint8_t* at = frame.data();
  return EthernetHeader{
      .destination = load_mac(at), .source = load_mac(at + 6), .type = load16(at + 12)};
}

void build_ethernet(const EthernetHeader& header, std::uint8_t* to) {
  store_mac(to, header.destination);
  store_mac(to + 6, header.source);
  store16(to + 12, header.type);
}

}  // namespace estab::wire
