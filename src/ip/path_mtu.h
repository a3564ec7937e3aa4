// What is known of paths that carry less than their first link: RFC 1191, RFC 8201.
#pragma once
#include <optional>
#include <vector>

#include "estab/counters.h"
#include "estab/time.h"
#include "estab/tuning.h"
#include "ip/ip_layer.h"
#include "ip/lru_map.h"

namespace estab::ip {

inline constexpr std::size_t kMinimumMtuV6 = 1280;  // RFC 8200 5
inline constexpr std::size_t kMinimumMtuV4 = 68;    // RFC 791 3.2

// For a router that reports no MTU (RFC 1191 5): the largest plateau below `size` bytes.
std::size_t plateau_below(std::size_t size);

// Only ever lowered by learn(), and forgotten after mtu_expires, so that a path that grew is found
// again (RFC 1191 6.3).
class PathMtuCache {
 public:
  static constexpr std::size_t kMaxPaths = 4096;  // the least lately used is forgotten

  struct Path {
    std::size_t mtu = 0;
    bool may_fragment = false;  // the path takes less than min_pmtu: DF is left off
    Instant expires{};
  };

  PathMtuCache(const Tuning& tuning, Counters& counters, KeyedHash hash)
      : tuning_(tuning), counters_(counters), paths_(hash) {}

  std::optional<Path> find(const IpAddress& destination, Instant now) const;
  // `in_use` is what the path was thought to carry. Returns the new MTU when it went down.
  std::optional<std::size_t> learn(const IpAddress& destination, std::size_t mtu,
                                   std::size_t in_use, Instant now);
  std::vector<PathMtuInfo> list(Instant now) const;

 private:
  const Tuning& tuning_;
  Counters& counters_;
  LruMap<IpAddress, Path> paths_;
};

}  // namespace estab::ip
