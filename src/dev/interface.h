// Linux's side of a link: configure_interface() over netlink, and what devices ask about an
// interface. Nothing here runs a program.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "estab/devices.h"

namespace estab::dev {

struct InterfaceState {
  int index = 0;
  bool up = false;
  bool ethernet = false;
  std::size_t mtu = 0;  // bytes
  MacAddress mac;       // meaningful when ethernet
};
// None when there is no such interface in this network namespace.
std::optional<InterfaceState> interface_state(const std::string& name);

// "tun" and "tap" for those, "veth", "e1000e" ... otherwise; "" when unknown.
std::string interface_driver(const std::string& name);

// Up, and somebody at the other end: a TUN's queue attached, a veth's peer up.
bool has_carrier(const std::string& name);

// 1 to 15 bytes, no slash, no white space: what Linux takes as an interface's name.
bool is_interface_name(std::string_view name);

// False when not privileged, as the setters below.
bool set_up(const std::string& name);
bool set_mtu(const std::string& name, std::size_t mtu);
bool set_transmit_queue(const std::string& name, std::size_t frames);

// One line for the user, after set_mtu() left `error` in errno.
std::string mtu_failure(const std::string& name, std::size_t mtu, int error);

}  // namespace estab::dev
