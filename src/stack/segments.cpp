// A received segment finds the connection memory that it belongs to.
#include <algorithm>

#include "base/defence.h"
#include "stack/impl.h"
#include "wire/tcp.h"

namespace estab::stack {

void Stack::Impl::on_received(const ip::ReceivedSegment& received, Instant now) {
  auto segment = wire::parse_tcp(received.packet, received.holder, received.checksum_vouched);
  if (segment) segment->segment_size = received.segment_size;
  counters_.add(Counter::TcpInSegs, segment ? segment->count() : 1);
  if (!segment) {
    counters_.add(segment.error());
    counters_.add(Counter::TcpInErrs);
    return;
  }
  if (quiet(now)) return;  // RFC 9293 3.4.3: nothing may be sent, so nothing may be answered
  dispatch(*segment, {received.interface, received.source_route, demux_.hash(segment->tuple)}, now);
}

void Stack::Impl::dispatch(const wire::Segment& segment, const Arrival& arrival, Instant now) {
  const Ref ref = find(segment.tuple, arrival.name);
  if (!ref) {
    if (const ListenerId id = listeners_.find(segment.tuple)) {
      to_listener(id, segment, arrival, now);
    } else {
      to_nobody(segment, now);
    }
    return;
  }
  switch (ref.kind()) {
    case Ref::Kind::kConnection:
      to_connection(*by_index(ref.index()), segment, arrival, now);
      break;
    case Ref::Kind::kSyn:
      to_syn(ref.index(), segment, arrival, now);
      break;
    case Ref::Kind::kTimeWait4:
    case Ref::Kind::kTimeWait6:
      to_time_wait(ref, segment, arrival, now);
      break;
  }
}

bool Stack::Impl::is(Ref ref, const FourTuple& tuple) const {
  switch (ref.kind()) {
    case Ref::Kind::kConnection:
      return by_index(ref.index())->connection.tuple() == tuple;
    case Ref::Kind::kSyn:
      return syns_.get(ref.index()).record.tuple == tuple;
    case Ref::Kind::kTimeWait4:
    case Ref::Kind::kTimeWait6:
      return time_waits_.is(ref, tuple);
  }
  return false;
}

Ref Stack::Impl::find(const FourTuple& tuple, std::uint64_t hash) const {
  return demux_.find(hash, [&](Ref r) { return is(r, tuple); });
}

void Stack::Impl::to_connection(ConnectionEntry& entry, const wire::Segment& segment,
                                const Arrival& arrival, Instant now) {
  if (!segment.payload.empty() && !may_hold_more(entry)) {  // the peer will send it again
    counters_.add(Counter::TcpExtTCPRcvQDrop);
    return;
  }
  tcp::Connection& c = entry.connection;
  const std::size_t unacked = c.unacked_bytes();
  tcp::Context into = context(now);
  const bool passed = c.on_segment(segment, into);
  if (passed && !arrival.source_route.empty()) follow_route(c, arrival.source_route, now);
  if (c.unacked_bytes() < unacked) ip_.confirm_reachable(segment.tuple.remote.address, now);
  settle(entry, now);
}

// RFC 9293 3.9.2.1, SHLD-24: a later source route overrides the earlier one; but never the one that
// the application named in an active OPEN (MUST-52).
void Stack::Impl::follow_route(tcp::Connection& c, Bytes route, Instant now) {
  const std::vector<std::uint8_t>& known = c.settings().ip_options;
  if (c.opened() == tcp::Opened::Actively || std::ranges::equal(route, known)) return;
  tcp::Settings settings = c.settings();
  settings.ip_options.assign(route.begin(), route.end());
  tcp::Context into = context(now);
  c.set_settings(settings, into);
}

void Stack::Impl::to_listener(ListenerId id, const wire::Segment& segment, const Arrival& arrival,
                              Instant now) {
  switch (tcp::classify_for_listener(segment)) {
    case tcp::ListenVerdict::Ignore:
      break;
    case tcp::ListenVerdict::Reset:
      if (!open_by_cookie(id, segment, arrival, now)) to_nobody(segment, now);
      break;
    case tcp::ListenVerdict::Syn:
      open_half(id, segment, arrival, Ref{}, now);
      break;
  }
}

// L23, RFC 9293 3.10.7.1.
void Stack::Impl::to_nobody(const wire::Segment& segment, Instant now) {
  counters_.add(Counter::EstabTcpNoConnection);
  if (segment.has(wire::kRst)) return;
  if (!may_reset(segment.tuple.remote.address, now)) return;
  tcp::Context c = context(now);
  tcp::answer_closed(segment, c);
  drain(0, {}, now);
  LifecycleEvent e = event(segment.tuple, 0, now);
  e.rule = Rule::L23_NoConnection;
  e.segment_flags = segment.flags;
  log(e);
}

bool Stack::Impl::may_reset(const IpAddress& remote, Instant now) {
  const Rate whole = Rate::per_second(tuning_.tcp_rst_ratelimit);
  const Rate prefix = Rate::per_second(tuning_.tcp_rst_ratelimit_prefix);
  if (resets_.allow(now, remote, whole, prefix, random_) == Allowance::kAllowed) return true;
  counters_.add(Counter::EstabRstLimited);
  return !defended(Defence::ResetRate);
}

ip::SendResult Stack::Impl::emit(const wire::Segment& segment, const ip::SendOptions& options,
                                 Instant now) {
  if (quiet(now)) return ip::SendResult::kSent;
  return ip_.send(segment, options, now);
}

void Stack::Impl::drain(std::uint64_t id, Bytes ip_options, Instant now) {
  for (const wire::Segment& s : out_segments_) (void)emit(s, {.ip_options = ip_options}, now);
  out_segments_.clear();
  for (LifecycleEvent& e : out_events_) {
    if (e.connection == 0) e.connection = id;
    log(e);
  }
  out_events_.clear();
}

}  // namespace estab::stack
