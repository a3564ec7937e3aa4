// ICMP errors find the connection that their quotation names (RFC 9293 3.9.2.2, MUST-54). Whether
// to believe one is for whoever knows what is in flight (RFC 5927 4).
#include "stack/impl.h"

namespace estab::stack {
namespace {

tcp::PathError::Kind kind_of(ip::IcmpErrorKind kind) {
  switch (kind) {
    case ip::IcmpErrorKind::kHardUnreachable:
      return tcp::PathError::Kind::Hard;
    case ip::IcmpErrorKind::kTooBig:
      return tcp::PathError::Kind::TooBig;
    case ip::IcmpErrorKind::kSoftUnreachable:
    case ip::IcmpErrorKind::kTimeExceeded:
    case ip::IcmpErrorKind::kParameterProblem:
      break;
  }
  return tcp::PathError::Kind::Soft;
}

}  // namespace

void Stack::Impl::on_icmp(const ip::IcmpError& error, Instant now) {
  if (quiet(now)) return;
  const Ref ref = find(error.tuple);
  if (!ref) {
    counters_.add(Counter::EstabIcmpNoConnection);
    return;
  }
  switch (ref.kind()) {
    case Ref::Kind::kConnection:
      icmp_to_connection(*by_index(ref.index()), error, now);
      break;
    case Ref::Kind::kSyn:
      icmp_to_syn(ref.index(), error, now);
      break;
    case Ref::Kind::kTimeWait4:
    case Ref::Kind::kTimeWait6:
      break;  // nothing is in flight, nobody waits
  }
}

void Stack::Impl::icmp_to_connection(ConnectionEntry& entry, const ip::IcmpError& error,
                                     Instant now) {
  tcp::Context c = context(now);
  const bool believed = entry.connection.on_error(
      {.kind = kind_of(error.kind), .seq = error.seq, .error = error.error, .mtu = error.mtu}, c);
  settle(entry, now);
  if (!believed || error.kind != ip::IcmpErrorKind::kTooBig) return;
  const IpAddress& destination = error.tuple.remote.address;
  if (const auto mtu = ip_.confirm_path_mtu(destination, error.mtu, now)) {
    on_path_mtu(destination, *mtu, now);
  }
}

// Only our SYN,ACK can be meant.
void Stack::Impl::icmp_to_syn(std::uint32_t index, const ip::IcmpError& error, Instant now) {
  const SynEntry& entry = syns_.get(index);
  if (error.seq != entry.record.iss) {
    counters_.add(Counter::TcpExtOutOfWindowIcmps);
    return;
  }
  if (error.kind == ip::IcmpErrorKind::kTooBig) {
    (void)ip_.confirm_path_mtu(error.tuple.remote.address, error.mtu, now);
  } else if (error.kind == ip::IcmpErrorKind::kHardUnreachable) {
    counters_.add(Counter::TcpExtListenDrops);
    end_syn(index, Event::Abort, Rule::None, 0, Timer::kRuns, now);
  }
}

// RFC 1191 3: every connection to that destination sends smaller from now on. It goes through all
// of them, which an attacker can't make happen often: the MTU must go down each time, and the
// message must quote what is in flight.
void Stack::Impl::on_path_mtu(const IpAddress& destination, std::size_t mtu, Instant now) {
  connections_.for_each([&](ConnectionId, ConnectionEntry& entry) {
    if (!entry.attached || entry.connection.tuple().remote.address != destination) return;
    if (!entry.connection.settings().heeds_path_mtu(destination.is_v4())) return;
    tcp::Context c = context(now);
    entry.connection.on_path_mtu(mtu, c);
    settle(entry, now);
  });
}

}  // namespace estab::stack
