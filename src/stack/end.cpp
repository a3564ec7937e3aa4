// What an operator ends from outside (estab kill, ss -K): the same calls that an owner has, and the
// records that have no owner.
#include "stack/impl.h"

namespace estab::stack {

Result<void> Stack::Impl::end(const FourTuple& tuple, std::uint64_t id, End how, Instant now) {
  start(now);
  if (tuple.remote.port.value == 0) return end_listener(tuple.local, id, how, now);
  const Ref ref = find(tuple);
  if (!ref) return fail(ESRCH);
  if (ref.kind() == Ref::Kind::kConnection) {
    return end_connection(*by_index(ref.index()), id, how, now);
  }
  const bool half_open = ref.kind() == Ref::Kind::kSyn;
  if (id != (half_open ? syns_.get(ref.index()).id : id_of(time_waits_.get(ref)))) {
    return fail(ESRCH);
  }
  if (how == End::Close) return fail(EINVAL);
  if (half_open) {
    end_syn(ref.index(), Event::Abort, Rule::L17_Aborted, 0, Timer::kRuns, now);
  } else {
    note_time_wait(ref, State::Closed, Event::Abort, Rule::L17_Aborted, 0, now);
    forget_time_wait(ref, Timer::kRuns);
  }
  return {};
}

Result<void> Stack::Impl::end_connection(ConnectionEntry& entry, std::uint64_t id, End how,
                                         Instant now) {
  tcp::Connection& c = entry.connection;
  if (c.id() != id) return fail(ESRCH);
  tcp::Context into = context(now);
  Result<void> done;
  if (how == End::Abort) {
    c.abort(into);
  } else {
    done = c.shutdown_write(into);
  }
  settle(entry, now);
  return done;
}

// Few listeners, and rarely: walked, since several may share a name (SO_REUSEPORT).
Result<void> Stack::Impl::end_listener(const Endpoint& local, std::uint64_t id, End how,
                                       Instant now) {
  ListenerId found{};
  for (std::uint32_t next = 0; next != Slab<Listener, ListenerTag>::kEnd;) {
    next = listeners_.visit(next, 1024, [&](ListenerId handle, const Listener& l) {
      if (l.id == id && l.local == local) found = handle;
    });
  }
  if (!found) return fail(ESRCH);
  if (how == End::Close) return fail(EINVAL);
  close(found, now);
  return {};
}

}  // namespace estab::stack
