// IPv4's loose and strict source routes (RFC 791 3.1), as RFC 9293 3.9.2.1 and RFC 1122 3.2.1.8
// want TCP to see them: a completed route is kept, turned round, and used for the way back.
//
//   if (auto route = parse_source_route(packet.options); route && route->completed()) {
//     SourceRoute back = return_route(*route, packet.source);
//     reply.options = Bytes(bytes, build_source_route(back, bytes));
//     reply.destination = back.hops[0];   // the checksum's pseudo-header keeps back.last()
//   }
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "wire/headers.h"

namespace estab::wire {

struct SourceRoute {
  static constexpr std::size_t kMaxOptionHops = 9;             // 3 + 9 * 4 bytes of 40
  static constexpr std::size_t kMaxHops = kMaxOptionHops + 1;  // and the header's destination
  bool strict = false;
  std::uint8_t count = 0;                  // hops in use
  std::uint8_t next = 0;                   // the first hop not yet visited; == count: none left
  std::array<IpAddress, kMaxHops> hops{};  // IPv4

  bool completed() const { return next >= count; }
  const IpAddress& last() const { return hops[count == 0 ? 0 : count - 1]; }
  friend bool operator==(const SourceRoute&, const SourceRoute&) = default;
};

// The route in IPv4 options that parse_ip() let through; none when there is none.
std::optional<SourceRoute> parse_source_route(Bytes options);

// The way back to `source` along a completed route: its hops in reverse order, then `source`
// (once, even when the route recorded it: RFC 1122 3.2.1.8 (c), case (B)).
SourceRoute return_route(const SourceRoute& recorded, const IpAddress& source);

// Writes the option that sends a packet addressed to hops[0] along hops[1] .. hops[count - 1]:
// 3 + 4 * (count - 1) bytes, at most 39; 0 bytes when count is less than 2. Not padded: build_ip()
// pads.
std::size_t build_source_route(const SourceRoute& route, std::uint8_t* to);

}  // namespace estab::wire
