// The shape of IPv4's options (RFC 791 3.1): what parse_ip() and the source routes are judged by, and
// what an application's IP_OPTIONS have to pass before they are kept.
#pragma once
#include "wire/headers.h"

namespace estab::wire {

enum class IpOption : std::uint8_t {
  kEnd = 0,
  kNoOperation = 1,
  kRecordRoute = 7,
  kTimestamp = 68,
  kLooseSourceRoute = 131,
  kStrictSourceRoute = 137,
};

// Whether each option's length lies between 2 and what is left, those of routes and time stamps fit
// their content, and at most one is a source route (RFC 1122 3.2.1.8 (c)).
bool ip_options_are_sound(Bytes options);

// The first source route, from its type byte to its end; empty when there is none. `options` are
// sound.
Bytes find_source_route(Bytes options);

}  // namespace estab::wire
