// The attributes of a sock_diag answer that cost to ask for.
#pragma once
#include <cstddef>
#include <cstdint>

#include "observe/connection.h"

namespace estab::observe {

// `type`: INET_DIAG_*. What is not known is passed over; what is short is filled with zeros.
void read_extra(int type, const std::uint8_t* data, std::size_t size, Detail& to);

}  // namespace estab::observe
