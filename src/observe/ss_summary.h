// `ss -s`: how many connections of which kind.
#pragma once
#include <string>
#include <vector>

#include "observe/connection.h"
#include "stack/control_protocol.h"

namespace estab::observe {

// `totals` of all stacks together; `connections` only to tell the families apart.
std::string ss_summary(const stack::control::Totals& totals,
                       const std::vector<Connection>& connections);
stack::control::Totals sum(const stack::control::Totals& a, const stack::control::Totals& b);

}  // namespace estab::observe
