// Connections kept for the next request, so that a client that talks to the same servers again and
// again neither pays a handshake each time nor leaves a TIME-WAIT each time.
//
//   estab::ConnectionPool pool(stack);
//   auto lease = pool.acquire(server);        // waits for its turn when the limits are reached
//   (*lease)->send(request);
//   ... read the whole answer ...
//   // the lease's end gives the connection back; lease->discard() closes it instead
//
// A connection is handed out again only when it proved healthy at that moment: established both
// ways (never CLOSE-WAIT), no error, no unread bytes. A connection whose server closes it while it
// idles is closed at once, so that it stands in nobody's CLOSE-WAIT.
//
// What remains is the race that no pool can win: the server may close just as the next request
// leaves. Lease::reused() says that a request that failed without an answer may be tried once more,
// if it is one that may be repeated. Keep idle_timeout below the server's to make it rare.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "estab/address.h"
#include "estab/error.h"
#include "estab/socket.h"
#include "estab/time.h"

namespace estab {

class Stack;

struct PoolOptions {
  std::size_t max_connections = 256;     // leased and idle, all destinations
  std::size_t max_per_destination = 32;  // leased and idle, one destination
  std::size_t max_idle = 128;            // all destinations
  std::size_t max_idle_per_destination = 16;
  std::size_t max_waiting = 4096;                   // callers in acquire(); past it ENOBUFS at once
  Duration idle_timeout = std::chrono::seconds(4);  // below the server's (5 s is common)
  Duration max_age{0};                              // older connections are not reused; 0: no limit
  std::optional<Duration> acquire_timeout = std::chrono::seconds(30);  // nothing: wait for ever
  std::optional<Duration> connect_timeout = std::chrono::seconds(10);
  SocketOptions socket;  // for new connections
  // Asked last before a connection is handed out again or kept, if set: false discards it. It must
  // neither wait nor call the pool.
  std::function<bool(Socket&)> healthy{};
};

struct PoolMetrics {
  // totals
  std::uint64_t created = 0, connect_failures = 0, reused = 0, returned = 0;
  std::uint64_t discarded_by_user = 0;      // Lease::discard()
  std::uint64_t discarded_peer_closed = 0;  // the server's FIN: CLOSE-WAIT
  std::uint64_t discarded_error = 0;        // reset, timed out
  std::uint64_t discarded_unread = 0;       // bytes that nobody asked for or read
  std::uint64_t discarded_unhealthy = 0;    // PoolOptions::healthy said no
  std::uint64_t discarded_idle = 0;         // idle_timeout
  std::uint64_t discarded_age = 0;          // max_age
  std::uint64_t discarded_surplus = 0;      // max_idle, max_idle_per_destination, or room made
  std::uint64_t waits = 0, wait_timeouts = 0;
  // gauges
  std::size_t leased = 0, idle = 0, waiting = 0, connecting = 0;
};

namespace socket {
class Pool;  // src/socket/pool_impl.h
}

class ConnectionPool {
 public:
  // A connection for as long as the lease lives. Moves; is its one holder's.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();  // gives the connection back
    Socket& operator*() { return socket_; }
    Socket* operator->() { return &socket_; }
    bool reused() const { return reused_; }  // it served an earlier lease
    void discard();                          // closes it: its state is not fit for another

   private:
    friend class socket::Pool;
    void release(bool discard);
    std::shared_ptr<socket::Pool> pool_;
    Socket socket_;
    Endpoint destination_;
    Instant created_{};
    bool reused_ = false;
  };

  // The stack must outlive the pool. Leases may outlive it; their connections are then closed.
  explicit ConnectionPool(Stack& stack, PoolOptions options = {});
  ~ConnectionPool();  // closes what is idle; callers that wait get ECANCELED
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // For any thread but the one that drives the stack, whose waiting would keep the others from giving
  // back: there use try_acquire().
  // An idle connection, or a new one, or after a wait (first come, first served) either. ETIMEDOUT:
  // no turn came in time; ENOBUFS: max_waiting; else what Socket::connect() says.
  Result<Lease> acquire(const Endpoint& destination);
  Result<Lease> acquire(const Endpoint& destination, std::optional<Duration> timeout);
  // The same without waiting for a turn: EAGAIN. Connecting itself may still wait.
  Result<Lease> try_acquire(const Endpoint& destination);
  void close_idle();
  PoolMetrics metrics() const;

 private:
  std::shared_ptr<socket::Pool> pool_;
};

}  // namespace estab
