// Owners of sockets that no process holds any more: Linux forgets them, a tracer's clock may know.
#pragma once
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

// Where a tracer runs or was left behind: to those without an owner, the process that had them.
void add_kept_owners(std::vector<Connection>& connections);

// One line that says of how many the former owner is not known, why, and how to get it; empty:
// of none. `connections` went through add_kept_owners, or linux_connections with owners.
std::string owners_not_kept(const std::vector<Connection>& connections);

}  // namespace estab::observe
