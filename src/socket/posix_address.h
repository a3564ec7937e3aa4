// struct sockaddr, in and out, with Linux's checks and their errno.
#pragma once
#include <sys/socket.h>

#include "estab/address.h"
#include "estab/error.h"
#include "socket/entry.h"

namespace estab::socket {

// EFAULT, EINVAL (too short), EAFNOSUPPORT (not the socket's family). An AF_INET6 socket's
// IPv4-mapped address becomes the IPv4 address.
Result<Endpoint> read_address(Family family, const sockaddr* address, socklen_t length);
bool is_unspecified(const sockaddr* address, socklen_t length);  // AF_UNSPEC
// As much as `length` allows; `length` becomes what there would have been. EFAULT, EINVAL.
Result<void> write_address(Family family, const Endpoint& endpoint, sockaddr* address,
                           socklen_t* length);

}  // namespace estab::socket
