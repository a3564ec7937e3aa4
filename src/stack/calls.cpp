// What an owner asks of his connection: each finds the object behind the handle, calls the core and
// leaves the rest to settle().
#include "stack/impl.h"

namespace estab::stack {

Result<std::size_t> Stack::Impl::send(ConnectionId id, Bytes bytes, bool urgent, bool more,
                                      Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return fail(EBADF);
  // New work is refused past tcp_mem; what is queued goes on (see readiness_of()).
  const tcp::Readiness ends = tcp::kError | tcp::kHangup;
  if (!may_hold_more(*entry) && (entry->connection.readiness() & ends) == 0) {
    counters_.add(Counter::EstabMemoryRefused);
    return fail(EAGAIN);
  }
  tcp::Context c = context(now);
  const auto taken = entry->connection.send(bytes, urgent, more, c);
  settle(*entry, now);
  return taken;
}

Result<tcp::Readout> Stack::Impl::receive(ConnectionId id, MutableBytes to, bool peek,
                                          Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return fail(EBADF);
  tcp::Context c = context(now);
  const auto read = entry->connection.receive(to, peek, c);
  settle(*entry, now);
  return read;
}

Result<std::uint8_t> Stack::Impl::receive_urgent(ConnectionId id, bool peek, Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return fail(EBADF);
  tcp::Context c = context(now);
  const auto byte = entry->connection.receive_urgent(peek, c);
  settle(*entry, now);
  return byte;
}

Result<void> Stack::Impl::shutdown(ConnectionId id, bool read, bool write, Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return fail(EBADF);
  tcp::Context c = context(now);
  if (read) entry->connection.shutdown_read(c);
  const Result<void> done = write ? entry->connection.shutdown_write(c) : Result<void>{};
  settle(*entry, now);
  return done;
}

void Stack::Impl::close(ConnectionId id, bool reset, Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return;
  entry->owned = false;
  if (!entry->attached) return destroy(*entry);  // Closed, or a record stands for it
  tcp::Connection& c = entry->connection;
  tcp::Context into = context(now);
  c.close(reset, into);
  // L21: too many that nobody owns. Nothing has been sent yet, so the RST is all the peer sees.
  if (c.orphan() && c.state() != State::Closed && !c.compactable() && !entry->counted_orphan &&
      orphans_ >= static_cast<std::uint64_t>(tuning_.tcp_max_orphans)) {
    counters_.add(Counter::TcpExtTCPAbortOnMemory);
    LifecycleEvent e = event(c.tuple(), c.id(), now);
    e.from = e.to = c.state();
    e.rule = Rule::L21_OrphanLimit;
    out_events_.push_back(e);
    c.abort(into);
  }
  settle(*entry, now);
}

void Stack::Impl::abort(ConnectionId id, Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr || !entry->attached) return;
  tcp::Context c = context(now);
  entry->connection.abort(c);
  settle(*entry, now);
}

int Stack::Impl::take_error(ConnectionId id) {
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return EBADF;
  const int error = entry->connection.take_error();
  tell(*entry);
  return error;
}

Result<void> Stack::Impl::set_settings(ConnectionId id, const tcp::Settings& settings,
                                       Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return fail(EBADF);
  tcp::Context c = context(now);
  entry->connection.set_settings(settings, c);
  settle(*entry, now);
  return {};
}

void Stack::Impl::push_out(ConnectionId id, Instant now) {
  start(now);
  ConnectionEntry* entry = connections_.get(id);
  if (entry == nullptr) return;
  entry->connection.push_out();
  settle(*entry, now);
}

void Stack::Impl::end_record(ConnectionId id) {
  ConnectionEntry* entry = connections_.get(id);
  if (entry != nullptr) entry->connection.end_record();
}

const tcp::Connection* Stack::Impl::connection(ConnectionId id) const {
  const ConnectionEntry* entry = connections_.get(id);
  return entry != nullptr ? &entry->connection : nullptr;
}

tcp::Readiness Stack::Impl::readiness(ConnectionId id) const {
  const ConnectionEntry* entry = connections_.get(id);
  return entry != nullptr ? readiness_of(*entry) : tcp::kError | tcp::kHangup;
}

tcp::Readiness Stack::Impl::readiness(ListenerId id) const {
  const Listener* listener = listeners_.get(id);
  if (listener == nullptr) return tcp::kReadable | tcp::kError | tcp::kHangup;
  return listener->accept_queue.empty() ? tcp::Readiness{0} : tcp::Readiness{tcp::kReadable};
}

std::vector<Notice> Stack::Impl::take_notices() {
  std::vector<Notice> notices = std::move(last_words_);
  last_words_.clear();
  for (const ListenerId id : changed_listeners_) {
    if (listeners_.get(id) == nullptr) continue;
    if (!notices.empty() && notices.back().kind == Notice::Kind::Listener &&
        notices.back().listener == id) {
      continue;
    }
    notices.push_back({.kind = Notice::Kind::Listener,
                       .listener = id,
                       .connection = {},
                       .readiness = readiness(id)});
  }
  changed_listeners_.clear();
  for (const ConnectionId id : changed_) {
    ConnectionEntry* entry = connections_.get(id);
    if (entry == nullptr) continue;
    entry->in_notices = false;
    if (!entry->owned) continue;
    notices.push_back({.kind = Notice::Kind::Connection,
                       .listener = {},
                       .connection = id,
                       .readiness = readiness_of(*entry)});
  }
  changed_.clear();
  return notices;
}

}  // namespace estab::stack
