// Between what an application chose (SocketOptions) and what a connection goes by (tcp::Settings).
#pragma once
#include "estab/socket.h"
#include "tcp/settings.h"

namespace estab::socket {

// EINVAL: out of the range that Linux takes; ENOENT: no such congestion control.
Result<void> check(const SocketOptions& options);
tcp::Settings settings_of(const SocketOptions& options, const Tuning& tuning);

}  // namespace estab::socket
