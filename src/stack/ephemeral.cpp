#include "stack/ephemeral.h"

#include "base/defence.h"

namespace estab::stack {

EphemeralPorts::EphemeralPorts(const SipKey& key, Random& random) : key_(key) {
  // Another key than the demultiplexer's, though both come from one secret.
  key_.words[0] ^= 0x706f7274;  // "port"
  for (std::uint32_t& c : counters_) c = static_cast<std::uint32_t>(random.next() >> 33);
}

EphemeralPorts::Place EphemeralPorts::place_of(const IpAddress& local,
                                               const Endpoint& remote) const {
  if (!defended(Defence::PortSecret)) return {0, 0};  // one counter for all
  // RFC 6056 3.3.4: F and G, here two halves of one hash.
  const std::uint64_t h = siphash(key_, FourTuple{{local, {}}, remote});
  return {static_cast<std::uint32_t>(h >> 32), static_cast<std::uint32_t>(h) % kCounters};
}

}  // namespace estab::stack
