#include "stack/listeners.h"

#include <algorithm>

namespace estab::stack {

ListenerId ListenerTable::add(Listener listener) {
  const Endpoint name = listener.local;
  const bool v6_only = listener.v6_only;
  const ListenerId id = slab_.allocate(std::move(listener));
  by_name_[name].push_back({id, v6_only});
  return id;
}

void ListenerTable::remove(ListenerId id) {
  const Listener* listener = slab_.get(id);
  if (listener == nullptr) return;
  const auto found = by_name_.find(listener->local);
  if (found != by_name_.end()) {
    std::vector<Named>& group = found->second;
    group.erase(
        std::remove_if(group.begin(), group.end(), [&](const Named& n) { return n.id == id; }),
        group.end());
    if (group.empty()) by_name_.erase(found);
  }
  slab_.free(id);
}

ListenerId ListenerTable::find(const FourTuple& tuple) const {
  if (by_name_.empty()) return {};
  if (const ListenerId id = pick(tuple.local, tuple)) return id;
  if (tuple.local.address.is_v4()) {
    if (const ListenerId id = pick({IpAddress::any_v4(), tuple.local.port}, tuple)) return id;
  }
  return pick({IpAddress::any_v6(), tuple.local.port}, tuple);
}

ListenerId ListenerTable::pick(const Endpoint& name, const FourTuple& tuple) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return {};
  const std::vector<Named>& group = found->second;
  const bool only_dual = name.address == IpAddress::any_v6() && tuple.local.address.is_v4();
  const auto fits = [&](const Named& n) { return !only_dual || !n.v6_only; };
  const auto count = static_cast<std::uint64_t>(std::count_if(group.begin(), group.end(), fits));
  if (count == 0) return {};
  // By the remote end alone would do, but the whole name costs the same and is as steady.
  std::uint64_t nth = count == 1 ? 0 : (siphash(key_, tuple) >> 32) * count >> 32;
  for (const Named& n : group) {
    if (fits(n) && nth-- == 0) return n.id;
  }
  return {};
}

}  // namespace estab::stack
