#include "observe/trace_synthesis.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "observe/linux_cause.h"

namespace estab::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTimeWait = seconds(60);       // Linux's TCP_TIMEWAIT_LEN
constexpr Duration kForReason = milliseconds(2);  // a RST follows its transition at once
constexpr Duration kForPort = milliseconds(20);   // connect() chooses its port at once
constexpr Duration kForSample = milliseconds(1500);
constexpr std::uint8_t kInet = 2;

Instant instant(std::uint64_t ns) { return Instant{} + Duration{static_cast<std::int64_t>(ns)}; }

Endpoint endpoint(const std::uint8_t* bytes, std::uint8_t family, std::uint16_t port) {
  if (family == kInet) return {IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]), {port}};
  std::array<std::uint8_t, 16> all{};
  std::copy_n(bytes, all.size(), all.begin());
  return {IpAddress::v6(all), {port}};
}

std::string name_of(const char (&command)[16]) {
  return std::string(command, ::strnlen(command, sizeof command));
}

State state_of(std::uint8_t number) { return state_of_linux(number).value_or(State::Closed); }

Closing closing_of(const TraceEvent& e, std::uint8_t flags) {
  return {e.from, e.error, (flags & bpf::RAW_ORPHAN) != 0, e.owner_is_listener};
}

void because(TraceEvent& e, const Cause& cause) {
  e.event = cause.event;
  e.arrow = cause.arrow;
  e.rule = cause.rule;
}

TraceKind kind_of(std::uint8_t raw) {
  if (raw == bpf::RAW_RESET_SENT) return TraceKind::ResetSent;
  if (raw == bpf::RAW_RESET_RECEIVED) return TraceKind::ResetReceived;
  if (raw == bpf::RAW_RETRANSMIT) return TraceKind::Retransmission;
  if (raw == bpf::RAW_SYNACK_AGAIN) return TraceKind::SynAckAgain;
  return TraceKind::Transition;
}

}  // namespace

TraceSynthesis::TraceSynthesis(SynthesisOptions options, OnTraceEvent on)
    : options_(options), on_(std::move(on)) {}

TraceEvent TraceSynthesis::base(const bpf::raw_event& raw) const {
  TraceEvent e;
  e.kind = kind_of(raw.kind);
  e.at = instant(raw.at_ns);
  e.wall_offset = options_.wall_offset;
  e.connection = raw.cookie;
  e.tuple = {endpoint(raw.local, raw.family, raw.local_port),
             endpoint(raw.remote, raw.family, raw.remote_port)};
  e.from = state_of(raw.from);
  e.to = state_of(raw.to);
  e.uid = raw.uid;
  e.netns = raw.netns;
  e.error = raw.error;
  if (raw.in_state_ns != 0) e.in_state = Duration{static_cast<std::int64_t>(raw.in_state_ns)};
  const bool known = (raw.flags & (bpf::RAW_OWNER_KNOWN | bpf::RAW_OWNER_LISTENER)) != 0;
  // Packets and timers come under whatever process runs; a call comes under its own.
  const bool moved = e.kind == TraceKind::Transition && moved_by_call(e.from, e.to);
  const bpf::raw_owner& owner = moved ? raw.running : raw.owner;
  if (known || moved) {
    e.pid = owner.pid;
    e.command = name_of(owner.command);
    e.owner_is_listener = !moved && (raw.flags & bpf::RAW_OWNER_LISTENER) != 0;
  }
  if ((raw.flags & bpf::RAW_BY_CALL) != 0) {
    const bool opens = e.to == State::SynSent;
    const std::uint32_t call = opens ? bpf::RAW_TOP_MADE : bpf::RAW_TOP_MOVED + raw.to;
    const bool accepted = (raw.flags & bpf::RAW_OWNER_KNOWN) != 0 && !opens;
    e.call = {raw.running.pid, call, raw.call_stack, raw.owner.pid, accepted ? raw.made_stack : -1};
  }
  return e;
}

