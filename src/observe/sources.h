// Where connections are looked for: running stacks, Linux, or both.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"
#include "observe/control_client.h"
#include "observe/linux/sock_diag.h"

namespace estab::observe {

enum class Where : std::uint8_t {
  Auto,  // the running stacks, if there are any, else Linux
  Stacks,
  Linux,
  Both,
};
std::optional<Where> where_named(std::string_view name);  // auto, estab, linux, all

struct Look {
  Where where = Where::Auto;
  std::string stack;            // one alone: its name, pid or control socket; means Where::Stacks
  bool all_namespaces = false;  // Linux's
  LinuxQuery query;             // states, families and the filter hold for stacks too
};

struct Looked {
  std::vector<Connection> connections;
  bool stacks = false, linux = false;    // who was asked
  std::vector<std::string> blind_spots;  // what could not be seen and why, a line each
};

// What Auto means here and now.
Asked<Where> settled(const Look& look);
// Stacks' connections in the order of listeners, addresses; Linux's in the kernel's.
Asked<Looked> look_at(const Look& look);

}  // namespace estab::observe
