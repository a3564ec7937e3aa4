// By what connections are counted together: the keys and values of `ss --group-by` and of
// `summary --by`.
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

enum class GroupKey : std::uint8_t { State, Process, Port, Peer, Local, User, Namespace, Source };

inline constexpr std::string_view kGroupNames =
    "state, process, port, peer, local, uid, netns, source";
std::optional<GroupKey> group_key_named(std::string_view name);  // "namespace" is netns too
// "state,peer": one or more of them. The error is one line.
tl::expected<std::vector<GroupKey>, std::string> group_keys_named(std::string_view list);
std::string_view group_name(GroupKey key);   // "state", "netns": as on the command line, in JSON
std::string_view group_title(GroupKey key);  // "State", "Namespace": heads a column

// Local ports that connect() takes by itself.
struct PortRange {
  std::uint16_t first = 32768, last = 60999;
  bool has(std::uint16_t port) const { return port >= first && port <= last; }
};
PortRange ephemeral_ports();  // Linux's, of this network namespace; its default where not to be had

// Says of each connection which group it is in.
class Grouping {
 public:
  // A listener among `connections` tells which ports are served here.
  explicit Grouping(const std::vector<Connection>& connections,
                    PortRange ephemeral = ephemeral_ports());
  // "ESTAB"; "nginx(1234)", or why there is none; ":80" served here, "to :443" called; "10.0.0.1";
  // "1000"; "this namespace"; "linux", "stack web". As it came from outside: the views escape.
  std::string value(const Connection& c, GroupKey key) const;

 private:
  bool served_here(const Connection& c) const;

  std::set<std::uint16_t> listening_;
  PortRange ephemeral_;
};

}  // namespace estab::observe
