#include "ip/source_route.h"

#include <algorithm>

#include "wire/source_route.h"

namespace estab::ip {
namespace {

// `hops` without the last one, as an option of its own: what build_source_route() makes of a route
// that begins with a hop it leaves out.
std::vector<std::uint8_t> option_without_last(const wire::SourceRoute& route) {
  if (route.count < 2) return {};
  wire::SourceRoute shifted;
  shifted.strict = route.strict;
  shifted.count = route.count;
  std::copy_n(route.hops.begin(), route.count - 1, shifted.hops.begin() + 1);
  std::vector<std::uint8_t> option(40);
  option.resize(wire::build_source_route(shifted, option.data()));
  return option;
}

}  // namespace

RouteOption source_route_of(const wire::IpPacket& packet) {
  if (packet.options.empty()) return RouteOption::kNone;
  const std::optional<wire::SourceRoute> route = wire::parse_source_route(packet.options);
  if (!route) return RouteOption::kNone;
  return route->completed() ? RouteOption::kCompleted : RouteOption::kUnfinished;
}

std::vector<std::uint8_t> return_option(const wire::IpPacket& packet) {
  const std::optional<wire::SourceRoute> route = wire::parse_source_route(packet.options);
  if (!route || !route->completed()) return {};
  const wire::SourceRoute back = wire::return_route(*route, packet.source);
  // A forged route may name anything: a way back through a group or a loopback is none.
  const bool sound =
      std::all_of(back.hops.begin(), back.hops.begin() + back.count,
                  [](const IpAddress& hop) { return hop.is_unicast() && !hop.is_loopback(); });
  if (!sound) return {};
  return option_without_last(back);
}

std::optional<WireOptions> wire_options(Bytes options, const IpAddress& destination) {
  WireOptions made;
  made.first_hop = destination;
  if (options.size() > made.bytes.size()) return std::nullopt;
  std::optional<wire::SourceRoute> route = wire::parse_source_route(options);
  if (!route || route->count == 0) {
    std::copy(options.begin(), options.end(), made.bytes.begin());
    made.size = options.size();
    return made;
  }
  for (std::size_t i = 0; i < route->count; ++i) {
    if (!route->hops[i].is_unicast() || route->hops[i].is_loopback()) return std::nullopt;
  }
  route->hops[route->count++] = destination;
  made.first_hop = route->hops[0];
  made.size = wire::build_source_route(*route, made.bytes.data());
  return made;
}

}  // namespace estab::ip
