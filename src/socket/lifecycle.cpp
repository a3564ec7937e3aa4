// How sockets begin and end: open, bind, listen, accept, shutdown, close.
#include "socket/engine.h"

#include <algorithm>
#include <utility>

#include "dev/clock.h"
#include "socket/settings.h"

namespace estab::socket {

SocketId Engine::adopt(Entry entry) { return entries_.allocate(std::move(entry)); }

Result<SocketId> Engine::open(Family family) {
  Lock held(mutex_);
  if (!stack_) return fail(EBADF);
  if (std::cmp_greater_equal(entries_.size(), stack_->tuning().max_descriptors)) {
    return fail(EMFILE);
  }
  Entry entry;
  entry.family = family;
  entry.local.address = family == Family::v4 ? IpAddress::any_v4() : IpAddress::any_v6();
  return adopt(std::move(entry));
}

// --- names
// ------------------------------------------------------------------------------------------

Result<void> Engine::bind_entry(Entry& entry, const Endpoint& local) {
  stack::BindOptions options;
  options.reuse_address = entry.options.reuse_address;
  options.reuse_port = entry.options.reuse_port;
  options.v6_only = entry.options.v6_only;
  options.free_bind = entry.options.free_bind;
  auto binding = stack_->bind(local, options);
  if (!binding) return tl::unexpected(binding.error());
  entry.binding = *binding;
  entry.local = stack_->bound_to(*binding).value_or(local);
  return {};
}

Result<void> Engine::bind_any(Entry& entry) {
  return bind_entry(entry, {entry.local.address, Port{}});
}

Result<void> Engine::bind(SocketId id, const Endpoint& local) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  if (entry->binding || entry->connection || entry->listener) return fail(EINVAL);
  if (entry->family == Family::v4 && local.address.is_v6()) return fail(EAFNOSUPPORT);
  if (entry->options.v6_only && local.address.is_v4()) return fail(EINVAL);
  return bind_entry(*entry, local);
}

Result<void> Engine::listen(SocketId id, int backlog) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  if (entry->phase != Phase::Unconnected || entry->connection) return fail(EINVAL);
  if (entry->listener) return stack_->set_backlog(entry->listener, backlog);
  if (!entry->binding) {
    if (auto bound = bind_any(*entry); !bound) return bound;
  }
  stack::ListenOptions options;
  options.backlog = backlog;
  options.defer_accept = entry->options.defer_accept;
  auto listener = stack_->listen(*entry->binding, options,
                                 settings_of(entry->options, stack_->tuning()), now());
  if (!listener) return tl::unexpected(listener.error());
  entry->listener = *listener;
  entry->shut = 0;
  entry->error = 0;
  by_listener_[listener->value] = id;
  flush(held);
  return {};
}

Result<SocketId> Engine::accept(SocketId id, bool dont_wait) {
  Lock held(mutex_);
  Entry* listening = find(id);
  if (listening == nullptr) return fail(EBADF);
  // Linux looks for a free descriptor first.
  if (std::cmp_greater_equal(entries_.size(), stack_->tuning().max_descriptors)) {
    return fail(EMFILE);
  }
  const Deadline deadline = dont_wait || listening->nonblocking
                                ? kAtOnce
                                : deadline_after(listening->options.receive_timeout);
  auto accepted = repeat<stack::Accepted>(held, id, deadline, [&](Entry& e) {
    return e.listener ? stack_->accept(e.listener, now()) : fail(EINVAL);
  });
  if (!accepted) return tl::unexpected(accepted.error());
  const Entry* parent = find(id);
  Entry child;
  child.family = parent->family;
  child.phase = Phase::Connected;
  child.options = parent->options;
  child.local = accepted->tuple.local;
  const SocketId made = adopt(std::move(child));
  map_connection(made, *find(made), accepted->connection);
  note_call(*find(made), AppCall::Open);
  flush(held);
  return made;
}

// --- what a socket holds of the stack
// -------------------------------------------------------------------

