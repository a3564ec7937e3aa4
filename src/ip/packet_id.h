// IP identifications: a counter for each destination, which starts where nobody can guess and which
// tells one destination nothing of another (RFC 7739 5.3; CVE-2020-36516).
#pragma once
#include <cstdint>

#include "ip/lru_map.h"

namespace estab::ip {

class PacketIds {
 public:
  static constexpr std::size_t kMaxDestinations = 1024;

  explicit PacketIds(SipKey secret) : hash_{secret}, counters_(hash_) {}

  // For a packet that may be fragmented; the caller takes 16 bits of it for IPv4.
  std::uint32_t next(const IpAddress& destination);

 private:
  KeyedHash hash_;
  LruMap<IpAddress, std::uint32_t> counters_;
  std::uint64_t started_ = 0;  // a forgotten destination starts elsewhere the next time
};

}  // namespace estab::ip
