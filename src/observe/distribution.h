// How many connections are in which state: by state alone, or for each process, listening port,
// peer or namespace. The "state distribution check", and what changed since an earlier one.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "estab/state.h"
#include "observe/connection.h"

namespace estab::observe {

enum class GroupBy : std::uint8_t { State, Process, Port, Peer, Namespace };
std::optional<GroupBy> group_by_named(std::string_view name);  // "state", "process", ...
std::string_view group_by_name(GroupBy by);

struct StateGroup {
  std::string name;  // as it came from outside: whoever shows it escapes it
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t total = 0;
};

// By state, a group is a state of its own; else groups come largest first, equals by name.
struct Distribution {
  GroupBy by = GroupBy::State;
  std::vector<StateGroup> groups;
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t total = 0;
};
Distribution distribution(const std::vector<Connection>& connections, GroupBy by);

// Totals by group name of an earlier look; a group that was not there had 0.
using EarlierTotals = std::map<std::string, std::uint64_t>;
EarlierTotals totals_of(const Distribution& distribution);

struct DistributionStyle {
  std::size_t width = 80;  // columns; a table that does not fit becomes a list
  std::size_t rows = 0;    // groups shown at most, 0: all; what is left out is said
  bool header = true;
  const EarlierTotals* earlier = nullptr;  // null: no column of changes
};
std::string distribution_text(const Distribution& distribution, const DistributionStyle& style);

}  // namespace estab::observe
