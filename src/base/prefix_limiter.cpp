#include "base/prefix_limiter.h"

#include <algorithm>
#include <bit>

namespace estab {
namespace {

std::uint64_t prefix_hash(const SipKey& key, const IpAddress& a) {
  // An IPv4 /24 is the first 15 bytes of the mapped form.
  const Bytes bytes{a.bytes().data(), a.is_v4() ? std::size_t{15} : std::size_t{8}};
  return std::max<std::uint64_t>(siphash(key, bytes), 1);
}

}  // namespace

PrefixLimiter::PrefixLimiter(const SipKey& key, std::size_t prefixes)
    : key_(key),
      rows_(std::bit_ceil(std::clamp<std::size_t>(prefixes, 4, std::size_t{1} << 20)) / 4) {}

Allowance PrefixLimiter::allow(Instant now, const IpAddress& remote, Rate stack, Rate prefix,
                               Random& jitter) {
  const std::uint64_t hash = prefix_hash(key_, remote);
  Row& row = rows_[hash & (rows_.size() - 1)];
  Entry* entry =
      std::find_if(row.begin(), row.end(), [&](const Entry& e) { return e.prefix == hash; });
  if (entry == row.end()) {
    entry = std::min_element(row.begin(), row.end(), [](const Entry& a, const Entry& b) {
      if ((a.prefix == 0) != (b.prefix == 0)) return a.prefix == 0;
      return a.bucket.last_used() < b.bucket.last_used();
    });
    *entry = Entry{hash, {}};
  }
  if (!entry->bucket.take(now, prefix, jitter)) return Allowance::kPrefixSpent;
  if (!stack_.take(now, stack, jitter)) return Allowance::kStackSpent;
  return Allowance::kAllowed;
}

void PrefixLimiter::give_back(const IpAddress& remote) {
  const std::uint64_t hash = prefix_hash(key_, remote);
  for (Entry& e : rows_[hash & (rows_.size() - 1)]) {
    if (e.prefix == hash) e.bucket.give_back();
  }
  stack_.give_back();
}

}  // namespace estab