void TraceSynthesis::feed(const bpf::raw_event& raw) {
  if (raw.kind == bpf::RAW_STATE) return transition(raw);
  if (raw.kind == bpf::RAW_FIN_DROPPED) return fin_reached(base(raw));
  if (raw.kind == bpf::RAW_RESET_SENT) reset_sent(raw);
  if (raw.kind == bpf::RAW_SYNACK_AGAIN) half_open(base(raw));
  if (raw.kind == bpf::RAW_RESET_SENT && !options_.resets) return;
  if (raw.kind == bpf::RAW_SYNACK_AGAIN && !options_.synack_again) return;
  TraceEvent e = base(raw);
  e.reset_reason = reset_reason_name(raw.reason);
  tell(e);
}

void TraceSynthesis::transition(const bpf::raw_event& raw) {
  TraceEvent e = base(raw);
  if (e.to == State::SynSent && e.from == State::Closed) {
    because(e, arrow_cause(e.from, e.to));
    if (e.tuple.local.port.value == 0) return hold(e, kForPort);
    end_reused(e, Rule::L13_ReusedByConnect);
    return tell(e);
  }
  if (e.from == State::Listen && e.to == State::SynReceived) {
    because(e, arrow_cause(e.from, e.to));
    e.in_state.reset();
    return hold(e, kForReason);
  }
  if (e.from == State::SynReceived && e.to == State::Established) {
    return established_passively(std::move(e), raw);
  }
  release_and_tell(e.connection, e.tuple);
  if (e.from == State::SynSent && e.to != State::Closed) {
    end_reused(e, Rule::L13_ReusedByConnect);
  }
  if (e.to == State::Closed) return closed(std::move(e), raw);
  because(e, arrow_cause(e.from, e.to));
  tell(e);
}

// Linux makes the socket when the handshake is done: both moves come at once. How long it was half
// open is the SYN,ACK's round trip, or what a look or a repeated SYN,ACK showed.
void TraceSynthesis::established_passively(TraceEvent e, const bpf::raw_event& raw) {
  because(e, arrow_cause(e.from, e.to));
  auto first = release(e.connection);
  const auto seen = half_open_.find(e.connection);
  if (seen != half_open_.end()) {
    if ((raw.flags & bpf::RAW_AGE_FROM_RTT) == 0) {
      e.in_state = e.at - seen->second.since;
      e.at_least = true;
    }
    half_open_.erase(seen);
    return tell(e);
  }
  if ((raw.flags & bpf::RAW_AGE_FROM_RTT) == 0) {
    e.at_least = true;
  } else if (first) {
    first->at = e.at - *e.in_state;
    first->inferred = true;
  }
  if (first) {
    end_reused(*first, Rule::L12_Reopened);
    tell(*first);
  }
  tell(e);
}

void TraceSynthesis::closed(TraceEvent e, const bpf::raw_event& raw) {
  const bool ending = e.from == State::FinWait2 || e.from == State::Closing;
  if (ending && e.error == 0) {
    return small_now(std::move(e),
                     e.from == State::Closing || (raw.flags & bpf::RAW_FIN_SEEN) != 0);
  }
  const Closing closing = closing_of(e, raw.flags);
  because(e, closing_cause(closing));
  const bool by_call = e.error == 0 && e.arrow == 0;
  const bool data_came = closing.orphan && e.error == ECONNRESET;
  if (by_call || data_came) return hold(e, kForReason);
  tell(e);
}

// The full socket gave way to a small one.
void TraceSynthesis::small_now(TraceEvent e, bool fin_seen) {
  const Instant entered = e.in_state ? e.at - *e.in_state : e.at;
  if (fin_seen) {
    e.to = State::TimeWait;
    e.inferred = true;
    because(e, arrow_cause(e.from, e.to));
    tell(e);
    return remember(e.connection, {e, e.at, e.at + kTimeWait});
  }
  // No move: it is in FIN-WAIT-2 as before, without its owner.
  const Instant now = e.at;
  const bool known = e.in_state.has_value();
  e.to = State::FinWait2;
  e.at_least = !known;
  remember(e.connection, {e, entered, now + std::min(options_.fin_timeout, kTimeWait)});
}

