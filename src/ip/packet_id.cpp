#include "ip/packet_id.h"

#include <algorithm>
#include <array>

#include "base/defence.h"

#include "wire/bytes.h"

namespace estab::ip {

std::uint32_t PacketIds::next(const IpAddress& destination) {
  if (!defended(Defence::PacketIds)) return static_cast<std::uint32_t>(++started_);
  if (std::uint32_t* counter = counters_.find(destination)) return ++*counter;
  std::array<std::uint8_t, 20> seed{};
  std::copy(destination.bytes().begin(), destination.bytes().end(), seed.begin());
  wire::store32(seed.data() + 16, static_cast<std::uint32_t>(++started_));
  const auto first = static_cast<std::uint32_t>(siphash(hash_.key, Bytes(seed)));
  while (counters_.size() >= kMaxDestinations) counters_.erase(counters_.oldest()->first);
  return counters_.insert(destination, first);
}

}  // namespace estab::ip
