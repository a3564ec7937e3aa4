#include "observe/distribution.h"

#include <algorithm>
#include <unordered_map>

namespace estab::observe {
Distribution distribution(const std::vector<Connection>& connections, GroupKey by) {
  Distribution result;
  result.by = by;
  const Grouping grouping(connections);
  std::unordered_map<std::string, StateGroup> groups;
  for (const Connection& c : connections) {
    const auto state = static_cast<std::size_t>(c.state);
    StateGroup& group = groups[grouping.value(c, by)];
    ++group.by_state[state];
    ++group.total;
    ++result.by_state[state];
    ++result.total;
  }
  for (auto& [name, group] : groups) {
    group.name = name;
    result.groups.push_back(std::move(group));
  }
  std::sort(result.groups.begin(), result.groups.end(),
            [](const StateGroup& a, const StateGroup& b) {
              return a.total != b.total ? a.total > b.total : a.name < b.name;
            });
  return result;
}

EarlierTotals totals_of(const Distribution& distribution) {
  EarlierTotals totals;
  for (const StateGroup& group : distribution.groups) totals[group.name] = group.total;
  return totals;
}

}  // namespace estab::observe
