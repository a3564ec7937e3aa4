#include "base/siphash.h"

#include <algorithm>
#include <bit>

#include "base/bytes.h"

namespace estab {
namespace {

std::uint64_t load_le64(const std::uint8_t* from, std::size_t count) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < count; ++i) v |= std::uint64_t{from[i]} << (8 * i);
  return v;
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
  for (std::size_t i = 0; i < whole; i += 8) state.absorb(load_le64(message.data() + i, 8));
  const std::uint64_t length = std::uint64_t{message.size()} << 56;
  state.absorb(length | load_le64(message.data() + whole, message.size() - whole));
  return state.finish();
}

std::uint64_t siphash(const SipKey& key, const FourTuple& tuple) {
  std::array<std::uint8_t, 36> message;
  std::uint8_t* to = message.data();
  for (const Endpoint* end : {&tuple.local, &tuple.remote}) {
    to = std::copy(end->address.bytes().begin(), end->address.bytes().end(), to);
    store_be16(to, end->port.value);
    to += 2;
  }
  return siphash(key, message);
}

}  // namespace estab