void Engine::map_connection(SocketId id, Entry& entry, stack::ConnectionId connection) {
  entry.connection = connection;
  by_connection_[connection.value] = id;
}

void Engine::drop_connection(Entry& entry, bool reset) {
  if (!entry.connection) return;
  by_connection_.erase(entry.connection.value);
  if (call_sites_) call_sites_->let_go(entry.connection.value);
  stack_->close(std::exchange(entry.connection, {}), reset, now());
}

void Engine::drop_listener(Entry& entry) {
  if (!entry.listener) return;
  by_listener_.erase(entry.listener.value);
  stack_->close(std::exchange(entry.listener, {}), now());
}

void Engine::drop_binding(Entry& entry) {
  if (!entry.binding) return;
  stack_->unbind(*entry.binding);
  entry.binding.reset();
}

void Engine::drop_all(Entry& entry, bool reset) {
  drop_connection(entry, reset);
  drop_listener(entry);
  drop_binding(entry);
}

// --- shutdown, close
// --------------------------------------------------------------------------------------

// As Linux's inet_shutdown(): on what is not connected it fails and still counts; on a listener
// SHUT_RD ends the listening; on a connection that is opening it ends the opening.
Result<void> Engine::shutdown(SocketId id, std::uint8_t how) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  const State state = state_of(*entry);
  if ((how & kShutWrite) != 0) note_call(*entry, AppCall::Shut);
  if (entry->phase == Phase::Connecting) {
    const bool opening =
        state == State::SynSent || state == State::SynReceived || state == State::Closed;
    entry->phase = opening ? Phase::Disconnecting : Phase::Connected;
  }
  Result<void> result;
  if (entry->listener) {
    if ((how & kShutRead) != 0) {
      drop_listener(*entry);
      entry->shut = 0;
    }
  } else if (state == State::SynSent) {
    result = disconnect_entry(*entry);
  } else if (state == State::Closed) {
    result = fail(ENOTCONN);
    entry->shut |= how;
  } else {
    result =
        stack_->shutdown(entry->connection, (how & kShutRead) != 0, (how & kShutWrite) != 0, now());
  }
  changed(id, *entry);
  flush(held);
  return result;
}

Result<void> Engine::abort(SocketId id) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  if (!entry->connection) return fail(ENOTCONN);
  note_call(*entry, AppCall::Close);
  stack_->abort(entry->connection, now());
  changed(id, *entry);
  flush(held);
  return {};
}

// SO_LINGER with a time: until all is acknowledged, our FIN included, or the time is over. It waits
// in non-blocking mode as well (inet_release()).
void Engine::wait_lingering(Lock& lock, SocketId id) {
  const Deadline deadline = driver_->clock() + find(id)->options.linger_time;
  lingering_.push_back(id);
  (void)repeat<int>(lock, id, deadline, [&](Entry& entry) -> Result<int> {
    const State state = state_of(entry);
    const bool busy =
        state == State::FinWait1 || state == State::Closing || state == State::LastAck;
    if (busy) return fail(EAGAIN);
    return 0;
  });
  std::erase(lingering_, id);
}

Result<void> Engine::close(SocketId id) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  const bool reset = entry->options.linger && entry->options.linger_time == Duration::zero();
  entry->call = nullptr;
  note_call(*entry, AppCall::Close);
  if (entry->connection && entry->options.linger && !reset) {
    const tcp::Connection* connection = stack_->connection(entry->connection);
    if (connection != nullptr && connection->readable_bytes() == 0) {
      (void)stack_->shutdown(entry->connection, true, true, now());
      flush(held);
      wait_lingering(held, id);
      entry = find(id);
      if (entry == nullptr) return {};  // the stack went meanwhile
    }
  }
  drop_all(*entry, reset);
  for (Waiter* waiter : entry->waiters) waiter->wake();
  for (const Entry::Watch& w : entry->watches) w.observer->on_closed(w.key);
  entries_.free(id);
  flush(held);
  return {};
}

}  // namespace estab::socket
