#include "ip/path_mtu.h"

#include <algorithm>

#include "base/defence.h"

namespace estab::ip {

std::size_t plateau_below(std::size_t size) {
  // RFC 1191 7.1, table 7-1; 1280 added for tunnels of our day.
  static constexpr std::size_t kPlateaus[] = {32000, 17914, 8166, 4352, 2002, 1492,
                                              1280,  1006,  508,  296,  68};
  for (const std::size_t plateau : kPlateaus) {
    if (plateau < size) return plateau;
  }
  return kMinimumMtuV4;
}

std::optional<PathMtuCache::Path> PathMtuCache::find(const IpAddress& destination,
                                                     Instant now) const {
  if (paths_.empty()) return std::nullopt;
  const Path* path = paths_.peek(destination);
  if (path == nullptr || path->expires <= now) return std::nullopt;
  return *path;
}

std::optional<std::size_t> PathMtuCache::learn(const IpAddress& destination, std::size_t mtu,
                                               std::size_t in_use, Instant now) {
  bool may_fragment = false;
  if (destination.is_v6() && mtu < kMinimumMtuV6) {  // RFC 8201 4: must discard it
    counters_.add(Counter::EstabPmtuIgnored);
    return std::nullopt;
  }
  const auto floor = static_cast<std::size_t>(tuning_.min_pmtu);
  if (destination.is_v4() && mtu < floor && defended(Defence::PathMtuFloor)) {
    // Below the floor the figure is not believed, but that packets are too big is: let routers
    // fragment them (Linux's mtu lock).
    counters_.add(Counter::EstabPmtuIgnored);
    mtu = std::min(floor, in_use);
    may_fragment = true;
  }
  Path* known = paths_.find(destination);
  const bool frees_df = may_fragment && (known == nullptr || !known->may_fragment);
  if (mtu >= in_use && !frees_df) {
    if (!may_fragment) counters_.add(Counter::EstabPmtuIgnored);
    return std::nullopt;
  }
  const Instant expires = now + seconds_of(tuning_.mtu_expires);
  if (known == nullptr) {
    while (paths_.size() >= kMaxPaths) paths_.erase(paths_.oldest()->first);
    known = &paths_.insert(destination, {});
  }
  *known = {mtu, may_fragment, expires};
  return mtu < in_use ? std::optional(mtu) : std::nullopt;
}

std::vector<PathMtuInfo> PathMtuCache::list(Instant now) const {
  std::vector<PathMtuInfo> all;
  for (const auto& [destination, path] : paths_) {
    if (path.expires > now) all.push_back({destination, path.mtu, path.expires});
  }
  return all;
}

}  // namespace estab::ip
