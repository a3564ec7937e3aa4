#include "observe/arrange.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

#include "observe/escape.h"

namespace estab::observe {
namespace {

struct SortName {
  std::string_view name;
  SortKey key;
};
constexpr SortName kSorts[] = {{"recvq", SortKey::ReceiveQueue},
                               {"sendq", SortKey::SendQueue},
                               {"age", SortKey::Age},
                               {"rtt", SortKey::Rtt},
                               {"retrans", SortKey::Retransmissions},
                               {"bytes", SortKey::Bytes},
                               {"state", SortKey::State},
                               {"local", SortKey::Local},
                               {"peer", SortKey::Peer},
                               {"port", SortKey::LocalPort},
                               {"peerport", SortKey::PeerPort},
                               {"pid", SortKey::Pid},
                               {"uid", SortKey::Uid}};

// By which rows are compared; the largest numbers are to come first, so they are negated.
std::int64_t rank(const Connection& c, SortKey key) {
  const auto largest = [](auto v) { return -static_cast<std::int64_t>(v); };
  const tcp::LinuxTcpInfo* info = info_of(c);
  switch (key) {
    case SortKey::ReceiveQueue:
      return largest(c.receive_queue);
    case SortKey::SendQueue:
      return largest(c.send_queue);
    case SortKey::Age:
      return c.in_state ? -c.in_state->value.count() - 1 : 0;
    case SortKey::Rtt:
      return info != nullptr ? largest(info->rtt) : 0;
    case SortKey::Retransmissions:
      return info != nullptr ? largest(info->total_retrans) : 0;
    case SortKey::Bytes:
      return info != nullptr ? largest(info->bytes_sent + info->bytes_received) : 0;
    case SortKey::State:
      return static_cast<std::int64_t>(c.state);
    case SortKey::LocalPort:
      return c.local.port.value;
    case SortKey::PeerPort:
      return c.remote.port.value;
    case SortKey::Pid:
      return c.owners.empty() ? 0x7fffffff : c.owners.front().pid;
    case SortKey::Uid:
      return c.uid;
    case SortKey::Local:
    case SortKey::Peer:
      break;
  }
  return 0;
}

}  // namespace

tl::expected<Sorting, std::string> sorting_named(std::string name) {
  Sorting by;
  if (name.starts_with('-')) {
    by.turned = true;
    name.erase(0, 1);
  }
  for (const SortName& sort : kSorts) {
    if (sort.name == name) {
      by.key = sort.key;
      return by;
    }
  }
  return tl::unexpected("cannot sort by '" + name +
                        "': recvq, sendq, age, rtt, retrans, bytes, state, local, peer, port, "
                        "peerport, pid or uid");
}

bool sorting_needs_info(const Sorting& by) {
  return by.key == SortKey::Rtt || by.key == SortKey::Retransmissions || by.key == SortKey::Bytes;
}

void sort_connections(std::vector<Connection>& connections, const Sorting& by) {
  const auto before = [&](const Connection& a, const Connection& b) {
    if (by.key == SortKey::Local) return std::tie(a.v6, a.local) < std::tie(b.v6, b.local);
    if (by.key == SortKey::Peer) return std::tie(a.v6, a.remote) < std::tie(b.v6, b.remote);
    return rank(a, by.key) < rank(b, by.key);
  };
  std::stable_sort(connections.begin(), connections.end(),
                   [&](const Connection& a, const Connection& b) {
                     return by.turned ? before(b, a) : before(a, b);
                   });
}

std::vector<CountedGroup> grouped(const std::vector<Connection>& connections,
                                  const std::vector<GroupKey>& keys) {
  const Grouping grouping(connections);
  std::map<std::vector<std::string>, std::uint64_t> counts;
  for (const Connection& c : connections) {
    std::vector<std::string> values;
    values.reserve(keys.size());
    for (const GroupKey key : keys) values.push_back(grouping.value(c, key));
    ++counts[std::move(values)];
  }
  std::vector<CountedGroup> groups;
  groups.reserve(counts.size());
  for (auto& [values, count] : counts) groups.push_back({values, count});
  std::stable_sort(groups.begin(), groups.end(),
                   [](const CountedGroup& a, const CountedGroup& b) { return a.count > b.count; });
  return groups;
}

std::string groups_table(std::vector<CountedGroup> groups, const std::vector<GroupKey>& keys,
                         bool header) {
  for (CountedGroup& group : groups) {
    for (std::string& value : group.values) value = escaped(value);
  }
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::size_t widest = group_title(keys[i]).size();
    for (const CountedGroup& group : groups) widest = std::max(widest, group.values[i].size());
    widths.push_back(widest);
  }
  std::string out;
  const auto put_line = [&](const std::string& count, const auto& value) {
    fmt::format_to(std::back_inserter(out), "{:>7}", count);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      fmt::format_to(std::back_inserter(out), " {:<{}}", value(i), widths[i]);
    }
    while (out.back() == ' ') out.pop_back();
    out += '\n';
  };
  if (header) put_line("Count", [&](std::size_t i) { return group_title(keys[i]); });
  for (const CountedGroup& group : groups) {
    put_line(std::to_string(group.count),
             [&](std::size_t i) { return std::string_view(group.values[i]); });
  }
  return out;
}

std::string groups_json(const std::vector<CountedGroup>& groups,
                        const std::vector<GroupKey>& keys) {
  std::string out = "[";
  for (std::size_t row = 0; row < groups.size(); ++row) {
    out += row == 0 ? "\n{" : ",\n{";
    for (std::size_t i = 0; i < keys.size(); ++i) {
      append_json_string(out, group_name(keys[i]));
      out += ':';
      append_json_string(out, groups[row].values[i]);
      out += ',';
    }
    out += fmt::format("\"count\":{}}}", groups[row].count);
  }
  out += groups.empty() ? "]\n" : "\n]\n";
  return out;
}

}  // namespace estab::observe
