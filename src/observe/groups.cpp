#include "observe/groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace estab::observe {
namespace {

struct GroupNames {
  std::string_view name, title;
};
// In the order of GroupKey.
constexpr GroupNames kNames[] = {{"state", "State"},     {"process", "Process"}, {"port", "Port"},
                                 {"peer", "Peer"},       {"local", "Local"},     {"uid", "User"},
                                 {"netns", "Namespace"}, {"source", "Source"}};

const GroupNames& names_of(GroupKey key) { return kNames[static_cast<std::size_t>(key)]; }

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

std::string namespace_of(const Connection& c) {
  if (c.source == Source::Stack) return "stack " + c.stack;
  return c.netns == 0 ? "this namespace" : fmt::format("net:[{}]", c.netns);
}

}  // namespace

std::optional<GroupKey> group_key_named(std::string_view name) {
  if (name == "namespace") return GroupKey::Namespace;
  const auto* found = std::find_if(std::begin(kNames), std::end(kNames),
                                   [&](const GroupNames& g) { return g.name == name; });
  if (found == std::end(kNames)) return std::nullopt;
  return static_cast<GroupKey>(found - std::begin(kNames));
}

tl::expected<std::vector<GroupKey>, std::string> group_keys_named(std::string_view list) {
  std::vector<GroupKey> keys;
  std::size_t at = 0;
  while (at <= list.size()) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    const std::string_view name = list.substr(at, comma - at);
    at = comma + 1;
    const auto key = group_key_named(name);
    if (!key) return tl::unexpected(fmt::format("cannot group by '{}': {}", name, kGroupNames));
    keys.push_back(*key);
  }
  return keys;
}

std::string_view group_name(GroupKey key) { return names_of(key).name; }

std::string_view group_title(GroupKey key) { return names_of(key).title; }

PortRange ephemeral_ports() {
  PortRange range;
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    unsigned first = 0;
    unsigned last = 0;
    if (std::fscanf(file, "%u %u", &first, &last) == 2) {
      range = {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
    }
    (void)std::fclose(file);
  }
  return range;
}

Grouping::Grouping(const std::vector<Connection>& connections, PortRange ephemeral)
    : ephemeral_(ephemeral) {
  for (const Connection& c : connections) {
    if (c.state == State::Listen) listening_.insert(c.local.port.value);
  }
}

// Where a filter left no listener to be seen, the port that is none of connect()'s own is the
// server's; where both or neither are, the lower one.
bool Grouping::served_here(const Connection& c) const {
  const std::uint16_t local = c.local.port.value;
  const std::uint16_t remote = c.remote.port.value;
  if (c.state == State::Listen || listening_.contains(local)) return true;
  if (listening_.contains(remote)) return false;
  if (ephemeral_.has(local) != ephemeral_.has(remote)) return ephemeral_.has(remote);
  return local <= remote;
}

std::string Grouping::value(const Connection& c, GroupKey key) const {
  switch (key) {
    case GroupKey::State:
      return std::string(ss_name(c.state));
    case GroupKey::Process:
      return process_of(c);
    case GroupKey::Port:
      if (served_here(c)) return fmt::format(":{}", c.local.port.value);
      return fmt::format("to :{}", c.remote.port.value);
    case GroupKey::Peer:
      return c.state == State::Listen ? "(listening)" : c.remote.address.to_string();
    case GroupKey::Local:
      return c.local.address.to_string();
    case GroupKey::User:
      return std::to_string(c.uid);
    case GroupKey::Namespace:
      return namespace_of(c);
    case GroupKey::Source:
      return c.source == Source::Stack ? "stack " + c.stack : "linux";
  }
  return "";
}

}  // namespace estab::observe
