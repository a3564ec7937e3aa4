#include "base/siphash.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"

namespace estab {
namespace {

std::uint64_t load_le64(const std::uint8_t* b) {  // one load
  return std::uint64_t{b[0]} | std::uint64_t{b[1]} << 8 | std::uint64_t{b[2]} << 16 |
         std::uint64_t{b[3]} << 24 | std::uint64_t{b[4]} << 32 | std::uint64_t{b[5]} << 40 |
         std::uint64_t{b[6]} << 48 | std::uint64_t{b[7]} << 56;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  explicit SipState(const SipKey& key)
      : v0(key.words[0] ^ 0x736f6d6570736575),
        v1(key.words[1] ^ 0x646f72616e646f6d),
        v2(key.words[0] ^ 0x6c7967656e657261),
        v3(key.words[1] ^ 0x7465646279746573) {}

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

std::uint64_t siphash(const SipKey& key, Bytes message) {
  SipState state(key);
  const std::size_t whole = message.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) state.absorb(load_le64(message.data() + i));
  std::uint64_t last = std::uint64_t{message.size()} << 56;
  for (std::size_t i = whole; i < message.size(); ++i) {
    last |= std::uint64_t{message[i]} << (8 * (i - whole));
  }
  state.absorb(last);
  return state.finish();
}

// The 36 bytes address, port, address, port, in network byte order, without going through memory:
// each segment needs this once at least.
std::uint64_t siphash(const SipKey& key, const FourTuple& tuple) {
  const auto swapped = [](Port p) {
    return std::uint64_t{p.value} >> 8 | (std::uint64_t{p.value} & 0xff) << 8;
  };
  const std::uint8_t* local = tuple.local.address.bytes().data();
  const std::uint8_t* remote = tuple.remote.address.bytes().data();
  const std::uint64_t high = load_le64(remote);
  const std::uint64_t low = load_le64(remote + 8);
  SipState state(key);
  state.absorb(load_le64(local));
  state.absorb(load_le64(local + 8));
  state.absorb(swapped(tuple.local.port) | high << 16);
  state.absorb(high >> 48 | low << 16);
  state.absorb(low >> 48 | swapped(tuple.remote.port) << 16 | std::uint64_t{36} << 56);
  return state.finish();
}

}  // namespace estab
