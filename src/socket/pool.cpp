#include <algorithm>
#include <utility>

#include "socket/pool_impl.h"

namespace estab::socket {

Pool::Pool(Stack& stack, PoolOptions options)
    : engine_(stack.engine()), stack_(&stack), options_(std::move(options)) {}

Instant Pool::now() const {
  const Lock held = engine_->lock();
  return engine_->driver().now();
}

// --- places -------------------------------------------------------------------------------------

// A connection more to this destination is within the limits.
bool Pool::has_place(const Endpoint& destination) const {
  if (in_use_ + idle_ >= options_.max_connections) return false;
  const auto found = destinations_.find(destination);
  if (found == destinations_.end()) return options_.max_per_destination > 0;
  return found->second.in_use + found->second.idle.size() < options_.max_per_destination;
}

// Gives up the connection that idled longest, wherever it leads.
bool Pool::make_room(Closing& closing) {
  std::list<Idle>* oldest = nullptr;
  for (auto& [endpoint, d] : destinations_) {
    if (!d.idle.empty() && (oldest == nullptr || d.idle.back().since < oldest->back().since)) {
      oldest = &d.idle;
    }
  }
  if (oldest == nullptr) return false;
  closing.push_back(std::move(oldest->back().socket));
  oldest->pop_back();
  --idle_;
  ++metrics_.discarded_surplus;
  return true;
}

// Takes a place, and with it an idle connection if there is one. False: there is neither.
bool Pool::grant(const Endpoint& destination, std::optional<Idle>& idle, Closing& closing) {
  idle = take_idle(destination, closing);
  if (!idle && !has_place(destination)) {
    const auto found = destinations_.find(destination);
    const bool full =
        found != destinations_.end() &&
        found->second.in_use + found->second.idle.size() >= options_.max_per_destination;
    if (full || !make_room(closing)) return false;
  }
  ++destinations_[destination].in_use;
  ++in_use_;
  return true;
}

// Something became free: it goes to those who waited longest and can use it.
void Pool::serve_queue(Closing& closing) {
  for (auto it = queue_.begin(); it != queue_.end();) {
    Waiting& first = **it;
    if (!grant(first.destination, first.idle, closing)) {
      ++it;  // others may want to go elsewhere
      continue;
    }
    it = queue_.erase(it);
    first.may_go = true;
    first.turn.notify_one();
  }
}

void Pool::leave_place(const Endpoint& destination, Closing& closing) {
  const auto found = destinations_.find(destination);
  --found->second.in_use;
  --in_use_;
  if (found->second.in_use == 0 && found->second.idle.empty()) destinations_.erase(found);
  serve_queue(closing);
}

// --- health -------------------------------------------------------------------------------------

Pool::Health Pool::health_of(Idle& idle) {
  const Readiness ready = idle.socket.readiness();
  if ((ready & kError) != 0) return Health::Error;
  if ((ready & (kReadClosed | kHangup)) != 0) return Health::PeerClosed;
  if ((ready & kReadable) != 0 || idle.socket.readable_bytes() > 0) return Health::Unread;
  if (idle.socket.state() != State::Established) return Health::PeerClosed;
  const bool old = options_.max_age > Duration::zero() && now() - idle.created >= options_.max_age;
  if (old) return Health::TooOld;
  if (options_.healthy && !options_.healthy(idle.socket)) return Health::Unhealthy;
  return Health::Fine;
}

void Pool::count(Health health) {
  switch (health) {
    case Health::Fine:
      break;
    case Health::PeerClosed:
      ++metrics_.discarded_peer_closed;
      break;
    case Health::Error:
      ++metrics_.discarded_error;
      break;
    case Health::Unread:
      ++metrics_.discarded_unread;
      break;
    case Health::Unhealthy:
      ++metrics_.discarded_unhealthy;
      break;
    case Health::TooOld:
      ++metrics_.discarded_age;
      break;
  }
}

// The connection used last: its windows are the widest, and the others may reach their timeout.
std::optional<Pool::Idle> Pool::take_idle(const Endpoint& destination, Closing& closing) {
  const auto found = destinations_.find(destination);
  while (found != destinations_.end() && !found->second.idle.empty()) {
    Idle idle = std::move(found->second.idle.front());
    found->second.idle.pop_front();
    --idle_;
    if (now() - idle.since >= options_.idle_timeout) {
      ++metrics_.discarded_idle;
    } else {
      const Health health = health_of(idle);
      if (health == Health::Fine) return idle;
      count(health);
    }
    closing.push_back(std::move(idle.socket));
  }
  return std::nullopt;
}

// --- acquire ------------------------------------------------------------------------------------

Result<void> Pool::wait_for_turn(PoolLock& lock, Waiting& me, std::optional<Duration> timeout) {
  if (queue_.size() >= options_.max_waiting) return fail(ENOBUFS);
  queue_.push_back(&me);
  ++metrics_.waits;
  const auto ready = [&] { return me.may_go || shut_down_; };
  if (timeout) {
    me.turn.wait_for(lock, *timeout, ready);
  } else {
    me.turn.wait(lock, ready);
  }
  if (me.may_go) return {};
  queue_.remove(&me);
  if (shut_down_) return fail(ECANCELED);
  ++metrics_.wait_timeouts;
  return fail(ETIMEDOUT);
}

Result<Pool::Lease> Pool::acquire(const Endpoint& destination, std::optional<Duration> timeout,
                                  bool wait) {
  Closing closing;  // closed after the mutex was let go
  Waiting me;
  me.destination = destination;
  {
    PoolLock held(mutex_);
    if (shut_down_) return fail(ECANCELED);
    // Whoever waits for the same destination has been refused: so who comes later overtakes nobody.
    if (!grant(destination, me.idle, closing)) {
      if (!wait) return fail(EAGAIN);
      if (auto turn = wait_for_turn(held, me, timeout); !turn) {
        return tl::unexpected(turn.error());
      }
    }
    if (me.idle) ++metrics_.reused;
  }
  closing.clear();
  if (!me.idle) return connect(destination);
  (void)me.idle->socket.on_ready(0, nullptr);
  return make_lease(destination, std::move(me.idle->socket), me.idle->created, true);
}

Result<Pool::Lease> Pool::connect(const Endpoint& destination) {
  {
    const PoolLock held(mutex_);
    ++metrics_.connecting;
  }
  ConnectOptions options;
  options.timeout = options_.connect_timeout;
  options.socket = options_.socket;
  auto socket = Socket::connect(*stack_, destination, options);
  Closing closing;
  const PoolLock held(mutex_);
  --metrics_.connecting;
  if (!socket) {
    ++metrics_.connect_failures;
    leave_place(destination, closing);
    return tl::unexpected(socket.error());
  }
  ++metrics_.created;
  return make_lease(destination, std::move(*socket), now(), false);
}

Pool::Lease Pool::make_lease(const Endpoint& destination, Socket socket, Instant created,
                             bool reused) {
  Lease lease;
  lease.pool_ = shared_from_this();
  lease.socket_ = std::move(socket);
  lease.destination_ = destination;
  lease.created_ = created;
  lease.reused_ = reused;
  return lease;
}

// --- give back ----------------------------------------------------------------------------------

// As soon as the server closes it, so do we: nothing stands in CLOSE-WAIT.
void Pool::watch_idle(const Endpoint& destination, Idle& idle) {
  (void)idle.socket.on_ready(kReadable | kReadClosed | kHangup | kError,
                             [weak = weak_from_this(), destination, n = idle.number](Readiness) {
                               if (const auto pool = weak.lock()) {
                                 pool->on_idle_changed(destination, n);
                               }
                             });
}

// False: it may not be kept, and this has been counted.
bool Pool::may_keep(const Destination& destination, Idle& idle, bool discard) {
  if (discard || !idle.socket.is_open() || shut_down_) {
    ++metrics_.discarded_by_user;
    return false;
  }
  const Health health = health_of(idle);
  count(health);
  if (health != Health::Fine) return false;
  const bool surplus =
      idle_ >= options_.max_idle || destination.idle.size() >= options_.max_idle_per_destination;
  if (surplus) ++metrics_.discarded_surplus;
  return !surplus;
}

void Pool::give_back(Lease& lease, bool discard) {
  Closing closing;
  const PoolLock held(mutex_);
  Destination& destination = destinations_[lease.destination_];
  Idle idle{next_number_++, std::move(lease.socket_), lease.created_, now()};
  if (may_keep(destination, idle, discard)) {
    ++metrics_.returned;
    watch_idle(lease.destination_, idle);
    destination.idle.push_front(std::move(idle));
    ++idle_;
    set_timer();
  } else {
    closing.push_back(std::move(idle.socket));
  }
  leave_place(lease.destination_, closing);
}

void Pool::on_idle_changed(const Endpoint& destination, std::uint64_t number) {
  Closing closing;
  const PoolLock held(mutex_);
  const auto found = destinations_.find(destination);
  if (found == destinations_.end()) return;
  auto& list = found->second.idle;
  const auto idle =
      std::find_if(list.begin(), list.end(), [&](const Idle& i) { return i.number == number; });
  if (idle == list.end()) return;  // leased meanwhile
  const Health health = health_of(*idle);
  if (health == Health::Fine) return;
  count(health);
  closing.push_back(std::move(idle->socket));
  list.erase(idle);
  --idle_;
  if (found->second.in_use == 0 && list.empty()) destinations_.erase(found);
  serve_queue(closing);
}

// --- the end of idleness ------------------------------------------------------------------------

void Pool::remove_expired(Closing& closing) {
  const Instant limit = now() - options_.idle_timeout;
  for (auto it = destinations_.begin(); it != destinations_.end();) {
    auto& list = it->second.idle;
    while (!list.empty() && list.back().since <= limit) {
      closing.push_back(std::move(list.back().socket));
      list.pop_back();
      --idle_;
      ++metrics_.discarded_idle;
    }
    it = list.empty() && it->second.in_use == 0 ? destinations_.erase(it) : std::next(it);
  }
}

void Pool::set_timer() {
  if (timer_ != 0 || idle_ == 0) return;
  Instant oldest = kNever;
  for (const auto& [endpoint, d] : destinations_) {
    if (!d.idle.empty()) oldest = std::min(oldest, d.idle.back().since);
  }
  const Lock held = engine_->lock();
  timer_ = engine_->driver().call_at(oldest + options_.idle_timeout, [weak = weak_from_this()] {
    const auto pool = weak.lock();
    if (!pool) return;
    Closing closing;
    const PoolLock pool_held(pool->mutex_);
    pool->timer_ = 0;
    pool->remove_expired(closing);
    pool->set_timer();
    pool->serve_queue(closing);
  });
}

void Pool::close_idle() {
  Closing closing;
  const PoolLock held(mutex_);
  for (auto it = destinations_.begin(); it != destinations_.end();) {
    for (Idle& idle : it->second.idle) closing.push_back(std::move(idle.socket));
    idle_ -= it->second.idle.size();
    metrics_.discarded_surplus += it->second.idle.size();
    it->second.idle.clear();
    it = it->second.in_use == 0 ? destinations_.erase(it) : std::next(it);
  }
}

void Pool::shut_down() {
  {
    const PoolLock held(mutex_);
    shut_down_ = true;
    for (Waiting* w : queue_) w->turn.notify_one();
    if (timer_ != 0) {
      const Lock engine = engine_->lock();
      engine_->driver().cancel(timer_);
    }
  }
  close_idle();
}

PoolMetrics Pool::metrics() const {
  const PoolLock held(mutex_);
  PoolMetrics m = metrics_;
  m.idle = idle_;
  m.waiting = queue_.size();
  m.leased = in_use_ - m.connecting;
  return m;
}

}  // namespace estab::socket

