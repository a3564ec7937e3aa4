// A limit on answers to strangers (RST, ICMP), for the whole stack and for each remote prefix: /24
// of IPv4, /64 of IPv6. The prefixes live in a table of fixed size, four to a row, rows chosen by
// keyed SipHash so that nobody can aim at another's row; the least recently used of a row gives way
// to a new prefix. So memory is bounded whatever addresses are forged, and the stack's own bucket
// bounds what a flood of forged prefixes gets. allow() is O(1) and allocates nothing.
//
//   switch (limiter.allow(now, source, Rate::per_second(stack), Rate::per_second(prefix), random))
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "base/siphash.h"
#include "base/token_bucket.h"
#include "estab/address.h"
#include "estab/time.h"

namespace estab {

enum class Allowance : std::uint8_t {
  kAllowed,
  kPrefixSpent,  // IcmpOutRateLimitHost
  kStackSpent,   // IcmpOutRateLimitGlobal
};

class PrefixLimiter {
 public:
  // Holds at least `prefixes` (rounded up to a power of two, 4 to 2^20) at about 32 bytes each.
  explicit PrefixLimiter(const SipKey& key, std::size_t prefixes = 1024);

  // Takes one token for an answer to `remote`. The prefix is asked first, so that one that is spent
  // does not use up the stack's tokens. Both limits are jittered (token_bucket.h).
  Allowance allow(Instant now, const IpAddress& remote, Rate stack, Rate prefix, Random& jitter);

  // The remote has proved that it is there: what its answer took is given back, so that the limits
  // bound answers to forged addresses alone.
  void give_back(const IpAddress& remote);

  std::size_t bytes() const { return rows_.capacity() * sizeof(Row); }

 private:
  struct Entry {
    std::uint64_t prefix = 0;  // keyed hash of it; 0: free
    TokenBucket bucket;
  };
  using Row = std::array<Entry, 4>;

  SipKey key_;
  TokenBucket stack_;
  std::vector<Row> rows_;  // a power of two
};

}  // namespace estab
