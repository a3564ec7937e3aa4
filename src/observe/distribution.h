// How many connections are in which state: by state alone, or for each process, port, peer ... The
// "state distribution check", and what changed since an earlier one.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "estab/state.h"
#include "observe/connection.h"
#include "observe/groups.h"

namespace estab::observe {

struct StateGroup {
  std::string name;  // as it came from outside: whoever shows it escapes it
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t total = 0;
};

// By state, a group is a state of its own; else groups come largest first, equals by name.
struct Distribution {
  GroupKey by = GroupKey::State;
  std::vector<StateGroup> groups;
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t total = 0;
};
Distribution distribution(const std::vector<Connection>& connections, GroupKey by);

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
