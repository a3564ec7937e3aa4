#include "wire/source_route.h"

#include <algorithm>

#include "wire/bytes.h"
#include "wire/ip_options.h"

namespace estab::wire {

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |Type 131 or 137|    Length     | Pointer (>= 4)|   Route ...   /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
std::optional<SourceRoute> parse_source_route(Bytes options) {
  const Bytes option = find_source_route(options);
  if (option.empty()) return std::nullopt;
  SourceRoute route;
  route.strict = option[0] == static_cast<std::uint8_t>(IpOption::kStrictSourceRoute);
  const std::size_t count = std::min((option.size() - 3) / 4, SourceRoute::kMaxOptionHops);
  for (std::size_t i = 0; i < count; ++i) {
    route.hops[i] = IpAddress::v4(load32(option.data() + 3 + 4 * i));
  }
  route.count = static_cast<std::uint8_t>(count);
  // RFC 791 3.1: a pointer beyond the length means that the route is used up.
  route.next = static_cast<std::uint8_t>(std::min<std::size_t>((option[2] - 4u) / 4, count));
  return route;
}

SourceRoute return_route(const SourceRoute& recorded, const IpAddress& source) {
  SourceRoute back;
  back.strict = recorded.strict;
  const std::size_t first = recorded.count > 0 && recorded.hops[0] == source ? 1 : 0;
  for (std::size_t i = recorded.count; i > first; --i)
    back.hops[back.count++] = recorded.hops[i - 1];
  back.hops[back.count++] = source;
  return back;
}

std::size_t build_source_route(const SourceRoute& route, std::uint8_t* to) {
  if (route.count < 2) return 0;
  const std::size_t size = 3 + 4 * (std::size_t{route.count} - 1);
  to[0] = static_cast<std::uint8_t>(route.strict ? IpOption::kStrictSourceRoute
                                                 : IpOption::kLooseSourceRoute);
  to[1] = static_cast<std::uint8_t>(size);
  to[2] = 4;
  for (std::size_t i = 1; i < route.count; ++i) {
    store32(to + 3 + 4 * (i - 1), route.hops[i].v4_value());
  }
  return size;
}

}  // namespace estab::wire
