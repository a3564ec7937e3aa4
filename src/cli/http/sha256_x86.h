// SHA-256's blocks by the processor's own instructions, where it has them.
#pragma once
#include <array>
#include <cstdint>

namespace estab::cli::http {

bool has_sha_instructions();
// REQUIRES: has_sha_instructions(). `rounds`: FIPS 180-4's 64 constants.
void sha256_block_x86(std::array<std::uint32_t, 8>& state, const std::uint8_t* bytes,
                      const std::array<std::uint32_t, 64>& rounds);

}  // namespace estab::cli::http
