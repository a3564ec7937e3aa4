#include "tcp/connection.h"

#include <algorithm>
#include <cassert>

#include "tcp/mss.h"

namespace estab::tcp {

void Connection::start(std::uint64_t id, const FourTuple& tuple, const Settings& settings,
                       const Path& path, WireSeq iss, std::uint32_t ts_offset,
                       const Context& context) {
  id_ = id;
  tuple_ = tuple;
  remote_given_ = tuple.remote.port.value != 0;
  settings_ = settings;
  path_ = path;
  state_since_ = context.now;
  iss_ = snd_una_ = snd_nxt_ = snd_up_ = SeqNum::first(iss);
  send_queue_.start(iss_ + 1);
  send_accounting_.start(iss_ + 1, settings.send_buffer, settings.send_buffer_fixed);
  recovery_.high = round_end_ = small_seq_ = usage_end_ = iss_;
  ts_offset_ = ts_offset;
  our_mss_ = mss_for_mtu(path.our_mtu, tuple.local.address.is_v4());
  if (settings.max_segment != 0) our_mss_ = std::min(our_mss_, settings.max_segment);
  // What we offer; what is agreed on is known when the peer's SYN is here.
  ts_ok_ = context.tuning.tcp_timestamps != 0;
  sack_ok_ = context.tuning.tcp_sack != 0;
  wscale_ok_ = context.tuning.tcp_window_scaling != 0;
  rcv_wnd_shift_ = wscale_ok_ ? window_shift_for(context.tuning) : std::uint8_t{0};
  recovery_.reordering = static_cast<std::uint32_t>(context.tuning.tcp_reordering);
  last_heard_ = context.now;
  congestion_.start(settings.congestion, 1);
  usage_at_ = context.now;
}

Connection Connection::open_active(std::uint64_t id, const FourTuple& tuple,
                                   const Settings& settings, const Path& path, WireSeq iss,
                                   std::uint32_t ts_offset, Context& context) {
  Connection c;
  c.start(id, tuple, settings, path, iss, ts_offset, context);
  c.opened_ = Opened::Actively;
  c.syn_due_ = true;
  context.counters.add(Counter::TcpActiveOpens);
  c.apply(Event::ActiveOpen, context);
  return c;
}

Connection Connection::open_passive(std::uint64_t id, const FourTuple& tuple,
                                    const Settings& settings, const Path& path, WireSeq iss,
                                    std::uint32_t ts_offset, Context& context) {
  Connection c;
  c.start(id, tuple, settings, path, iss, ts_offset, context);
  c.opened_ = Opened::Passively;
  c.apply(Event::PassiveOpen, context);
  return c;
}

Connection Connection::from_record(std::uint64_t id, const SynRecord& r, const Settings& settings,
                                   const Path& path, Context& context) {
  Connection c;
  c.start(id, r.tuple, settings, path, r.iss, r.ts_offset, context);
  c.opened_ = Opened::Passively;
  c.state_ = State::SynReceived;  // the record walked arrow 6; it is the same connection
  c.state_since_ = from_millis(r.created_at, context.now);
  c.snd_nxt_ = c.iss_ + 1;
  c.irs_ = SeqNum::first(r.irs);
  c.rcv_nxt_ = c.last_ack_sent_ = c.irs_ + 1;
  c.rcv_adv_ = c.rcv_nxt_ + r.rcv_wnd;
  c.receive_queue_.start(c.rcv_nxt_);
  c.our_mss_ = r.our_mss;
  c.peer_mss_ = r.peer_mss;
  c.ts_ok_ = r.ts_ok;
  c.ts_recent_ = r.ts_recent;
  c.ts_recent_at_ = c.state_since_;
  c.sack_ok_ = r.sack_ok;
  c.ecn_.agree(r.ecn_ok);
  c.wscale_ok_ = r.wscale_ok;
  c.snd_wnd_shift_ = r.snd_wnd_shift;
  c.rcv_wnd_shift_ = r.wscale_ok ? r.rcv_wnd_shift : std::uint8_t{0};
  c.snd_wnd_ = c.max_snd_wnd_ = r.peer_window;
  c.snd_wl1_ = c.irs_;
  c.snd_wl2_ = c.iss_;
  c.retries_ = r.repeated ? std::max<int>(r.retries, 1) : 0;
  // The SYN,ACK's round trip is a sample, if it is known which one was answered (Karn).
  if (!r.repeated && !r.cookie) {
    c.syn_timed_ = true;
    c.retry_since_ = c.state_since_;
  }
  return c;
}

// The only place that assigns a state.
void Connection::apply(Event event, Context& context, Rule rule, int error) {
  const Step s = step(state_, event, opened_);
  assert(s.decision == Decision::Move && "the steps of 3.10 raise only what the table knows");
  LifecycleEvent e;
  e.at = context.now;
  e.in_state = context.now - state_since_;
  e.connection = id_;
  e.tuple = tuple_;
  e.from = state_;
  e.to = s.to;
  e.event = event;
  e.arrow = s.arrow;
  e.rule = rule;
  e.segment_flags = cause_;
  e.error = error;
  context.events.push_back(e);
  state_ = s.to;
  state_since_ = context.now;
  if (error != 0) error_ = error;
  enter_state(context);
}

void Connection::note(Rule rule, Context& context, int error) const {
  LifecycleEvent e;
  e.at = context.now;
  e.in_state = context.now - state_since_;
  e.connection = id_;
  e.tuple = tuple_;
  e.from = e.to = state_;
  e.rule = rule;
  e.segment_flags = cause_;
  e.error = error;
  context.events.push_back(e);
}

// What a state brings with it: its timer, and the memory it does not need.
void Connection::enter_state(Context& context) {
  switch (state_) {
    case State::TimeWait:
      stop_timers();
      send_queue_.clear();
      send_accounting_.clear();
      sent_.clear();
      receive_queue_.forget_pieces();
      state_at_ = context.now + time_wait_length(context.tuning);  // MUST-13
      break;
    case State::FinWait2:
      if (orphan_) {  // L8
        const Duration wait =
            settings_.fin_wait_2.value_or(seconds_of(context.tuning.tcp_fin_timeout));
        state_at_ = context.now + std::max(wait, Duration{0});
      }
      break;
    case State::Closed:
      stop_timers();
      syn_due_ = ack_due_ = false;
      send_queue_.clear();
      send_accounting_.clear();
      receive_queue_.forget_pieces();
      scoreboard_.clear();
      sent_.clear();
      snd_nxt_ = snd_una_;
      break;
    case State::Listen:  // arrow 5: as it was after the OPEN
      stop_timers();
      syn_due_ = ack_due_ = false;
      if (!remote_given_) tuple_.remote = {};
      snd_una_ = snd_nxt_ = iss_;
      retries_ = backoff_ = 0;
      break;
    case State::SynSent:
    case State::SynReceived:
    case State::Established:
    case State::FinWait1:
    case State::CloseWait:
    case State::Closing:
    case State::LastAck:
      break;
  }
}

// A connection that ends before its time, with what the application will hear of it.
void Connection::end(Event event, Rule rule, int error, Context& context) {
  if (state_ == State::SynSent || state_ == State::SynReceived) {
    context.counters.add(Counter::TcpAttemptFails);
  } else if (state_ == State::Established || state_ == State::CloseWait) {
    context.counters.add(Counter::TcpEstabResets);
  }
  apply(event, context, rule, error);
}

Duration Connection::time_wait_length(const Tuning& tuning) const {
  return settings_.time_wait.value_or(seconds_of(tuning.time_wait));
}

// --- looks --------------------------------------------------------------------------------------

Instant Connection::deadline() const {
  return std::min({retransmit_at_, persist_at_, delayed_ack_at_, keep_alive_at_, state_at_,
                   hold_until_, orphan_until_});
}

std::size_t Connection::readable_bytes() const {
  return state_ == State::Listen ? 0 : receive_queue_.readable();
}
std::size_t Connection::unsent_bytes() const {
  const std::int64_t unsent = send_queue_.end() - std::max(snd_nxt_, send_queue_.begin());
  return unsent > 0 ? static_cast<std::size_t>(unsent) : 0;
}
std::size_t Connection::unacked_bytes() const { return send_queue_.size(); }
std::size_t Connection::memory() const { return send_queue_.memory() + receive_queue_.memory(); }

Readiness Connection::readiness() const {
  Readiness r = 0;
  const bool ended = state_ == State::Closed;
  const bool pending = error_ != 0;
  if (pending) r |= kError | kReadable | kWritable;
  if (was_connected_) r |= kConnected;
  const bool eof = fin_received_ || read_shut_ || ended;
  if (eof || receive_queue_.readable() >= settings_.receive_low_water) r |= kReadable;
  if (urgent_received_ && !urgent_read_) r |= kUrgent;
  if (fin_received_ || read_shut_ || ended) r |= kReadClosed;
  if (ended || ((fin_received_ || read_shut_) && fin_queued_)) r |= kHangup;
  const bool open_for_send = state_ == State::Established || state_ == State::CloseWait;
  if (fin_queued_ || ended) {
    r |= kWritable;  // a write would not wait: it fails with EPIPE
  } else if (open_for_send && send_accounting_.writable(snd_nxt_, settings_.not_sent_low_water)) {
    r |= kWritable;
  }
  return r;
}

bool Connection::compactable() const {
  if (!orphan_) return false;
  return state_ == State::TimeWait || (state_ == State::FinWait2 && send_queue_.size() == 0);
}

TimeWait Connection::time_wait() const {
  TimeWait t;
  t.snd_nxt = snd_nxt_.wire().value;
  t.rcv_nxt = rcv_nxt_.wire().value;
  t.rcv_wnd = static_cast<std::uint32_t>(std::max<std::int64_t>(rcv_adv_ - rcv_nxt_, 0));
  t.ts_recent = ts_recent_;
  t.ts_recent_at = to_millis(ts_recent_at_);
  t.ts_offset = ts_offset_;
  t.state = state_;
  t.rcv_wnd_shift = rcv_wnd_shift_;
  t.ts_ok = ts_ok_ ? 1 : 0;
  t.tos = settings_.tos;
  return t;
}

bool Connection::take_doubt() { return std::exchange(doubt_, false); }

int Connection::take_error() { return std::exchange(error_, 0); }

}  // namespace estab::tcp