namespace estab {

// --- the public face ----------------------------------------------------------------------------

ConnectionPool::ConnectionPool(Stack& stack, PoolOptions options)
    : pool_(std::make_shared<socket::Pool>(stack, std::move(options))) {}

ConnectionPool::~ConnectionPool() { pool_->shut_down(); }

Result<ConnectionPool::Lease> ConnectionPool::acquire(const Endpoint& destination,
                                                      std::optional<Duration> timeout) {
  return pool_->acquire(destination, timeout, true);
}

Result<ConnectionPool::Lease> ConnectionPool::acquire(const Endpoint& destination) {
  return pool_->acquire(destination, pool_->options().acquire_timeout, true);
}

Result<ConnectionPool::Lease> ConnectionPool::try_acquire(const Endpoint& destination) {
  return pool_->acquire(destination, std::nullopt, false);
}

void ConnectionPool::close_idle() { pool_->close_idle(); }
PoolMetrics ConnectionPool::metrics() const { return pool_->metrics(); }

ConnectionPool::Lease::Lease(Lease&& o) noexcept
    : pool_(std::move(o.pool_)),
      socket_(std::move(o.socket_)),
      destination_(o.destination_),
      created_(o.created_),
      reused_(o.reused_) {}

ConnectionPool::Lease& ConnectionPool::Lease::operator=(Lease&& o) noexcept {
  if (this == &o) return *this;
  release(false);
  pool_ = std::move(o.pool_);
  socket_ = std::move(o.socket_);
  destination_ = o.destination_;
  created_ = o.created_;
  reused_ = o.reused_;
  return *this;
}

ConnectionPool::Lease::~Lease() { release(false); }
void ConnectionPool::Lease::discard() { release(true); }

void ConnectionPool::Lease::release(bool discard) {
  if (!pool_) return;
  pool_->give_back(*this, discard);
  pool_.reset();
}

}  // namespace estab
