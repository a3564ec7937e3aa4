// L6 with SYN cookies (tcp_syncookies): a SYN that finds no room is answered, and nothing is kept of
// it; the ACK that brings the cookie back makes the connection.
#include "base/defence.h"
#include "stack/impl.h"

namespace estab::stack {

void Stack::Impl::answer_with_cookie(Listener& listener, const wire::Segment& syn,
                                     const Arrival& arrival, Instant now) {
  counters_.add(Counter::TcpExtTCPReqQFullDoCookies);
  counters_.add(Counter::TcpExtSyncookiesSent);
  counters_.add(Counter::TcpOutSegs);
  note_syn_queue_full(listener, syn, now);
  listener.last_cookie = now;
  const tcp::SynParameters with = syn_parameters(listener, syn, arrival.interface, now);
  tcp::Context c = context(now);
  wire::Segment s =
      cookies_.seal(tcp::make_syn_record(syn, with, c), listener.settings, arrival.name, now);
  if (listener.settings.ttl == 0) s.ttl = static_cast<std::uint8_t>(tuning_.ip_default_ttl);
  (void)emit(s, {.ip_options = arrival.source_route}, now);
}

// False: it is nobody's. Asked only while a cookie can be out, so that at other times a stranger's
// ACKs cost no hash and have no chance at all.
bool Stack::Impl::open_by_cookie(ListenerId id, const wire::Segment& ack, const Arrival& arrival,
                                 Instant now) {
  const Listener& listener = *listeners_.get(id);
  const bool may_be_out =
      listener.last_cookie != kNever && now - listener.last_cookie <= tcp::SynCookies::kValidity;
  const bool asked = may_be_out || !defended(Defence::CookieWhenAsked);
  if (tuning_.tcp_syncookies == 0 || !asked || ack.has(wire::kSyn)) return false;
  const tcp::SynParameters with = syn_parameters(listener, ack, arrival.interface, now);
  const auto record = cookies_.open(ack, arrival.name, with, context(now));
  if (!record) {
    counters_.add(Counter::TcpExtSyncookiesFailed);
    return false;
  }
  counters_.add(Counter::TcpExtSyncookiesRecv);
  if (!has_room_for_child(listener)) {  // L5
    refuse_cookie(ack, now);
    return true;
  }
  // Arrow 6 was walked when the SYN came, and is known only now.
  counters_.add(Counter::TcpPassiveOpens);
  LifecycleEvent e = move(ack.tuple, next_id_++, State::Listen, Event::RcvSyn, now);
  e.rule = Rule::L6_SynQueueFull;
  e.segment_flags = ack.flags;
  log(e);
  ConnectionEntry& child = make_child(id, e.connection, *record, arrival.source_route, now);
  demux_.insert(arrival.name, Ref(Ref::Kind::kConnection, child.self.index()));
  hand_to_listener(child, id, ack, now);
  return true;
}

// The handshake is done, and there is no room: the peer's data comes again, or it hears of it now.
void Stack::Impl::refuse_cookie(const wire::Segment& ack, Instant now) {
  LifecycleEvent e = event(ack.tuple, 0, now);
  e.from = e.to = State::Listen;
  e.rule = Rule::L5_AcceptQueueFull;
  e.segment_flags = ack.flags;
  log(e);
  if (tuning_.tcp_abort_on_overflow == 0) return;
  tcp::Context c = context(now);
  tcp::answer_closed(ack, c);
  drain(0, {}, now);
}

}  // namespace estab::stack