void TraceSynthesis::reset_sent(const bpf::raw_event& raw) {
  if (raw.cookie == 0) {
    // Data came for a FIN-WAIT-2 record: nobody is there to read it.
    const TraceEvent e = base(raw);
    const auto place = places_.find({e.netns, e.tuple});
    if (place == places_.end() || records_.at(place->second).last.to != State::FinWait2) return;
    return end_record(place->second, e.at, Event::Abort, Rule::L19_DataAfterClose);
  }
  const std::uint8_t flags = raw.flags;
  if (auto held = release(raw.cookie)) {
    if (held->to == State::Closed) {
      because(*held, reset_cause(closing_of(*held, flags), raw.reason));
      held->reset_reason = reset_reason_name(raw.reason);
    }
    tell(*held);
    return;
  }
  // The FIN-WAIT-2 record that was inferred a moment ago is none: the socket was reset.
  const auto record = records_.find(raw.cookie);
  if (record == records_.end() || record->second.last.to != State::FinWait2) return;
  end_record(raw.cookie, instant(raw.at_ns), Event::Abort, Rule::L19_DataAfterClose);
}

// Seen by a look or by a repeated SYN,ACK.
void TraceSynthesis::half_open(TraceEvent e) {
  if (e.connection == 0 || half_open_.contains(e.connection)) return;
  if (half_open_.size() >= options_.most_records) {
    ++forgotten_;
    return;
  }
  e.kind = TraceKind::Transition;
  e.from = State::Listen;
  e.to = State::SynReceived;
  e.in_state.reset();
  e.inferred = true;
  because(e, arrow_cause(e.from, e.to));
  end_reused(e, Rule::L12_Reopened);
  half_open_[e.connection] = {e, e.at};
  tell(e);
}

void TraceSynthesis::hold(const TraceEvent& event, Duration patience) {
  release_and_tell(event.connection, event.tuple);
  held_[event.connection] = {event, event.at + patience, false};
}

std::optional<TraceEvent> TraceSynthesis::release(Cookie cookie) {
  const auto found = held_.find(cookie);
  if (found == held_.end()) return std::nullopt;
  TraceEvent event = std::move(found->second.event);
  if (found->second.unnamed) --unnamed_;
  held_.erase(found);
  return event;
}

void TraceSynthesis::release_and_tell(Cookie cookie, const FourTuple& tuple) {
  auto held = release(cookie);
  if (!held) return;
  if (held->tuple.local.port.value == 0) held->tuple = tuple;
  tell(*held);
}

void TraceSynthesis::remember(Cookie cookie, Record record) {
  if (records_.size() >= options_.most_records) {
    ++forgotten_;
    return;
  }
  if (record.last.to == State::FinWait2) ++waiting_records_;
  ends_.emplace(record.ends, cookie);
  places_[{record.last.netns, record.last.tuple}] = cookie;
  records_[cookie] = std::move(record);
}

void TraceSynthesis::end_record(Cookie cookie, Instant at, std::optional<Event> why, Rule rule) {
  const auto found = records_.find(cookie);
  if (found == records_.end()) return;
  TraceEvent e = std::move(found->second.last);
  const Instant entered = found->second.entered;
  records_.erase(found);
  if (e.to == State::FinWait2) --waiting_records_;
  const auto place = places_.find({e.netns, e.tuple});
  if (place != places_.end() && place->second == cookie) places_.erase(place);
  e.from = e.to;
  e.to = State::Closed;
  e.at = at;
  e.wall_offset = options_.wall_offset;
  e.in_state = at - entered;
  e.at_least = e.from == State::FinWait2 && e.at_least;
  e.inferred = true;
  e.arrow = arrow_cause(e.from, e.to).arrow;
  e.event = why;
  e.rule = rule;
  tell(e);
}

void TraceSynthesis::end_reused(const TraceEvent& by, Rule rule) {
  const auto place = places_.find({by.netns, by.tuple});
  if (place == places_.end() || place->second == by.connection) return;
  end_record(place->second, by.at, Event::ActiveOpen, rule);
}

void TraceSynthesis::tell_overdue(Instant now) {
  std::vector<Cookie> due;
  for (auto& [cookie, held] : held_) {
    if (held.until > now) continue;
    const bool port_missing = held.event.tuple.local.port.value == 0;
    if (port_missing && !held.unnamed) {
      held.unnamed = true;
      held.until = held.event.at + kForSample;
      ++unnamed_;
    } else {
      due.push_back(cookie);
    }
  }
  for (const Cookie cookie : due) {
    if (const auto event = release(cookie)) tell(*event);
  }
}

