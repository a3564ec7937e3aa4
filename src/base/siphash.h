// SipHash-2-4 (Aumasson, Bernstein 2012): the keyed function behind ISNs, timestamp offsets, ports
// and the demultiplexer's table, none of which a stranger may be able to compute.
#pragma once
#include <array>
#include <cstdint>

#include "estab/address.h"
#include "estab/buffer.h"

namespace estab {

struct SipKey {
  std::array<std::uint64_t, 2> words{};
};

std::uint64_t siphash(const SipKey& key, Bytes message);
// A connection's name, hashed: both addresses and both ports, local first.
std::uint64_t siphash(const SipKey& key, const FourTuple& tuple);

}  // namespace estab
