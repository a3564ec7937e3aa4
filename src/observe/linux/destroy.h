// Closing Linux's sockets from outside: SOCK_DESTROY, what `ss -K` does. The application finds its
// connection aborted (ECONNABORTED); its descriptor stays open until it closes it.
#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

enum class Destroyed : std::uint8_t {
  Closed,
  Gone,      // ended by itself meanwhile
  CannotBe,  // this kernel or this kind of socket knows no such thing
};

class SocketDestroyer {
 public:
  SocketDestroyer();
  ~SocketDestroyer();
  SocketDestroyer(const SocketDestroyer&) = delete;
  SocketDestroyer& operator=(const SocketDestroyer&) = delete;

  // By addresses and cookie: never another socket that took the place. In the calling thread's
  // network namespace at the time of construction. The error is one line; EPERM without
  // CAP_NET_ADMIN.
  tl::expected<Destroyed, std::string> destroy(const Connection& c);

 private:
  int fd_ = -1;
  std::uint32_t sequence_ = 0;
};

struct DestroyReport {
  std::vector<Connection> closed;
  std::size_t gone = 0, cannot = 0;
  std::string error;  // what ended it early; empty: nothing
};
DestroyReport destroy_connections(const std::vector<Connection>& connections);

}  // namespace estab::observe