void TraceSynthesis::flush(Instant now) {
  tell_overdue(now);
  while (!ends_.empty() && ends_.begin()->first <= now) {
    const auto [at, cookie] = *ends_.begin();
    const auto found = records_.find(cookie);
    const bool current = found != records_.end() && found->second.ends == at;
    const bool wait = current && found->second.last.to == State::TimeWait;
    // A FIN-WAIT-2 record's end is for a look to tell: it may have become TIME-WAIT unseen.
    if (current && !wait && found->second.last.netns == options_.netns && now < at + kForSample) {
      break;
    }
    ends_.erase(ends_.begin());
    if (wait) end_record(cookie, at, Event::Timeout2Msl, Rule::None);
    if (current && !wait) {
      places_.erase({found->second.last.netns, found->second.last.tuple});
      records_.erase(found);
      --waiting_records_;
      ++forgotten_;
    }
  }
}

void TraceSynthesis::sample(const std::vector<SampledSocket>& rows, Instant now) {
  for (const SampledSocket& row : rows) {
    if (row.state == State::SynReceived) sampled_half_open(row, now);
    if (row.state == State::SynSent) sampled_connect(row);
    // Its timer tells when it began.
    if (row.state == State::TimeWait) record_waits(row.cookie, now - (kTimeWait - row.expires));
  }
  end_missing(rows, now);
}

void TraceSynthesis::sampled_half_open(const SampledSocket& row, Instant now) {
  TraceEvent e;
  e.at = now;
  e.wall_offset = options_.wall_offset;
  e.connection = row.cookie;
  e.tuple = row.tuple;
  e.netns = row.netns;
  half_open(std::move(e));
}

void TraceSynthesis::sampled_connect(const SampledSocket& row) {
  const auto found = held_.find(row.cookie);
  if (found == held_.end() || !found->second.unnamed) return;
  release_and_tell(row.cookie, row.tuple);
}

// A FIN-WAIT-2 record that became TIME-WAIT.
void TraceSynthesis::record_waits(Cookie cookie, Instant since) {
  const auto found = records_.find(cookie);
  if (found == records_.end() || found->second.last.to != State::FinWait2) return;
  Record& record = found->second;
  TraceEvent e = record.last;
  --waiting_records_;
  e.at = since;
  e.wall_offset = options_.wall_offset;
  e.from = State::FinWait2;
  e.to = State::TimeWait;
  e.in_state = e.at - record.entered;
  e.inferred = true;
  because(e, arrow_cause(e.from, e.to));
  record = {e, since, since + kTimeWait};
  record.last.at_least = false;
  ends_.emplace(record.ends, cookie);
  tell(e);
}

void TraceSynthesis::fin_reached(const TraceEvent& segment) {
  const auto place = places_.find({segment.netns, segment.tuple});
  if (place != places_.end()) record_waits(place->second, segment.at);
}

void TraceSynthesis::end_missing(const std::vector<SampledSocket>& rows, Instant now) {
  std::unordered_set<Cookie> there;
  for (const SampledSocket& row : rows) there.insert(row.cookie);
  std::vector<Cookie> ended;
  for (const auto& [cookie, record] : records_) {
    const TraceEvent& last = record.last;
    if (last.to != State::FinWait2 || last.netns != options_.netns) continue;
    if (last.at + milliseconds(5) < now && !there.contains(cookie)) ended.push_back(cookie);
  }
  for (const Cookie cookie : ended) {
    const Instant ends = records_.at(cookie).ends;
    // Before its time it was ended by a RST or by hand; nobody tells.
    if (now < ends) {
      end_record(cookie, now, std::nullopt, Rule::None);
    } else {
      end_record(cookie, ends, Event::UserTimeout, Rule::L8_FinWait2Timeout);
    }
  }
  for (auto at = half_open_.begin(); at != half_open_.end();) {
    if (there.contains(at->first) || at->second.last.netns != options_.netns) {
      ++at;
      continue;
    }
    TraceEvent e = at->second.last;
    e.from = State::SynReceived;
    e.to = State::Closed;
    e.at = now;
    e.in_state = now - at->second.since;
    e.at_least = true;
    e.event.reset();
    e.arrow = 0;
    at = half_open_.erase(at);
    tell(e);
  }
}

}  // namespace estab::observe
