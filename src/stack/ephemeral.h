// Which port connect() takes when nobody named one: RFC 6056 algorithm 4, double-hash port
// selection. Two keyed hashes of (local address, remote address, remote port): one says where in
// the range to begin, the other which of 1,024 counters to go on from. So each destination walks
// the whole range in turn, a port comes back as late as it can, and nobody outside can tell the
// next one.
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "base/random.h"
#include "base/siphash.h"
#include "estab/address.h"

namespace estab::stack {

class EphemeralPorts {
 public:
  EphemeralPorts(const SipKey& key, Random& random);

  // The first port in [low, high], in this destination's order, for which usable(Port) holds; each
  // is asked about at most once. One call in the common case.
  template <class Usable>
  std::optional<Port> choose(const IpAddress& local, const Endpoint& remote, std::uint16_t low,
                             std::uint16_t high, Usable&& usable) {
    const std::uint32_t count = high >= low ? high - low + 1u : 0u;
    const Place place = place_of(local, remote);
    std::uint32_t& counter = counters_[place.counter];
    for (std::uint32_t n = 0; n < count; ++n) {
      const std::uint64_t at = (std::uint64_t{place.offset} + counter++) % count;
      const Port port{static_cast<std::uint16_t>(low + at)};
      if (usable(port)) return port;
    }
    return std::nullopt;
  }

 private:
  struct Place {
    std::uint32_t offset;
    std::uint32_t counter;
  };
  static constexpr std::uint32_t kCounters = 1024;
  Place place_of(const IpAddress& local, const Endpoint& remote) const;

  SipKey key_;
  std::array<std::uint32_t, kCounters> counters_;
};

}  // namespace estab::stack
