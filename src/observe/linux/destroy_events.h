// Linux's sockets as they end: `ss -E`. Needs no privilege.
#pragma once
#include <functional>
#include <string>
#include <tl/expected.hpp>

#include "observe/linux/sock_diag.h"

namespace estab::observe {

// Calls `take` for each TCP socket that is destroyed, until it says false. The state is always
// CLOSED, a reset one has no addresses, and there is none for the end of TIME-WAIT: the kernel
// tells no more. `lost`: events dropped since the last, because nobody read fast enough.
// The error is one line.
tl::expected<void, std::string> follow_destroyed(
    const LinuxQuery& query, const std::function<bool(Connection&, bool lost)>& take);

}  // namespace estab::observe
