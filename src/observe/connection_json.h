// Connections as JSON: docs/json.md is the schema.
#pragma once
#include <string>
#include <vector>

#include "observe/connection.h"
#include "observe/ss_view.h"

namespace estab::observe {

// One object, without a line's end. What is not known is left out.
void append_connection_json(std::string& to, const Connection& c, Names& names);
// An array with one object a line.
std::string connections_json(const std::vector<Connection>& connections);

}  // namespace estab::observe
