#include "ip/martians.h"

#include "base/defence.h"

namespace estab::ip {
namespace {

bool is_this_network(const IpAddress& a) { return a.is_v4() && a.v4_value() >> 24 == 0; }
bool is_class_e(const IpAddress& a) {  // 240/4 but for the limited broadcast address
  return a.is_v4() && a.v4_value() >> 28 == 0xf && !a.is_broadcast();
}

}  // namespace

std::optional<Counter> martian_source(const IpAddress& source, Origin origin,
                                      const RouteTable& routes) {
  const bool unfit = is_this_network(source) || is_class_e(source) || source.is_multicast() ||
                     source.is_broadcast() || routes.is_broadcast(source);
  // Our own addresses come from outside only by forgery or reflection (LAND, CVE-1999-0016).
  const bool ours_from_outside =
      origin == Origin::kOutside && routes.is_local(source) && defended(Defence::OwnAddressOutside);
  if (unfit || ours_from_outside) return Counter::EstabIpMartianSource;
  return std::nullopt;
}

std::optional<Counter> martian_destination(const IpAddress& destination, Origin origin) {
  const bool unfit = destination.is_any() || is_this_network(destination) ||
                     is_class_e(destination) ||
                     (origin == Origin::kOutside && destination.is_loopback());
  if (unfit) return Counter::EstabIpMartianDestination;
  return std::nullopt;
}

}  // namespace estab::ip
