// SYN-RECEIVED as the stack's records: from a listener's SYN to the child in its accept queue.
// Rules L4, L5, L6 and both halves of L12.
#include <algorithm>

#include "base/defence.h"
#include "stack/impl.h"

namespace estab::stack {
namespace {

constexpr Duration kFirstRepeat = std::chrono::seconds(1);  // RFC 6298 2.1: the initial RTO
constexpr std::size_t kRoutes = 1024;  // half-open connections by a source route, kept at most

constexpr std::int64_t kRepeatsInAFlood = 2;

Duration back_off(int repeats, const Tuning& tuning) {  // 1, 2, 4 ... s
  return std::min<Duration>(kFirstRepeat * (1LL << std::min(repeats, 30)),
                            milliseconds_of(tuning.tcp_rto_max_ms));
}

// TCP_DEFER_ACCEPT is counted in repeats of the SYN,ACK, as in Linux: 1, 3, 7, 15 ... s.
int deferred_repeats(const ListenOptions& options) {
  int repeats = 0;
  for (Duration period{0}; period < options.defer_accept && repeats < 255; ++repeats) {
    period += kFirstRepeat * (1LL << std::min(repeats, 7));
  }
  return repeats;
}

std::size_t headers_of(const FourTuple& tuple) { return tuple.local.address.is_v4() ? 40 : 60; }

}  // namespace

// listen(backlog), cut by somaxconn, and tcp_max_syn_backlog.
std::uint32_t Stack::Impl::syn_queue_bound(const Listener& listener) const {
  return std::max<std::uint32_t>(
      1, std::min(listener.backlog, static_cast<std::uint32_t>(tuning_.tcp_max_syn_backlog)));
}

// A SYN that reopens a TIME-WAIT gets no cookie: its ISN has to lie above the old one, and the
// record that it would reopen bounds how many there can be. Half of the room again is theirs.
Stack::Impl::Admission Stack::Impl::room_for(const Listener& listener, bool reopens) const {
  const std::uint32_t bound = syn_queue_bound(listener);
  if (reopens) {
    return listener.syn_queue.count < bound + bound / 2 ? Admission::kRecord : Admission::kDrop;
  }
  if (tuning_.tcp_syncookies == 2) return Admission::kCookie;
  if (listener.syn_queue.count < bound || !defended(Defence::SynQueueBound)) {
    return Admission::kRecord;
  }
  return tuning_.tcp_syncookies == 1 && defended(Defence::SynCookies) ? Admission::kCookie
                                                                      : Admission::kDrop;
}

// What may keep a SYN out before there is any state for it.
Stack::Impl::Admission Stack::Impl::admit(Listener& listener, const wire::Segment& syn,
                                          bool reopens, Instant now) {
  const IpAddress& remote = syn.tuple.remote.address;
  const Rate whole = Rate::per_second(tuning_.tcp_synack_ratelimit);
  const Rate prefix = Rate::per_second(tuning_.tcp_synack_ratelimit_prefix);
  const Admission room = room_for(listener, reopens);
  Counter why = Counter::kCount;
  if (!remote.is_unicast()) {
    why = Counter::EstabIpMartianSource;  // RFC 9293 3.9.2.3, MUST-63
  } else if (listener.accept_queue_full()) {
    why = Counter::TcpExtListenOverflows;  // Linux: no use in a handshake that cannot end
  } else if (out_of_memory()) {
    why = Counter::EstabMemoryRefused;
  } else if (connections_.size() >= static_cast<std::uint64_t>(tuning_.max_connections)) {
    why = Counter::EstabConnectionTableFull;
  } else if (room == Admission::kDrop) {
    drop_for_full_queue(listener, syn, now);
    return room;
  } else if (syn_acks_.allow(now, remote, whole, prefix, random_) == Allowance::kAllowed ||
             !defended(Defence::SynAckRate)) {
    return room;
  } else {
    why = Counter::EstabSynAckLimited;
  }
  counters_.add(why);
  counters_.add(Counter::TcpExtListenDrops);
  return Admission::kDrop;
}

// L6. The counters have each of them, the log only so many that a flood leaves room for others.
void Stack::Impl::note_syn_queue_full(Listener& listener, const wire::Segment& syn, Instant now) {
  if (!listener.overflow_events.take(now, Rate::per_second(16))) return;
  LifecycleEvent e = event(syn.tuple, listener.id, now);
  e.from = e.to = State::Listen;
  e.rule = Rule::L6_SynQueueFull;
  e.segment_flags = syn.flags;
  log(e);
}

// L6 without cookies: the peer tries again.
void Stack::Impl::drop_for_full_queue(Listener& listener, const wire::Segment& syn, Instant now) {
  counters_.add(Counter::TcpExtTCPReqQFullDrop);
  counters_.add(Counter::TcpExtListenDrops);
  note_syn_queue_full(listener, syn, now);
}

tcp::SynParameters Stack::Impl::syn_parameters(const Listener& listener,
                                               const wire::Segment& segment,
                                               ip::InterfaceId interface, Instant now) const {
  tcp::SynParameters with;
  with.settings = &listener.settings;
  const FourTuple& tuple = segment.tuple;
  const bool stamped = tuning_.tcp_timestamps != 0 && segment.options.timestamps;
  if (stamped) with.ts_offset = timestamp_offset(tuple);
  // RFC 9293 3.7.1, MUST-67, SHLD-6
  const std::size_t mtu = interface_mtu(interface, tuple.remote.address, now);
  const std::size_t headers = headers_of(tuple);
  std::size_t mss = std::clamp<std::size_t>(mtu, headers + 1, 65535 + headers) - headers;
  const std::uint16_t most = listener.settings.max_segment;  // TCP_MAXSEG
  if (most != 0) mss = std::min<std::size_t>(mss, most);
  with.our_mss = static_cast<std::uint16_t>(mss);
  return with;
}

// Arrow 6. With `time_wait` the SYN would reopen that record (L12): tentatively, so the record
// stays until the third ACK proves the SYN.
void Stack::Impl::open_half(ListenerId id, const wire::Segment& syn, const Arrival& arrival,
                            Ref time_wait, Instant now) {
  Listener& listener = *listeners_.get(id);
  const Admission admission = admit(listener, syn, static_cast<bool>(time_wait), now);
  if (admission == Admission::kDrop) return;
  if (admission == Admission::kCookie) return answer_with_cookie(listener, syn, arrival, now);
  tcp::SynParameters with = syn_parameters(listener, syn, arrival.interface, now);
  with.iss = initial_sequence(syn.tuple, now);
  if (time_wait) with.iss = tcp::reopened_iss(time_waits_.get(time_wait).tcp, with.iss);
  if (time_wait && !defended(Defence::TentativeReopen)) {  // as everybody else does
    forget_time_wait(time_wait, Timer::kRuns);
    time_wait = Ref{};
  }
  tcp::Context c = context(now);
  SynEntry entry;
  entry.id = next_id_++;
  entry.listener = id;
  entry.record = tcp::make_syn_record(syn, with, c);
  entry.record.reopened = static_cast<bool>(time_wait);
  entry.time_wait = time_wait;
  entry.deadline = tcp::to_millis(now + kFirstRepeat);
  const std::uint32_t index = syns_.add(entry, listener.syn_queue);
  if (index == kNoRecord) return drop_for_full_queue(listener, syn, now);
  if (!arrival.source_route.empty() && routes_.size() < kRoutes) {  // MUST-53
    routes_[index].assign(arrival.source_route.begin(), arrival.source_route.end());
  }
  const Ref ref(Ref::Kind::kSyn, index);
  if (time_wait) {
    demux_.replace(arrival.name, time_wait, ref);
    time_waits_.get(time_wait).reopened = 1;
  } else {
    demux_.insert(arrival.name, ref);
  }
  counters_.add(Counter::TcpPassiveOpens);
  LifecycleEvent e = move(syn.tuple, entry.id, State::Listen, Event::RcvSyn, now);
  e.segment_flags = syn.flags;
  log(e);
  drain(entry.id, route_of(index), now);
  send_syn_ack(index, false, now);
}

void Stack::Impl::send_syn_ack(std::uint32_t index, bool again, Instant now) {
  SynEntry& entry = syns_.get(index);
  entry.record.repeated = entry.record.repeated || again;
  const tcp::Settings& settings = listeners_.get(entry.listener)->settings;
  counters_.add(again ? Counter::TcpRetransSegs : Counter::TcpOutSegs);
  if (again) counters_.add(Counter::TcpExtTCPSynRetrans);
  wire::Segment s = tcp::make_syn_ack(entry.record, settings, now);
  if (settings.ttl == 0) s.ttl = static_cast<std::uint8_t>(tuning_.ip_default_ttl);
  (void)emit(s, {.ip_options = route_of(index)}, now);
}

void Stack::Impl::to_syn(std::uint32_t index, const wire::Segment& segment, const Arrival&,
                         Instant now) {
  SynEntry& entry = syns_.get(index);
  if (entry.time_wait && fin_of_time_wait(entry, segment, now)) return;
  tcp::Context c = context(now);
  const tcp::SynVerdict verdict = tcp::on_segment(entry.record, segment, c);
  if (verdict == tcp::SynVerdict::Refuse && !may_reset(segment.tuple.remote.address, now)) {
    out_segments_.clear();
  }
  drain(entry.id, route_of(index), now);
  switch (verdict) {
    case tcp::SynVerdict::Drop:
    case tcp::SynVerdict::Refuse:
      break;
    case tcp::SynVerdict::Resend:
      send_syn_ack(index, true, now);
      break;
    case tcp::SynVerdict::Promote:
      promote(index, segment, now);
      break;
    case tcp::SynVerdict::Remove:  // arrow 5: the listener was there all the time
      end_syn(index, segment.has(wire::kRst) ? Event::RcvRst : Event::RcvSyn, Rule::None,
              segment.flags, Timer::kRuns, now);
      break;
  }
}

// While a SYN (an old or forged one, perhaps) stands in front of a TIME-WAIT record, the true peer
// may still wait for the ACK of its FIN: the record goes on answering that (L10).
bool Stack::Impl::fin_of_time_wait(SynEntry& entry, const wire::Segment& segment, Instant now) {
  if (!segment.has(wire::kFin) || segment.has(wire::kSyn) || segment.has(wire::kRst)) return false;
  TimeWaitRecord& record = time_waits_.get(entry.time_wait);
  if (segment.seq.value + segment.length() != record.tcp.rcv_nxt) return false;
  tcp::Context c = context(now);
  const auto verdict = tcp::on_segment(record.tcp, segment.tuple, segment, false, c);
  drain(id_of(record), {}, now);
  if (verdict == tcp::TimeWaitVerdict::Restart) {
    const Duration length = time_waits_.length_of(entry.time_wait, seconds_of(tuning_.time_wait));
    time_waits_.restart(entry.time_wait, now + length, now);
  }
  remember(entry.time_wait, now);
  return true;
}

// The final ACK may be too early (TCP_DEFER_ACCEPT), or come when there is no room.
bool Stack::Impl::may_promote(std::uint32_t index, const wire::Segment& segment, Instant now) {
  SynEntry& entry = syns_.get(index);
  const Listener& listener = *listeners_.get(entry.listener);
  const bool bare = segment.payload.empty() && !segment.has(wire::kFin);
  if (bare && entry.record.retries < deferred_repeats(listener.options)) {
    counters_.add(Counter::TcpExtTCPDeferAcceptDrop);
    entry.record.acked = true;  // no SYN,ACK until the wait is over
    return false;
  }
  if (has_room_for_child(listener)) return true;
  refuse_overflow(index, segment, now);
  return false;
}

// Counts why not.
bool Stack::Impl::has_room_for_child(const Listener& listener) {
  if (listener.accept_queue_full()) {
    counters_.add(Counter::TcpExtListenOverflows);
  } else if (connections_.size() >= static_cast<std::uint64_t>(tuning_.max_connections)) {
    counters_.add(Counter::EstabConnectionTableFull);
  } else if (out_of_memory()) {
    counters_.add(Counter::EstabMemoryRefused);
  } else {
    return true;
  }
  counters_.add(Counter::TcpExtListenDrops);
  return false;
}

// L5: silence, so that SYN,ACK and ACK repeat until there is room; or a RST where the operator
// wants the peer to know.
void Stack::Impl::refuse_overflow(std::uint32_t index, const wire::Segment& segment, Instant now) {
  SynEntry& entry = syns_.get(index);
  if (tuning_.tcp_abort_on_overflow != 0) {
    tcp::Context c = context(now);
    tcp::answer_closed(segment, c);
    drain(entry.id, route_of(index), now);
    return end_syn(index, Event::Abort, Rule::L5_AcceptQueueFull, segment.flags, Timer::kRuns, now);
  }
  entry.record.acked = true;
  LifecycleEvent e = event(entry.record.tuple, entry.id, now);
  e.from = e.to = State::SynReceived;
  e.rule = Rule::L5_AcceptQueueFull;
  e.segment_flags = segment.flags;
  log(e);
}

// A full connection in SYN-RECEIVED, for the segment that ends its handshake.
ConnectionEntry& Stack::Impl::make_child(ListenerId id, std::uint64_t connection,
                                         const tcp::SynRecord& record, Bytes route, Instant now) {
  const Listener& listener = *listeners_.get(id);
  tcp::Settings settings = listener.settings;
  if (!route.empty()) settings.ip_options.assign(route.begin(), route.end());
  Holder holder;
  if (const Binding* b = bindings_.get(listener.binding)) holder = holder_of(*b);
  holder.address = record.tuple.local.address;
  holder.v6_only = false;
  holder.kind = HolderKind::kOther;
  tcp::Path path;
  path.mtu = ip_.mtu_for(record.tuple.remote.address, now);
  path.our_mtu = record.our_mss + headers_of(record.tuple);
  path.loopback = ip_.is_local(record.tuple.remote.address);
  tcp::Context c = context(now);
  ConnectionEntry& child =
      add_connection(tcp::Connection::from_record(connection, record, settings, path, c), holder);
  child.listener = id;
  return child;
}

// Arrow 9, raised by the segment itself. The peer is no forged address.
void Stack::Impl::hand_to_listener(ConnectionEntry& child, ListenerId id,
                                   const wire::Segment& segment, Instant now) {
  syn_acks_.give_back(segment.tuple.remote.address);
  listeners_.get(id)->accept_queue.push_back(child.self);
  tell(id);
  tcp::Context c = context(now);
  child.connection.on_segment(segment, c);
  settle(child, now);
}

// The third segment makes a connection of the record, and ends the TIME-WAIT record that the SYN
// had reopened.
void Stack::Impl::promote(std::uint32_t index, const wire::Segment& segment, Instant now) {
  if (!may_promote(index, segment, now)) return;
  const SynEntry entry = syns_.get(index);
  ConnectionEntry& child = make_child(entry.listener, entry.id, entry.record, route_of(index), now);
  demux_.replace(demux_.hash(entry.record.tuple), Ref(Ref::Kind::kSyn, index),
                 Ref(Ref::Kind::kConnection, child.self.index()));
  routes_.erase(index);
  syns_.remove(index, listeners_.get(entry.listener)->syn_queue);
  if (entry.time_wait) {  // L12: now it is certain
    counters_.add(Counter::EstabTimeWaitReopened);
    note_time_wait(entry.time_wait, State::Closed, Event::RcvSyn, Rule::L12_Reopened, segment.flags,
                   now);
    forget_time_wait(entry.time_wait, Timer::kRuns);
  }
  hand_to_listener(child, entry.listener, segment, now);
}

// A full queue is emptied by age: while more than half of its room is in use and most of that has
// been repeated already, two repeats must do, which is 7 s instead of 63 s. Linux does the like;
// an honest peer answers the first SYN,ACK, a forged address none.
std::int64_t Stack::Impl::syn_ack_repeats(const Listener& listener) const {
  const SynQueue& queue = listener.syn_queue;
  const bool crowded = queue.count > std::max<std::uint32_t>(8, syn_queue_bound(listener)) / 2;
  const bool old = queue.young < queue.count / 2;
  return crowded && old ? std::min<std::int64_t>(tuning_.tcp_synack_retries, kRepeatsInAFlood)
                        : tuning_.tcp_synack_retries;
}

void Stack::Impl::on_syn_timer(std::uint32_t index, Instant now) {
  SynEntry& entry = syns_.get(index);
  tcp::SynRecord& r = entry.record;
  Listener& listener = *listeners_.get(entry.listener);
  const int deferred = deferred_repeats(listener.options);
  if (r.retries >= syn_ack_repeats(listener) && !(r.acked && r.retries < deferred)) {  // L4
    if (r.retries < tuning_.tcp_synack_retries) counters_.add(Counter::EstabSynRecvPruned);
    return end_syn(index, Event::UserTimeout, Rule::L4_SynAckRetriesSpent, 0, Timer::kExpired, now);
  }
  if (r.retries == 0) --listener.syn_queue.young;
  ++r.retries;
  // While data is waited for (TCP_DEFER_ACCEPT) nothing is repeated; at the end of that once more,
  // to draw the ACK that makes the connection (Linux).
  if (!r.acked || r.retries >= deferred) send_syn_ack(index, true, now);
  syns_.arm(index, now + back_off(r.retries, tuning_));
}

void Stack::Impl::end_syn(std::uint32_t index, Event why, Rule rule, std::uint8_t flags,
                          Timer timer, Instant now) {
  const SynEntry& entry = syns_.get(index);
  counters_.add(Counter::TcpAttemptFails);
  LifecycleEvent e = move(entry.record.tuple, entry.id, State::SynReceived, why, now);
  e.in_state = now - tcp::from_millis(entry.record.created_at, now);
  e.rule = rule;
  e.segment_flags = flags;
  log(e);
  drop_syn(index, timer, now);
}

void Stack::Impl::drop_syn(std::uint32_t index, Timer timer, Instant now) {
  const SynEntry entry = syns_.get(index);
  const Ref ref(Ref::Kind::kSyn, index);
  const std::uint64_t hash = demux_.hash(entry.record.tuple);
  if (entry.time_wait) {  // L12b, RFC 1122 4.2.2.13 (2)
    demux_.replace(hash, ref, entry.time_wait);
    time_waits_.get(entry.time_wait).reopened = 0;
    counters_.add(Counter::EstabTimeWaitReturned);
    note_time_wait(entry.time_wait, State::TimeWait, Event::RcvRst, Rule::L12b_ReturnedToTimeWait,
                   0, now);
  } else {
    demux_.erase(hash, ref);
  }
  routes_.erase(index);
  Listener& listener = *listeners_.get(entry.listener);
  if (timer == Timer::kExpired) {
    syns_.remove_expired(index, listener.syn_queue);
  } else {
    syns_.remove(index, listener.syn_queue);
  }
}

Bytes Stack::Impl::route_of(std::uint32_t index) const {
  const auto found = routes_.find(index);
  return found == routes_.end() ? Bytes{} : Bytes{found->second};
}

}  // namespace estab::stack
