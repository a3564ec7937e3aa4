// What the socket floor keeps for one open socket: the part of a socket's life that is not the
// connection's. Its phases are those of Linux's struct socket, on which the errno of connect(),
// listen() and shutdown() depend.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/slab.h"
#include "estab/socket.h"
#include "socket/waiter.h"
#include "stack/stack.h"

namespace estab::socket {

struct SocketTag;
using SocketId = Handle<SocketTag>;

enum class Family : std::uint8_t { v4, v6 };

enum class Phase : std::uint8_t {
  Unconnected,    // SS_UNCONNECTED: also a listener's
  Connecting,     // SS_CONNECTING: connect() was called, its end not yet reported
  Connected,      // SS_CONNECTED
  Disconnecting,  // SS_DISCONNECTING: shut down while connecting
};

enum Shut : std::uint8_t { kShutRead = 1, kShutWrite = 2, kShutBoth = 3 };

// Is told of a socket's changes under its engine's mutex; must not call into an engine.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_change(std::uint64_t key) = 0;
  virtual void on_closed(std::uint64_t key) = 0;
};

using ReadyCall = std::function<void(Readiness)>;

struct Entry {
  Family family = Family::v6;
  Phase phase = Phase::Unconnected;
  bool nonblocking = false;
  bool call_queued = false;
  std::uint8_t shut = 0;  // while there is no connection
  int error = 0;          // likewise
  Endpoint local;         // as bound
  std::optional<stack::BindingId> binding;
  stack::ListenerId listener;
  stack::ConnectionId connection;
  SocketOptions options;
  Readiness call_mask = 0;
  std::shared_ptr<ReadyCall> call;
  std::vector<Waiter*> waiters;
  struct Watch {
    Observer* observer = nullptr;
    std::uint64_t key = 0;
  };
  std::vector<Watch> watches;
};

}  // namespace estab::socket
