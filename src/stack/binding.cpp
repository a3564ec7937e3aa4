// bind, listen, accept, and the end of a listener: L7.
#include <algorithm>

#include "stack/impl.h"

namespace estab::stack {

Holder Stack::Impl::holder_of(const Binding& binding) const {
  Holder h;
  h.address = binding.local.address;
  h.v6_only = binding.options.v6_only && binding.local.address == IpAddress::any_v6();
  h.kind = binding.listener ? HolderKind::kListener : HolderKind::kOther;
  h.reuse_address = binding.options.reuse_address;
  h.reuse_port = binding.options.reuse_port;
  h.owner = binding.options.owner;
  return h;
}

Result<BindingId> Stack::Impl::bind(const Endpoint& local, const BindOptions& options) {
  const bool foreign = !local.address.is_any() && !ip_.is_local(local.address);
  if (foreign && !(options.free_bind && local.address.is_unicast())) return fail(EADDRNOTAVAIL);
  Binding b{.local = local, .options = options, .listener = {}};
  if (local.port.value == 0) {
    const auto port =
        ports_.find_free(holder_of(b), static_cast<std::uint16_t>(tuning_.ip_local_port_range_low),
                         static_cast<std::uint16_t>(tuning_.ip_local_port_range_high), random_);
    if (!port) return fail(EADDRINUSE);  // Linux's answer here, unlike connect()'s
    b.local.port = *port;
  } else if (ports_.conflicts(local.port, holder_of(b))) {
    return fail(EADDRINUSE);
  }
  ports_.add(b.local.port, holder_of(b));
  return bindings_.allocate(b);
}

void Stack::Impl::unbind(BindingId id) {
  Binding* b = bindings_.get(id);
  if (b == nullptr) return;
  if (b->listener) {
    b->released = true;
  } else {
    release_binding(id);
  }
}

void Stack::Impl::release_binding(BindingId id) {
  const Binding* b = bindings_.get(id);
  if (b == nullptr) return;
  ports_.remove(b->local.port, holder_of(*b));
  ++releases_;
  bindings_.free(id);
}

std::optional<Endpoint> Stack::Impl::bound_to(BindingId id) const {
  const Binding* b = bindings_.get(id);
  return b != nullptr ? std::optional(b->local) : std::nullopt;
}

// Arrow 1. It either makes a listener or fails; nothing that was there before is touched
// (RFC 9293 3.9.1.1, MUST-41).
Result<ListenerId> Stack::Impl::listen(BindingId id, const ListenOptions& options,
                                       const tcp::Settings& settings, Instant now) {
  start(now);
  Binding* b = bindings_.get(id);
  if (b == nullptr) return fail(EBADF);
  if (b->listener) {
    if (const auto set = set_backlog(b->listener, options.backlog); !set) {
      return tl::unexpected(set.error());
    }
    return b->listener;
  }
  // Two sockets may have bound one name with SO_REUSEADDR; only one of them may listen.
  const Holder holder = holder_of(*b);
  ports_.remove(b->local.port, holder);
  if (ports_.conflicts(b->local.port, holder)) {
    ports_.add(b->local.port, holder);
    return fail(EADDRINUSE);
  }
  Listener listener;
  listener.id = next_id_++;
  listener.binding = id;
  listener.local = b->local;
  listener.v6_only = holder.v6_only;
  listener.settings = settings;
  listener.options = options;
  listener.since = now;
  b->listener = listeners_.add(std::move(listener));
  ports_.add(b->local.port, holder_of(*b));
  (void)set_backlog(b->listener, options.backlog);
  log(move({b->local, {}}, listeners_.get(b->listener)->id, State::Closed, Event::PassiveOpen,
           now));
  return b->listener;
}

Result<void> Stack::Impl::set_backlog(ListenerId id, int backlog) {
  Listener* listener = listeners_.get(id);
  if (listener == nullptr) return fail(EBADF);
  // A negative backlog is a very large one to Linux, which compares it unsigned.
  const std::uint32_t most = static_cast<std::uint32_t>(tuning_.somaxconn);
  listener->backlog = std::min(static_cast<std::uint32_t>(backlog), most);
  listener->options.backlog = backlog;
  return {};
}

void Stack::Impl::set_listener_settings(ListenerId id, const tcp::Settings& settings,
                                        const ListenOptions& options) {
  Listener* listener = listeners_.get(id);
  if (listener == nullptr) return;
  listener->settings = settings;
  listener->options = options;
  (void)set_backlog(id, options.backlog);
}

Result<Accepted> Stack::Impl::accept(ListenerId id, Instant now) {
  start(now);
  Listener* listener = listeners_.get(id);
  if (listener == nullptr) return fail(id ? EINVAL : EBADF);
  if (listener->accept_queue.empty()) return fail(EAGAIN);
  const ConnectionId child = listener->accept_queue.front();
  listener->accept_queue.pop_front();
  ConnectionEntry& entry = *connections_.get(child);
  entry.listener = {};
  entry.told = readiness_of(entry);
  entry.told_readable = entry.connection.readable_bytes();
  return Accepted{child, entry.connection.tuple()};
}

// L7. Whoever waits in accept() hears of it; who has been accepted already is not concerned.
void Stack::Impl::close(ListenerId id, Instant now) {
  start(now);
  Listener* listener = listeners_.get(id);
  if (listener == nullptr) return;
  LifecycleEvent e = move({listener->local, {}}, listener->id, State::Listen, Event::Close, now);
  e.in_state = now - listener->since;
  log(e);
  while (listener->syn_queue.first != kNoRecord) {  // silently, as Linux does
    end_syn(listener->syn_queue.first, Event::Abort, Rule::L7_ListenerClosed, 0, Timer::kRuns, now);
  }
  for (const ConnectionId child : listener->accept_queue) {
    ConnectionEntry& entry = *connections_.get(child);
    entry.listener = {};
    entry.owned = false;
    LifecycleEvent reset = event(entry.connection.tuple(), entry.connection.id(), now);
    reset.from = reset.to = entry.connection.state();
    reset.rule = Rule::L7_ListenerClosed;
    log(reset);
    if (!entry.attached) {
      destroy(entry);
      continue;
    }
    tcp::Context c = context(now);
    entry.connection.close(true, c);
    settle(entry, now);
  }
  Binding* b = bindings_.get(listener->binding);
  const BindingId binding = listener->binding;
  listeners_.remove(id);
  last_words_.push_back({.kind = Notice::Kind::Listener,
                         .listener = id,
                         .connection = {},
                         .readiness = tcp::kReadable | tcp::kError | tcp::kHangup});
  if (b == nullptr) return;
  ports_.remove(b->local.port, holder_of(*b));
  b->listener = {};
  ports_.add(b->local.port, holder_of(*b));
  if (b->released) release_binding(binding);
}

}  // namespace estab::stack
