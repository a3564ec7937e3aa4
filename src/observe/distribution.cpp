#include "observe/distribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace estab::observe {
namespace {

constexpr std::array<std::string_view, 5> kNames{"state", "process", "port", "peer", "namespace"};

// A connection without a process has a reason for it, which says more than a blank.
std::string_view nobody(const Connection& c) {
  if (c.state == State::TimeWait) return "(TIME-WAIT: no process holds it)";
  if (c.state == State::SynReceived) return "(half-open: not yet accepted)";
  if (unaccepted(c)) return "(not accepted yet)";
  if (c.orphan) return "(closed by its process)";
  return "(a process that may not be seen)";
}

std::string process_of(const Connection& c) {
  if (c.owners.empty()) return std::string(nobody(c));
  return fmt::format("{}({})", c.owners.front().command, c.owners.front().pid);
}

// Ports somebody listens at, so that a server's connections come together under its port.
std::set<std::uint16_t> listening_ports(const std::vector<Connection>& connections) {
  std::set<std::uint16_t> ports;
  for (const Connection& c : connections) {
    if (c.state == State::Listen) ports.insert(c.local.port.value);
  }
  return ports;
}

std::string group_of(const Connection& c, GroupBy by, const std::set<std::uint16_t>& listening) {
  switch (by) {
    case GroupBy::State:
      return std::string(ss_name(c.state));
    case GroupBy::Process:
      return process_of(c);
    case GroupBy::Port:
      if (listening.contains(c.local.port.value)) return fmt::format(":{}", c.local.port.value);
      return fmt::format("to :{}", c.remote.port.value);
    case GroupBy::Peer:
      return c.state == State::Listen ? "(listening)" : c.remote.address.to_string();
    case GroupBy::Namespace:
      if (c.source == Source::Stack) return "stack " + c.stack;
      return c.netns == 0 ? "this namespace" : fmt::format("net:[{}]", c.netns);
  }
  return "";
}

}  // namespace

std::optional<GroupBy> group_by_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<GroupBy>(i);
  }
  return std::nullopt;
}

std::string_view group_by_name(GroupBy by) { return kNames[static_cast<std::size_t>(by)]; }

Distribution distribution(const std::vector<Connection>& connections, GroupBy by) {
  Distribution result;
  result.by = by;
  const auto listening = listening_ports(connections);
  std::unordered_map<std::string, StateGroup> groups;
  for (const Connection& c : connections) {
    const auto state = static_cast<std::size_t>(c.state);
    StateGroup& group = groups[group_of(c, by, listening)];
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
