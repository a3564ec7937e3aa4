#include "dev/entropy.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace estab::dev {

void fill_entropy(MutableBytes to) {
  while (!to.empty()) {
    const ssize_t got = ::getrandom(to.data(), to.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      std::perror("estab: getrandom");
      std::abort();
    }
    to = to.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t entropy_seed() {
  std::array<std::uint8_t, 8> bytes;
  fill_entropy(bytes);
  std::uint64_t seed;
  std::memcpy(&seed, bytes.data(), sizeof(seed));
  return seed;
}

SipKey entropy_key() { return {{entropy_seed(), entropy_seed()}}; }

MacAddress random_mac() {
  MacAddress mac;
  fill_entropy(mac.bytes);
  // IEEE 802: bit 0 of the first byte is multicast, bit 1 is locally administered.
  mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xfc) | 0x02);
  return mac;
}

}  // namespace estab::dev
