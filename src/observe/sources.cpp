#include "observe/sources.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "observe/linux/kept_owners.h"
#include "observe/linux/namespaces.h"
#include "observe/linux/owners.h"

namespace estab::observe {
namespace {

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

void append(std::vector<Connection>& to, std::vector<Connection>&& from) {
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

bool passes(const LinuxQuery& query, const Connection& c) {
  if ((query.states & mask_of(c.state)) == 0 || !(c.v6 ? query.v6 : query.v4)) return false;
  return query.filter == nullptr || query.filter->matches(c);
}

void tell(Looked& looked, std::string line) {
  if (!line.empty()) looked.blind_spots.push_back(std::move(line));
}

Asked<void> look_at_stacks(const Look& look, Looked& looked) {
  const auto stacks = find_stacks(look.stack);
  if (!stacks) return wrong(stacks.error());
  auto connections = connections_of(*stacks);
  if (!connections) return wrong(connections.error());
  std::erase_if(*connections, [&](const Connection& c) { return !passes(look.query, c); });
  const auto rank = [](const Connection& c) {
    return std::tuple(c.state != State::Listen, c.local, c.remote);
  };
  std::stable_sort(connections->begin(), connections->end(),
                   [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  append(looked.connections, std::move(*connections));
  looked.stacks = true;
  if (look.stack.empty() && look.where != Where::Auto) tell(looked, stacks_not_seen());
  return {};
}

// Each namespace without its owners, then one search for all of them.
Asked<void> look_everywhere(const Look& look, Looked& looked) {
  LinuxQuery query = look.query;
  const FilterNeeds needs = query.filter != nullptr ? query.filter->needs() : FilterNeeds{};
  query.owners = false;
  query.ages = query.ages || needs.ages;
  query.info = query.info || needs.info;
  query.filter = nullptr;
  if (look.query.filter != nullptr && look.query.filter->family == 4) query.v6 = false;
  if (look.query.filter != nullptr && look.query.filter->family == 6) query.v4 = false;
  std::size_t unreadable = 0;
  for (const NetworkNamespace& at : network_namespaces(&unreadable)) {
    tl::expected<LinuxConnections, std::string> seen;
    auto entered = in_network_namespace(at, [&] { seen = linux_connections(query); });
    if (!entered || !seen) {
      looked.blind_spots.push_back(entered ? seen.error() : entered.error());
      continue;
    }
    for (Connection& c : seen->connections) c.netns = at.inode;
    append(looked.connections, std::move(seen->connections));
  }
  if (unreadable != 0) {
    looked.blind_spots.push_back("the network namespaces of " + std::to_string(unreadable) +
                                 " processes may not be read (root sees all)");
  }
  if (look.query.owners || needs.owners) {
    tell(looked, owners_not_seen(OwnerSearch(look.query.threads).fill(looked.connections)));
    add_kept_owners(looked.connections);
  }
  std::erase_if(looked.connections, [&](const Connection& c) {
    return look.query.filter != nullptr && !look.query.filter->matches(c);
  });
  return {};
}

Asked<void> look_here(const Look& look, Looked& looked) {
  auto seen = linux_connections(look.query);
  if (!seen) return wrong(seen.error());
  append(looked.connections, std::move(seen->connections));
  looked.blind_spots.insert(looked.blind_spots.end(), seen->blind_spots.begin(),
                            seen->blind_spots.end());
  return {};
}

Asked<void> look_at_linux(const Look& look, Looked& looked) {
  looked.linux = true;
  auto done = look.all_namespaces ? look_everywhere(look, looked) : look_here(look, looked);
  if (done && look.query.owners) tell(looked, owners_not_kept(looked.connections));
  return done;
}

}  // namespace

std::optional<Where> where_named(std::string_view name) {
  if (name == "auto") return Where::Auto;
  if (name == "estab" || name == "stacks") return Where::Stacks;
  if (name == "linux") return Where::Linux;
  if (name == "all") return Where::Both;
  return std::nullopt;
}

Asked<Where> settled(const Look& look) {
  if (!look.stack.empty()) return Where::Stacks;
  if (look.where != Where::Auto) return look.where;
  if (look.all_namespaces) return Where::Linux;
  const auto stacks = find_stacks("");
  if (!stacks) return wrong(stacks.error());
  return stacks->empty() ? Where::Linux : Where::Stacks;
}

Asked<Looked> look_at(const Look& look) {
  const auto where = settled(look);
  if (!where) return wrong(where.error());
  Looked looked;
  if (*where != Where::Linux) {
    if (auto done = look_at_stacks(look, looked); !done) return wrong(done.error());
  }
  if (*where != Where::Stacks) {
    if (auto done = look_at_linux(look, looked); !done) return wrong(done.error());
  }
  return looked;
}

}  // namespace estab::observe
