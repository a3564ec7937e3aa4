// Active open: the source address (MUST-44), the port (RFC 6056), the TIME-WAIT in the way (L13).
#include <fmt/format.h>

#include <algorithm>

#include "stack/impl.h"

namespace estab::stack {

std::string PortShortage::to_string() const {
  if (range == 1) {
    return fmt::format("the local port is taken for connections to {}{}", remote.to_string(),
                       in_time_wait != 0 ? " by one in TIME-WAIT" : "");
  }
  return fmt::format(
      "no local port left for connections to {}: of {} ports in ip_local_port_range {} are held by "
      "TIME-WAIT and {} are in use",
      remote.to_string(), range, in_time_wait, in_use);
}

Result<ConnectionId> Stack::Impl::connect(std::optional<BindingId> binding_id, const Endpoint& to,
                                          const tcp::Settings& settings, Instant now) {
  start(now);
  shortage_.reset();
  Binding* binding = binding_id ? bindings_.get(*binding_id) : nullptr;
  if (binding_id && binding == nullptr) return fail(EBADF);
  if (binding != nullptr && binding->listener) return fail(EISCONN);  // as Linux says of LISTEN
  Endpoint remote = to;
  if (remote.address == IpAddress::any_v4()) remote.address = IpAddress::v4(127, 0, 0, 1);
  if (remote.address == IpAddress::any_v6()) {
    remote.address = IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  }
  if (remote.port.value == 0) return fail(EINVAL);
  // RFC 9293 3.9.1.1, MUST-46
  if (!remote.address.is_unicast() || ip_.is_broadcast(remote.address)) return fail(ENETUNREACH);
  const auto source = source_for(binding, remote.address);
  if (!source) return tl::unexpected(source.error());
  if (connections_.size() >= static_cast<std::uint64_t>(tuning_.max_connections)) {
    counters_.add(Counter::EstabConnectionTableFull);
    return fail(ENOBUFS);
  }
  if (out_of_memory()) {
    counters_.add(Counter::EstabMemoryRefused);
    return fail(ENOBUFS);
  }
  FourTuple tuple{{*source, {}}, remote};
  Holder holder;
  holder.autobound = true;
  if (binding != nullptr) {
    tuple.local.port = binding->local.port;
    const TupleUse use = use_of(tuple, now);
    if (use == TupleUse::kTimeWait || use == TupleUse::kLive) {
      shortage_ = PortShortage{remote, 1, use == TupleUse::kTimeWait ? 1u : 0u,
                               use == TupleUse::kLive ? 1u : 0u};
      return fail(EADDRNOTAVAIL);  // Linux's word for a tuple that is taken
    }
    // The socket has one address from now on, as in Linux: the wildcard is free again.
    ports_.remove(tuple.local.port, holder_of(*binding));
    binding->local.address = *source;
    ports_.add(tuple.local.port, holder_of(*binding));
    holder = holder_of(*binding);
  } else {
    const auto port = choose_port(*source, remote, now);
    if (!port) return fail(EADDRNOTAVAIL);
    tuple.local.port = *port;
  }
  holder.address = *source;
  return open_connection(tuple, holder, settings, now);
}

// RFC 9293 3.9.1.1, MUST-44: who did not name an address gets the one that IP would send from.
Result<IpAddress> Stack::Impl::source_for(const Binding* binding, const IpAddress& remote) const {
  if (binding != nullptr) {
    const IpAddress& local = binding->local.address;
    if (local == IpAddress::any_v6()) {
      if (remote.is_v4() && binding->options.v6_only) return fail(ENETUNREACH);
    } else if (local.is_v4() != remote.is_v4()) {
      return fail(EAFNOSUPPORT);
    }
    if (!local.is_any()) {
      if (!ip_.has_route(remote) && !ip_.is_local(remote)) return fail(ENETUNREACH);
      if (!ip_.is_local(local)) return fail(ENETUNREACH);  // IP_FREEBIND; or it was taken away
      return local;
    }
  }
  const auto source = ip_.source_for(remote);
  if (source) return *source;
  return fail(ip_.has_route(remote) ? EADDRNOTAVAIL : ENETUNREACH);
}

Stack::Impl::TupleUse Stack::Impl::use_of(const FourTuple& tuple, Instant now) const {
  const Ref ref = find(tuple);
  if (!ref) return TupleUse::kFree;
  if (!ref.is_time_wait()) return TupleUse::kLive;
  const TimeWaitRecord& r = time_waits_.get(ref);
  return tcp::may_reuse(r.tcp, tuple, r.entered, tuning_, now) ? TupleUse::kReusable
                                                               : TupleUse::kTimeWait;
}

std::optional<Port> Stack::Impl::choose_port(const IpAddress& local, const Endpoint& remote,
                                             Instant now) {
  const auto low = static_cast<std::uint16_t>(tuning_.ip_local_port_range_low);
  const auto high = static_cast<std::uint16_t>(tuning_.ip_local_port_range_high);
  const FourTuple name{{local, {}}, remote};
  auto& known = exhausted_[demux_.hash(name) % exhausted_.size()];
  if (known && known->local == local && known->shortage.remote == remote &&
      known->releases == releases_ && now < known->until) {
    counters_.add(Counter::EstabPortsExhausted);
    shortage_ = known->shortage;
    return std::nullopt;
  }
  PortShortage found{remote, high >= low ? high - low + 1u : 0u, 0, 0};
  Instant until = kNever;
  const Duration age = milliseconds_of(tuning_.tcp_tw_reuse_delay);
  const auto usable = [&](Port port) {
    const FourTuple tuple{{local, port}, remote};
    if (ports_.named(port) || tuple.local == remote) {
      ++found.in_use;
      return false;
    }
    switch (use_of(tuple, now)) {
      case TupleUse::kFree:
      case TupleUse::kReusable:
        return true;
      case TupleUse::kLive:
        ++found.in_use;
        return false;
      case TupleUse::kTimeWait:
        break;
    }
    ++found.in_time_wait;
    const TimeWaitRecord& r = time_waits_.get(find(tuple));
    const Instant ripe = tcp::from_millis(r.entered, now) + age;
    if (ripe > now) until = std::min(until, ripe);
    return false;
  };
  if (const auto port = ephemeral_.choose(local, remote, low, high, usable)) return port;
  counters_.add(Counter::EstabPortsExhausted);
  known = Exhausted{local, found, releases_, until};
  shortage_ = found;
  return std::nullopt;
}

// Arrow 3.
ConnectionId Stack::Impl::open_connection(const FourTuple& tuple, const Holder& holder,
                                          const tcp::Settings& settings, Instant now) {
  WireSeq iss = initial_sequence(tuple, now);
  const Ref old = find(tuple);
  if (old) {  // L13: a TIME-WAIT that use_of() found reusable
    const TimeWaitRecord& record = time_waits_.get(old);
    iss = tcp::reopened_iss(record.tcp, iss);
    counters_.add(Counter::TcpExtTWRecycled);
    note_time_wait(old, State::Closed, Event::ActiveOpen, Rule::L13_ReusedByConnect, 0, now);
    forget_time_wait(old, Timer::kRuns);
  }
  tcp::Context c = context(now);
  ConnectionEntry& entry =
      add_connection(tcp::Connection::open_active(next_id_++, tuple, settings, path_to(tuple, now),
                                                  iss, timestamp_offset(tuple), c),
                     holder);
  demux_.insert(demux_.hash(tuple), Ref(Ref::Kind::kConnection, entry.self.index()));
  const ConnectionId id = entry.self;
  settle(entry, now);
  return id;
}

}  // namespace estab::stack
