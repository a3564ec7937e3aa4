// A quick look at Linux's sockets by sock_diag: the few values that the tracer needs of those that
// no tracepoint tells of. Of the calling thread's network namespace; needs no privilege.
#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/trace_synthesis.h"

namespace estab::observe {

// `states`: bits by Linux's numbers, 1 << TCP_TIME_WAIT and so on. The error is one line.
tl::expected<std::vector<SampledSocket>, std::string> look_at_sockets(std::uint32_t states);

inline constexpr std::uint32_t kSmallStates = 1u << 2 | 1u << 3 | 1u << 5 | 1u << 6;

}  // namespace estab::observe
