// A filter as the kernel's inet_diag bytecode.
#pragma once
#include <cstdint>
#include <vector>

#include "observe/ss_filter.h"

namespace estab::observe {

// What lets through at least all that the filter does: tests that the kernel lacks are left out
// where that only lets more through. Empty: nothing of it can be said in bytecode.
std::vector<std::uint8_t> diag_bytecode(const SsFilter& filter);
// Lets through what both do. Too long for the kernel: the first alone.
std::vector<std::uint8_t> both_programs(std::vector<std::uint8_t> first,
                                        const std::vector<std::uint8_t>& second);

}  // namespace estab::observe
