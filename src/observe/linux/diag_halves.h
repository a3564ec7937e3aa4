// The table's rows in two halves that are about equal, for two dumps side by side: by the port that
// one of the ends was given by itself, which is spread evenly where connections are many.
#pragma once
#include <cstdint>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

enum class Half : std::uint8_t { Lower, Upper };
bool in_half(const Connection& c, Half half);
std::vector<std::uint8_t> half_bytecode(Half half);  // the kernel's test of the same

// Whether the calling thread's network namespace has so many sockets that two threads pay off.
bool worth_halving();

}  // namespace estab::observe
