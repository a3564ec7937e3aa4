// The directory of the control sockets: found or made, and swept of what dead processes left.
#pragma once
#include <string>
#include <tl/expected.hpp>

namespace estab::socket {

// `wanted`, or the first usable runtime directory when it is empty. Made with mode 0700 if it is
// not there; refused when it is another user's or open to others.
tl::expected<std::string, std::string> open_control_directory(const std::string& wanted);

// Removes socket files of processes that are no more. A process in another pid namespace looks
// dead; so a file goes only when nobody accepts on it either.
void remove_stale_sockets(const std::string& directory);

}  // namespace estab::socket
