// The names of constants that scripts use in system calls.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace estab::lab {

// "SOL_SOCKET", "EAGAIN", "POLLIN" ...: Linux's value; nothing: no such name.
std::optional<std::int64_t> symbol(std::string_view name);

// "11 (EAGAIN: Resource temporarily unavailable)".
std::string errno_text(int error);

}  // namespace estab::lab
