// A quick look at Linux's sockets: the few values that the tracer needs of those that no tracepoint
// tells of. Of the calling thread's network namespace; needs no privilege.
#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/ss_filter.h"
#include "observe/trace_synthesis.h"

namespace estab::observe {

// `netns`: the namespace's inode number, for the rows. The error is one line.
tl::expected<std::vector<SampledSocket>, std::string> look_at_sockets(StateMask states,
                                                                      std::uint32_t netns);

inline constexpr StateMask kHalfOpenState = bit_of(3);
inline constexpr StateMask kSmallStates = bit_of(2) | bit_of(3) | bit_of(5) | bit_of(6);

}  // namespace estab::observe
