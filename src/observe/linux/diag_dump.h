// One dump of Linux's TCP sockets by sock_diag: the request, and its answers as they come.
#pragma once
#include <cstdint>
#include <vector>

#include "observe/linux/sock_diag.h"

namespace estab::observe {

// Of the calling thread's network namespace; of the query's filter nothing but `bytecode` is heeded,
// and neither owners nor ages are filled in. 0, or an errno.
int dump(const LinuxQuery& query, const std::vector<std::uint8_t>& bytecode,
         const TakeConnection& take);

}  // namespace estab::observe
