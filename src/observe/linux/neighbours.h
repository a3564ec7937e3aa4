// Hosts on the links of the caller's network namespace that do not answer address resolution, by
// rtnetlink: needs no privilege.
#pragma once
#include <set>

#include "estab/address.h"

namespace estab::observe {

// IPv4 and IPv6. Empty as well when the kernel does not answer.
std::set<IpAddress> dead_neighbours();

}  // namespace estab::observe
