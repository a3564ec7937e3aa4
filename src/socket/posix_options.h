// What the levels of getsockopt() and setsockopt() have in common: posix_options.cpp has SOL_SOCKET
// and IPPROTO_TCP, posix_ip_options.cpp the two of IP.
#pragma once
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "socket/engine.h"

namespace estab::socket {

using Change = std::function<void(SocketOptions&)>;
// What an option's new value does; an error; or nothing: there is no such option.
using Setting = std::optional<Result<Change>>;

using Value = std::variant<int, linger, timeval, std::string, std::vector<std::uint8_t>>;
// An option's value; an error; or nothing: there is no such option.
using Getting = std::optional<Result<Value>>;

struct Asked {  // what a getter may look at
  Engine& engine;
  SocketId id;
  SocketOptions options;
  Engine::Look look;
  Tuning tuning;
};

template <class T>
std::optional<T> read_value(const void* value, socklen_t length) {
  if (length < sizeof(T)) return std::nullopt;
  T out;
  std::memcpy(&out, value, sizeof(T));
  return out;
}

inline Change set_flag(bool SocketOptions::*option, int value) {
  return [option, on = value != 0](SocketOptions& o) { o.*option = on; };
}

Setting set_ip_level(int name, const void* value, socklen_t length);
Setting set_ipv6_level(int name, const void* value, socklen_t length);
Getting get_ip_level(const Asked& asked, int name);
Getting get_ipv6_level(const Asked& asked, int name);

}  // namespace estab::socket
