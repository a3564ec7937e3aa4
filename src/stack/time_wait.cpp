// What ends as a record: FIN-WAIT-2 without an owner, and TIME-WAIT. Rules L8, L10, L11, L12, L14.
#include "stack/impl.h"

namespace estab::stack {

// The connection has nothing left that needs a full one: a record takes its place. True when it
// did, and the entry may be gone.
bool Stack::Impl::compact(ConnectionEntry& entry, Instant now) {
  const tcp::Connection& c = entry.connection;
  const FourTuple tuple = c.tuple();
  const State state = c.state();
  const std::uint64_t hash = demux_.hash(tuple);
  NewTimeWait n{.tuple = tuple,
                .tcp = c.time_wait(),
                .deadline = now,
                .length = c.settings().time_wait ? c.time_wait_length(tuning_) : Duration{0},
                .id = c.id(),
                .reuse_address = entry.holder.reuse_address,
                .reuse_port = entry.holder.reuse_port,
                .autobound = entry.holder.autobound};
  n.deadline = now + (state == State::TimeWait
                          ? c.time_wait_length(tuning_)
                          : c.settings().fin_wait_2.value_or(seconds_of(tuning_.tcp_fin_timeout)));
  const bool room = time_waits_.size() < static_cast<std::uint64_t>(tuning_.tcp_max_tw_buckets);
  const Ref ref = room ? time_waits_.add(n, now) : Ref{};
  if (ref) {
    demux_.replace(hash, Ref(Ref::Kind::kConnection, entry.self.index()), ref);
    ports_.remove(tuple.local.port, entry.holder);
    ports_.add(tuple.local.port, holder_of(time_waits_.get(ref), tuple.local.address));
    if (state == State::FinWait2) ++fin_wait_2_records_;
    entry.attached = false;
    timers_.cancel(entry);
    ++releases_;  // L13 may hold for it, in a while
    remember(ref, now);
  } else {  // L14
    counters_.add(Counter::TcpExtTCPTimeWaitOverflow);
    const Event over = state == State::TimeWait ? Event::Timeout2Msl : Event::UserTimeout;
    LifecycleEvent e = move(tuple, c.id(), state, over, now);
    e.in_state = now - c.state_since();
    e.arrow = 0;  // no 2 MSL have passed
    e.rule = Rule::L14_TooManyTimeWait;
    log(e);
    release(entry);
  }
  account(entry);
  if (entry.owned) {
    tell(entry);  // its owner may still read what is there; the record answers the network
  } else {
    destroy(entry);
  }
  return true;
}

void Stack::Impl::to_time_wait(Ref ref, const wire::Segment& segment, const Arrival& arrival,
                               Instant now) {
  TimeWaitRecord& record = time_waits_.get(ref);
  const ListenerId listener =
      segment.has(wire::kSyn) ? listeners_.find(segment.tuple) : ListenerId{};
  tcp::Context c = context(now);
  const tcp::TimeWaitVerdict verdict =
      tcp::on_segment(record.tcp, segment.tuple, segment, static_cast<bool>(listener), c);
  const Duration length = time_waits_.length_of(ref, seconds_of(tuning_.time_wait));
  switch (verdict) {
    case tcp::TimeWaitVerdict::Drop:
      break;
    case tcp::TimeWaitVerdict::Restart:  // L10
      time_waits_.restart(ref, now + length, now);
      break;
    case tcp::TimeWaitVerdict::Enter: {  // arrow 16
      log_move(ref, State::FinWait2, Event::RcvFin, Rule::None, segment.flags, now);
      --fin_wait_2_records_;
      ++releases_;
      time_waits_.restart(ref, now + length, now);
      break;
    }
    case tcp::TimeWaitVerdict::Reopen:
      return open_half(listener, segment, arrival, ref, now);
    case tcp::TimeWaitVerdict::End: {
      drain(id_of(record), {}, now);
      const Event why = segment.has(wire::kRst) ? Event::RcvRst : Event::Abort;
      log_move(ref, record.tcp.state, why, Rule::None, segment.flags, now);
      return forget_time_wait(ref, Timer::kRuns);
    }
  }
  drain(id_of(record), {}, now);
  remember(ref, now);
}

void Stack::Impl::on_time_wait_timer(Ref ref, Instant now) {
  const TimeWaitRecord& record = time_waits_.get(ref);
  if (record.tcp.state == State::TimeWait) {  // arrow 20
    counters_.add(Counter::TcpExtTW);
    log_move(ref, State::TimeWait, Event::Timeout2Msl, Rule::None, 0, now);
  } else {  // L8
    counters_.add(Counter::EstabFinWait2Timeout);
    log_move(ref, State::FinWait2, Event::UserTimeout, Rule::L8_FinWait2Timeout, 0, now);
  }
  forget_time_wait(ref, Timer::kExpired);
}

void Stack::Impl::forget_time_wait(Ref ref, Timer timer) {
  const TimeWaitRecord& record = time_waits_.get(ref);
  const FourTuple tuple = time_waits_.tuple(ref);
  const Ref stands = find(tuple);
  if (stands == ref) {
    demux_.erase(demux_.hash(tuple), ref);
  } else if (stands && stands.kind() == Ref::Kind::kSyn) {
    // L12: the tuple is the SYN record's now, and there is nothing to return to any more.
    syns_.get(stands.index()).time_wait = Ref{};
    syns_.get(stands.index()).record.reopened = false;
  }
  if (record.tcp.state == State::FinWait2) --fin_wait_2_records_;
  ports_.remove(tuple.local.port, holder_of(record, tuple.local.address));
  ++releases_;
  memory_.erase(ref);
  if (timer == Timer::kExpired) {
    time_waits_.remove_expired(ref);
  } else {
    time_waits_.remove(ref);
  }
}

void Stack::Impl::log_move(Ref ref, State from, Event why, Rule rule, std::uint8_t flags,
                           Instant now) {
  const TimeWaitRecord& record = time_waits_.get(ref);
  LifecycleEvent e = move(time_waits_.tuple(ref), id_of(record), from, why, now);
  e.in_state = now - tcp::from_millis(record.entered, now);
  e.rule = rule;
  e.segment_flags = flags;
  log(e);
}

void Stack::Impl::note_time_wait(Ref ref, State to, Event why, Rule rule, std::uint8_t flags,
                                 Instant now) {
  const TimeWaitRecord& record = time_waits_.get(ref);
  LifecycleEvent e = event(time_waits_.tuple(ref), id_of(record), now);
  e.in_state = now - tcp::from_millis(record.entered, now);
  e.from = record.tcp.state;
  e.to = to;
  e.event = why;
  e.rule = rule;
  e.segment_flags = flags;
  log(e);
}

// The whole id: the newest one with this low half.
std::uint64_t Stack::Impl::id_of(const TimeWaitRecord& record) const {
  const std::uint64_t id = (next_id_ & ~std::uint64_t{0xffffffff}) | record.serial;
  return id < next_id_ ? id : id - (std::uint64_t{1} << 32);
}

Holder Stack::Impl::holder_of(const TimeWaitRecord& record, const IpAddress& local) {
  Holder h;
  h.address = local;
  h.kind = HolderKind::kTimeWait;
  h.reuse_address = record.reuse_address != 0;
  h.reuse_port = record.reuse_port != 0;
  h.autobound = record.autobound != 0;
  return h;
}

void Stack::Impl::remember(Ref ref, Instant now) {
  if (memory_.in_use()) (void)memory_.put(ref, saved(ref, now));
}

SavedTimeWait Stack::Impl::saved(Ref ref, Instant now) const {
  const TimeWaitRecord& r = time_waits_.get(ref);
  const auto shift = static_cast<std::uint32_t>(wall_offset_ / std::chrono::milliseconds(1));
  const auto wall = [&](tcp::Millis m) {
    return (tcp::from_millis(m, now).time_since_epoch() + wall_offset_).count();
  };
  SavedTimeWait s{.tuple = time_waits_.tuple(ref),
                  .tcp = r.tcp,
                  .entered = wall(r.entered),
                  .deadline = wall(r.deadline),
                  .length = time_waits_.length_of(ref, Duration{0}),
                  .reuse_address = r.reuse_address != 0,
                  .reuse_port = r.reuse_port != 0,
                  .autobound = r.autobound != 0};
  s.tcp.ts_recent_at += shift;
  s.tcp.last_ack_at += shift;
  s.tcp.ts_offset -= shift;
  return s;
}

}  // namespace estab::stack
