// Looking at sockets, and being told of their changes.
#include <algorithm>

#include "socket/engine.h"

namespace estab::socket {

static_assert(estab::kReadable == tcp::kReadable && estab::kWritable == tcp::kWritable &&
              estab::kUrgent == tcp::kUrgent && estab::kReadClosed == tcp::kReadClosed &&
              estab::kHangup == tcp::kHangup && estab::kError == tcp::kError &&
              estab::kConnected == tcp::kConnected);

State Engine::state_of(const Entry& entry) const {
  if (entry.listener) return State::Listen;
  if (!entry.connection) return State::Closed;
  const tcp::Connection* connection = stack_->connection(entry.connection);
  if (connection == nullptr) return State::Closed;
  // Linux keeps TIME-WAIT in a record of its own: the socket itself is then closed.
  return connection->state() == State::TimeWait ? State::Closed : connection->state();
}

Readiness Engine::readiness_of(const Entry& entry) const {
  if (entry.listener) return stack_->readiness(entry.listener);
  if (entry.connection) return stack_->readiness(entry.connection);
  Readiness ready = estab::kWritable | estab::kHangup;  // tcp_poll() of a closed socket
  if ((entry.shut & kShutRead) != 0) ready |= estab::kReadable | estab::kReadClosed;
  if (entry.error != 0) ready |= estab::kError;
  return ready;
}

Readiness Engine::readiness(const Lock&, SocketId id) const {
  const Entry* entry = find(id);
  return entry != nullptr ? readiness_of(*entry) : Readiness{0};
}

Readiness Engine::readiness(SocketId id) const {
  const Lock held(mutex_);
  return readiness(held, id);
}

std::size_t Engine::descriptors() const {
  const Lock held(mutex_);
  return entries_.size();
}

Result<Engine::Look> Engine::look(SocketId id) const {
  const Lock held(mutex_);
  const Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  Look look;
  look.family = entry->family;
  look.phase = entry->phase;
  look.listening = static_cast<bool>(entry->listener);
  look.nonblocking = entry->nonblocking;
  look.state = state_of(*entry);
  look.readiness = readiness_of(*entry);
  look.local = entry->local;
  const tcp::Connection* connection =
      entry->connection ? stack_->connection(entry->connection) : nullptr;
  if (connection == nullptr) return look;
  look.local = connection->tuple().local;
  look.remote = connection->tuple().remote;
  look.readable = connection->readable_bytes();
  look.unacked = connection->unacked_bytes();
  look.unsent = connection->unsent_bytes();
  look.queued_cost = connection->queued_cost();
  look.send_buffer = connection->send_buffer();
  look.at_mark = connection->at_mark();
  return look;
}

Result<ConnectionInfo> Engine::info(SocketId id) const {
  const Lock held(mutex_);
  const Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  const tcp::Connection* connection =
      entry->connection ? stack_->connection(entry->connection) : nullptr;
  if (connection != nullptr) return connection->info(stack_->tuning(), now());
  ConnectionInfo info;
  info.tuple.local = entry->local;
  info.state = state_of(*entry);
  return info;
}

std::uint64_t Engine::visit(std::uint64_t cursor, std::size_t limit,
                            const std::function<void(const ConnectionInfo&)>& see) const {
  const Lock held(mutex_);
  return stack_ ? stack_->visit(cursor, limit, now(), see) : 0;
}

// --- being told
// ---------------------------------------------------------------------------------------

void Engine::add_waiter(const Lock&, SocketId id, Waiter& waiter) {
  if (Entry* entry = find(id)) entry->waiters.push_back(&waiter);
}

void Engine::remove_waiter(const Lock&, SocketId id, Waiter& waiter) {
  if (Entry* entry = find(id)) std::erase(entry->waiters, &waiter);
}

Result<void> Engine::observe(const Lock&, SocketId id, Observer* observer, std::uint64_t key) {
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  entry->watches.push_back({observer, key});
  return {};
}

void Engine::unobserve(const Lock&, SocketId id, Observer* observer, std::uint64_t key) {
  Entry* entry = find(id);
  if (entry == nullptr) return;
  std::erase_if(entry->watches,
                [&](const Entry::Watch& w) { return w.observer == observer && w.key == key; });
}

Result<void> Engine::on_ready(SocketId id, Readiness mask, ReadyCall call) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  entry->call_mask = mask;
  entry->call = call ? std::make_shared<ReadyCall>(std::move(call)) : nullptr;
  if (entry->call && !entry->call_queued && (readiness_of(*entry) & mask) != 0) {
    entry->call_queued = true;
    calls_.push_back(id);
    flush(held);
  }
  return {};
}

}  // namespace estab::socket
