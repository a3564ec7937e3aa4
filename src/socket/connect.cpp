// connect(), in the phases of Linux's __inet_stream_connect(): its errno depends on them.
#include "dev/clock.h"
#include "socket/engine.h"
#include "socket/settings.h"

namespace estab::socket {
namespace {

// Nobody in particular is this host: connect(2) to 0.0.0.0 or :: reaches the own loopback.
Endpoint meant_by(const Endpoint& remote, Family family) {
  if (!remote.address.is_any()) return remote;
  if (remote.address.is_v4()) return {IpAddress::v4(127, 0, 0, 1), remote.port};
  if (family == Family::v4) return remote;
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return {IpAddress::v6(one), remote.port};
}

}  // namespace

Result<void> Engine::begin_connect(SocketId id, Entry& entry, const Endpoint& wanted) {
  if (entry.listener || entry.connection) return fail(EISCONN);
  const Endpoint remote = meant_by(wanted, entry.family);
  if (entry.family == Family::v4 && remote.address.is_v6()) return fail(EAFNOSUPPORT);
  if (entry.options.v6_only && remote.address.is_v4()) return fail(ENETUNREACH);
  auto connection =
      stack_->connect(entry.binding, remote, settings_of(entry.options, stack_->tuning()), now());
  if (!connection) {
    // Linux says of multicast and broadcast destinations that there is no way there (MUST-46).
    const bool group = connection.error().value() == EINVAL && !remote.address.is_unicast();
    if (group) return fail(ENETUNREACH);
    return tl::unexpected(connection.error());
  }
  map_connection(id, entry, *connection);
  note_call(entry, AppCall::Open);
  entry.phase = Phase::Connecting;
  entry.error = 0;
  entry.shut = 0;
  return {};
}

// The connection is no more; the socket may try again (tcp_disconnect()).
void Engine::forget_connection(Entry& entry) {
  drop_connection(entry, false);
  entry.phase = Phase::Unconnected;
  entry.error = 0;
  entry.shut = 0;
  if (!entry.binding) {
    entry.local = {entry.family == Family::v4 ? IpAddress::any_v4() : IpAddress::any_v6(), Port{}};
  }
}

// EAGAIN while it goes on.
Result<void> Engine::connect_outcome(Entry& entry) {
  const tcp::Connection* connection =
      entry.connection ? stack_->connection(entry.connection) : nullptr;
  const State state = connection != nullptr ? connection->state() : State::Closed;
  if (state == State::SynSent || state == State::SynReceived) return fail(EAGAIN);
  if (state != State::Closed && state != State::TimeWait) {
    entry.phase = Phase::Connected;
    return {};
  }
  int error = connection != nullptr ? stack_->take_error(entry.connection) : entry.error;
  if (error == 0) error = ECONNABORTED;
  forget_connection(entry);
  return fail(error);
}

Result<void> Engine::connect(SocketId id, const Endpoint& remote,
                             std::optional<Deadline> deadline) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  int still_going = EALREADY;
  switch (entry->phase) {
    case Phase::Connected:
      return fail(EISCONN);
    case Phase::Disconnecting:
      return fail(EINVAL);
    case Phase::Connecting:
      break;
    case Phase::Unconnected:
      if (auto begun = begin_connect(id, *entry, remote); !begun) return begun;
      still_going = EINPROGRESS;
      flush(held);
      entry = find(id);
      // Even when the answer has come already, which a peer in this stack's own loopback may do.
      if (deadline.value_or(entry->nonblocking ? kAtOnce : kNever) == kAtOnce) {
        return fail(EINPROGRESS);
      }
      break;
  }
  if (!deadline) {
    deadline = entry->nonblocking ? kAtOnce : deadline_after(entry->options.send_timeout);
  }
  const Result<int> outcome = repeat<int>(held, id, *deadline, [&](Entry& e) -> Result<int> {
    return connect_outcome(e).map([] { return 0; });
  });
  if (outcome) return {};
  return fail(outcome.error().value() == EAGAIN ? still_going : outcome.error().value());
}

Result<void> Engine::disconnect_entry(Entry& entry) {
  const bool listened = static_cast<bool>(entry.listener);
  drop_listener(entry);
  if (listened) return {};
  const State state = state_of(entry);
  drop_connection(entry, state != State::Closed && state != State::SynSent);
  forget_connection(entry);
  if (state != State::Closed) entry.error = ECONNRESET;
  return {};
}

Result<void> Engine::disconnect(SocketId id) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  note_call(*entry, AppCall::Close);
  if (auto done = disconnect_entry(*entry); !done) return done;
  changed(id, *entry);
  flush(held);
  return {};
}

}  // namespace estab::socket
