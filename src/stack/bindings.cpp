#include "stack/bindings.h"

#include <algorithm>

namespace estab::stack {
namespace {

// Linux's inet_bind_conflict() in our words.
bool excludes(const Holder& holder, const Holder& newcomer) {
  if (!addresses_overlap(holder, newcomer)) return false;
  if (newcomer.reuse_address && holder.reuse_address && holder.kind != HolderKind::kListener) {
    return false;
  }
  if (newcomer.reuse_port && holder.reuse_port) {
    return holder.kind != HolderKind::kTimeWait && holder.owner != newcomer.owner;
  }
  return true;
}

bool covers(const Holder& wildcard, const IpAddress& address) {
  if (wildcard.address == IpAddress::any_v4()) return address.is_v4();
  return address.is_v6() || !wildcard.v6_only;
}

}  // namespace

bool addresses_overlap(const Holder& a, const Holder& b) {
  const bool a_any = a.address.is_any();
  const bool b_any = b.address.is_any();
  if (!a_any && !b_any) return a.address == b.address;
  if (a_any && b_any) return covers(a, b.address) || covers(b, a.address);
  return a_any ? covers(a, b.address) : covers(b, a.address);
}

void PortHolders::add(Port port, const Holder& holder) {
  std::vector<Group>& groups = ports_[port.value];
  for (Group& g : groups) {
    if (g.holder == holder) {
      ++g.count;
      return;
    }
  }
  groups.push_back({holder, 1});
}

void PortHolders::remove(Port port, const Holder& holder) {
  const auto found = ports_.find(port.value);
  if (found == ports_.end()) return;
  std::vector<Group>& groups = found->second;
  const auto g = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& x) { return x.holder == holder; });
  if (g == groups.end() || --g->count > 0) return;
  *g = groups.back();
  groups.pop_back();
  if (groups.empty()) ports_.erase(found);
}

bool PortHolders::conflicts(Port port, const Holder& newcomer) const {
  const auto found = ports_.find(port.value);
  if (found == ports_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Group& g) { return excludes(g.holder, newcomer); });
}

bool PortHolders::occupied(Port port, const Holder& newcomer) const {
  const auto found = ports_.find(port.value);
  if (found == ports_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Group& g) { return addresses_overlap(g.holder, newcomer); });
}

bool PortHolders::named(Port port) const {
  const auto found = ports_.find(port.value);
  if (found == ports_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [](const Group& g) { return !g.holder.autobound; });
}

std::optional<Port> PortHolders::find_free(const Holder& newcomer, std::uint16_t low,
                                           std::uint16_t high, Random& random) const {
  const std::uint32_t count = high >= low ? high - low + 1u : 0u;
  if (count == 0) return std::nullopt;
  const auto start = static_cast<std::uint32_t>(random.below(count));
  for (std::uint32_t n = 0; n < count; ++n) {
    const Port port{static_cast<std::uint16_t>(low + (start + n) % count)};
    if (!occupied(port, newcomer)) return port;
  }
  return std::nullopt;
}

}  // namespace estab::stack
