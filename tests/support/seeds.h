// The seeds that a random test goes through: first to last, or the one in ESTAB_SEED, to replay it.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace estab {

inline std::vector<std::uint64_t> test_seeds(std::uint64_t first, std::uint64_t last) {
  if (const char* one = std::getenv("ESTAB_SEED")) return {std::stoull(one)};
  std::vector<std::uint64_t> all;
  for (std::uint64_t s = first; s <= last; ++s) all.push_back(s);
  return all;
}

}  // namespace estab
