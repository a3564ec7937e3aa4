// The life of a full connection within the stack: what is done after each touch of it, and how it
// goes.
#include "stack/impl.h"
#include "wire/tcp.h"

namespace estab::stack {

ConnectionEntry& Stack::Impl::add_connection(tcp::Connection&& connection, const Holder& holder) {
  const ConnectionId id = connections_.allocate(std::move(connection));
  ConnectionEntry& entry = *connections_.get(id);
  entry.self = id;
  entry.holder = holder;
  ports_.add(entry.connection.tuple().local.port, holder);
  return entry;
}

ConnectionEntry* Stack::Impl::by_index(std::uint32_t index) const {
  ConnectionEntry* found = nullptr;
  connections_.visit(index, 1, [&](ConnectionId, ConnectionEntry& e) { found = &e; });
  return found;
}

// After every input and call. What may not wait has been appended already; the rest of the output
// comes with the flush, once for all inputs of this step. The entry may be gone afterwards.
void Stack::Impl::settle(ConnectionEntry& entry, Instant now) {
  drain(entry, now);
  if (entry.connection.state() == State::Closed) return finish(entry);
  account(entry);
  tell(entry);
  mark_dirty(entry);
}

void Stack::Impl::after_transmit(ConnectionEntry& entry, Instant now) {
  drain(entry, now);
  tcp::Connection& c = entry.connection;
  // RFC 9293 3.8.3 (a), MUST-20: past R1 the IP layer is told to doubt the route.
  if (c.take_doubt()) ip_.doubt_reachable(c.tuple().remote.address);
  if (c.state() == State::Closed) return finish(entry);
  if ((c.state() == State::TimeWait || c.compactable()) && compact(entry, now)) return;
  account(entry);
  tell(entry);
  rearm(entry);
}

// What the core sends in one go leaves as few packets as a device can cut, each for one system call.
void Stack::Impl::join_runs() {
  if (out_segments_.size() < 2) return;
  std::size_t last = 0;
  for (std::size_t i = 1; i < out_segments_.size(); ++i) {
    if (wire::join(out_segments_[last], out_segments_[i])) continue;
    if (++last != i) out_segments_[last] = std::move(out_segments_[i]);
  }
  out_segments_.resize(last + 1);
}

void Stack::Impl::drain(ConnectionEntry& entry, Instant now) {
  tcp::Connection& c = entry.connection;
  const tcp::Settings& settings = c.settings();
  const ip::SendOptions with{.ip_options = settings.ip_options,
                             .df_stays = settings.mtu_discovery_v4 == tcp::PathMtuDiscovery::Do};
  bool no_route = false;
  bool too_big = false;
  WireSeq seq;
  join_runs();
  for (const wire::Segment& s : out_segments_) {
    const ip::SendResult result = emit(s, with, now);
    if (result == ip::SendResult::kNoRoute) {
      no_route = true;
      seq = s.seq;
    }
    too_big = too_big || result == ip::SendResult::kTooBig;
  }
  out_segments_.clear();
  if (no_route) {  // a soft error: routes come back (RFC 1122 4.2.3.9)
    tcp::Context again = context(now);
    c.on_error({.kind = tcp::PathError::Kind::Soft, .seq = seq, .error = ENETUNREACH}, again);
  }
  if (too_big) {  // the path's MTU is less than the connection knows
    tcp::Context again = context(now);
    c.on_path_mtu(ip_.mtu_for(c.tuple().remote.address, now), again);
  }
  drain(c.id(), c.settings().ip_options, now);
}

// Keeps the totals in step with what this connection is now.
void Stack::Impl::account(ConnectionEntry& entry) {
  const tcp::Connection& c = entry.connection;
  if (entry.counted) --by_state_[static_cast<std::size_t>(entry.counted_state)];
  if (entry.counted_orphan) --orphans_;
  entry.counted = entry.attached;
  entry.counted_state = c.state();
  entry.counted_orphan = entry.attached && c.orphan();
  if (entry.counted) ++by_state_[static_cast<std::size_t>(entry.counted_state)];
  if (entry.counted_orphan) ++orphans_;
  const std::size_t memory = c.memory();
  payload_bytes_ += memory;
  payload_bytes_ -= entry.counted_memory;
  entry.counted_memory = memory;
}

// Notes for take_notices() that the owner has something to look at: more than he was told last.
void Stack::Impl::tell(ConnectionEntry& entry) {
  if (!entry.owned || entry.listener) return;
  const tcp::Readiness ready = readiness_of(entry);
  const std::size_t readable = entry.connection.readable_bytes();
  const bool news = ready != entry.told || readable > entry.told_readable;
  entry.told = ready;
  entry.told_readable = readable;
  if (!news || entry.in_notices) return;
  entry.in_notices = true;
  changed_.push_back(entry.self);
}

void Stack::Impl::mark_dirty(ConnectionEntry& entry) {
  if (entry.dirty || !entry.attached) return;
  entry.dirty = true;
  dirty_.push_back(entry.self);
}

void Stack::Impl::rearm(ConnectionEntry& entry) {
  const Instant deadline = entry.connection.deadline();
  if (deadline == kNever) {
    timers_.cancel(entry);
  } else if (!entry.scheduled() || entry.deadline() != deadline) {
    timers_.schedule(entry, deadline);
  }
}

void Stack::Impl::finish(ConnectionEntry& entry) {
  release(entry);
  account(entry);
  if (!entry.owned) return destroy(entry);
  tell(entry);
}

void Stack::Impl::release(ConnectionEntry& entry) {
  if (!entry.attached) return;
  entry.attached = false;
  timers_.cancel(entry);
  const FourTuple& tuple = entry.connection.tuple();
  demux_.erase(demux_.hash(tuple), Ref(Ref::Kind::kConnection, entry.self.index()));
  ports_.remove(tuple.local.port, entry.holder);
  ++releases_;
}

void Stack::Impl::destroy(ConnectionEntry& entry) {
  release(entry);
  if (entry.counted) --by_state_[static_cast<std::size_t>(entry.counted_state)];
  if (entry.counted_orphan) --orphans_;
  payload_bytes_ -= entry.counted_memory;
  connections_.free(entry.self);
}

tcp::Readiness Stack::Impl::readiness_of(const ConnectionEntry& entry) const {
  tcp::Readiness ready = entry.connection.readiness();
  if ((ready & (tcp::kError | tcp::kHangup)) == 0 && !may_hold_more(entry)) {
    ready &= static_cast<tcp::Readiness>(~tcp::kWritable);
  }
  return ready;
}

void Stack::Impl::tell(ListenerId id) { changed_listeners_.push_back(id); }

}  // namespace estab::stack
