// Who holds a TUN interface: for the message that it is in use.
#pragma once
#include <string>

namespace estab::dev {

// "pid 4711 (estab)", found through /proc in this network namespace; "" when nobody is found, or
// his descriptors may not be read.
std::string tun_owner(const std::string& interface);

}  // namespace estab::dev
