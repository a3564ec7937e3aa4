// IPv4 source routes between TCP and the wire (RFC 9293 3.9.2.1). Above this floor a route is the
// option's bytes as setsockopt(IP_OPTIONS) takes them: the hops in the order of travel, without the
// final destination. On the wire the first hop is in the header, the final destination ends the
// option.
#pragma once
#include <array>
#include <optional>
#include <vector>

#include "wire/headers.h"

namespace estab::ip {

enum class RouteOption : std::uint8_t {
  kNone,
  kCompleted,  // it ended here: a return route can be made (MUST-53)
  kUnfinished  // it names further hops: we are asked to forward
};
RouteOption source_route_of(const wire::IpPacket& packet);

// What SendOptions::ip_options wants, to go back to the sender of `packet` along its completed
// route; empty when no hop lies between.
std::vector<std::uint8_t> return_option(const wire::IpPacket& packet);

struct WireOptions {
  std::array<std::uint8_t, 40> bytes{};
  std::size_t size = 0;
  IpAddress first_hop;  // what the header's destination is

  Bytes view() const { return {bytes.data(), size}; }
};
// From the form above to the wire's. Of options with a source route only the route is sent. Nothing
// when they are too long, or a hop is no unicast address.
std::optional<WireOptions> wire_options(Bytes options, const IpAddress& destination);

}  // namespace estab::ip
