// Addresses that cannot be on the wire, or not in that place: RFC 1122 3.2.1.3, RFC 4291 2, RFC
// 9293 3.9.2.3 (MUST-57, MUST-63), the LAND attack.
#pragma once
#include <optional>

#include "estab/address.h"
#include "estab/counters.h"
#include "ip/routes.h"

namespace estab::ip {

enum class Origin : std::uint8_t {
  kOutside,   // a device
  kLoopback,  // this stack
};

// Why a packet from `source` is dropped; nothing when it is fit to be read. `::` is let through,
// for a neighbour that checks its address (RFC 4862 5.4): nothing else may come from it.
std::optional<Counter> martian_source(const IpAddress& source, Origin origin,
                                      const RouteTable& routes);
// Groups and broadcasts are no martians: who may answer them is decided above.
std::optional<Counter> martian_destination(const IpAddress& destination, Origin origin);

}  // namespace estab::ip
