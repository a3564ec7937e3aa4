// Behind ConnectionPool. One mutex; no call into a stack is made while it is held, but for looks at
// idle connections, which never wait. Connections are closed after it was let go.
#pragma once
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "estab/pool.h"
#include "estab/stack.h"
#include "socket/engine.h"

namespace estab::socket {

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  using Lease = ConnectionPool::Lease;

  Pool(Stack& stack, PoolOptions options);
  Result<Lease> acquire(const Endpoint& destination, std::optional<Duration> timeout, bool wait);
  void give_back(Lease& lease, bool discard);
  void close_idle();
  void shut_down();
  const PoolOptions& options() const { return options_; }
  PoolMetrics metrics() const;

 private:
  using PoolLock = std::unique_lock<std::mutex>;
  enum class Health : std::uint8_t { Fine, PeerClosed, Error, Unread, Unhealthy, TooOld };

  struct Idle {
    std::uint64_t number = 0;
    Socket socket;
    Instant created;
    Instant since;
  };
  struct Waiting {
    Endpoint destination;
    bool may_go = false;       // its turn: it has a place,
    std::optional<Idle> idle;  // and a connection if there was one
    std::condition_variable turn;
  };
  struct Destination {
    std::list<Idle> idle;    // the one used last at the front
    std::size_t in_use = 0;  // leased, connecting, or promised to one whose turn it is
  };
  // What is to be closed when the mutex is free.
  using Closing = std::vector<Socket>;

  bool has_place(const Endpoint& destination) const;
  bool make_room(Closing& closing);
  std::optional<Idle> take_idle(const Endpoint& destination, Closing& closing);
  Health health_of(Idle& idle);
  void count(Health health);
  bool grant(const Endpoint& destination, std::optional<Idle>& idle, Closing& closing);
  void serve_queue(Closing& closing);
  void leave_place(const Endpoint& destination, Closing& closing);
  Result<void> wait_for_turn(PoolLock& lock, Waiting& me, std::optional<Duration> timeout);
  Result<Lease> connect(const Endpoint& destination);
  Lease make_lease(const Endpoint& destination, Socket socket, Instant created, bool reused);
  void watch_idle(const Endpoint& destination, Idle& idle);
  bool may_keep(const Destination& destination, Idle& idle, bool discard);
  void on_idle_changed(const Endpoint& destination, std::uint64_t number);
  void remove_expired(Closing& closing);
  void set_timer();
  Instant now() const;

  const std::shared_ptr<Engine> engine_;  // as long as the pool: the Stack must outlive it anyway
  Stack* const stack_;
  const PoolOptions options_;

  mutable std::mutex mutex_;
  std::map<Endpoint, Destination> destinations_;
  std::list<Waiting*> queue_;  // first come, first served
  std::size_t idle_ = 0;
  std::size_t in_use_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t timer_ = 0;
  bool shut_down_ = false;
  PoolMetrics metrics_;
};

}  // namespace estab::socket
