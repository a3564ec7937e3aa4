// What time does to a connection: RFC 6298 retransmission, zero-window probes (RFC 9293 3.8.6.1),
// keep-alive (3.8.4), delayed ACK, user timeout (3.8.3, RFC 5482), 2 MSL and the bounds of orphans.
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"
#include "tcp/output.h"

namespace estab::tcp {
namespace {
constexpr Duration kSlack = std::chrono::milliseconds(2);  // of timers on both sides
}  // namespace

void Connection::on_time(Context& context) {
  const Instant now = context.now;
  if (delayed_ack_at_ <= now) {
    delayed_ack_at_ = kNever;
    ack_due_ = true;
    context.counters.add(Counter::TcpExtDelayedACKs);
  }
  if (hold_until_ <= now) {
    hold_until_ = kNever;
    held_long_enough_ = true;
  }
  if (retransmit_at_ <= now) {
    switch (timer_) {
      case Timer::Retransmit:
        run_retransmit(context);
        break;
      case Timer::Probe:
        probe_tail(context);
        break;
      case Timer::Reordering:
        reordering_over(context);
        break;
    }
  }
  if (persist_at_ <= now) probe_window(context);
  if (keep_alive_at_ <= now) run_keep_alive(context);
  if (state_at_ <= now) run_state_timer(context);
  if (orphan_until_ <= now) time_out(Rule::L22_ClosingBounded, context);
}

void Connection::stop_timers() {
  retransmit_at_ = persist_at_ = delayed_ack_at_ = kNever;
  keep_alive_at_ = state_at_ = hold_until_ = orphan_until_ = kNever;
}

// RFC 6298 5.5: doubled each time, up to the largest.
Duration Connection::backed_off(const Context& context) const {
  const Duration most = milliseconds_of(context.tuning.tcp_rto_max_ms);
  const Duration rto = rtt_.rto(context.tuning);
  const int doublings = std::min(backoff_, 20);
  return rto > most / (std::int64_t{1} << doublings) ? most : rto * (std::int64_t{1} << doublings);
}

void Connection::arm_retransmit(Context& context) {
  if (retransmit_at_ == kNever) restart_timeout(context);
}

// RFC 6298 5.1, 5.3
void Connection::restart_timeout(Context& context) {
  timer_ = Timer::Retransmit;
  retransmit_at_ = in_flight() > 0 ? context.now + backed_off(context) : kNever;
}

// How long until the timeout of the first segment, counted from when it left last.
Duration Connection::until_timeout(const Context& context) const {
  return sent_.empty() ? backed_off(context)
                       : sent_[sent_.begin()].at + backed_off(context) - context.now;
}

// After an ACK: the probe of the tail, or the timeout. What a shorter timer stood in for does not
// begin anew.
void Connection::arm_for_flight(Context& context) {
  if (arm_tail_probe(true, context)) return;
  const bool shorter = timer_ != Timer::Retransmit && retransmit_at_ != kNever;
  const Duration wait =
      shorter ? std::max(until_timeout(context), Duration{1}) : backed_off(context);
  timer_ = Timer::Retransmit;
  retransmit_at_ = context.now + wait;
}

// RFC 8985 6.2 step 5: `wait` from now another segment may be lost.
void Connection::arm_reordering(Duration wait, Context& context) {
  timer_ = Timer::Reordering;
  retransmit_at_ = context.now + wait + kSlack;
}

void Connection::reordering_over(Context& context) {
  retransmit_at_ = kNever;
  const std::int64_t before = pipe();
  const Duration wait = mark_overdue(context);
  if (pipe() != before && recovery_.state != CaState::Recovery) {
    enter_recovery(false, context);
    congestion_.set_cwnd(recovery_.prr.window(pipe(), congestion_.ssthresh(), 1, false));
  }
  if (wait > Duration{0}) {
    arm_reordering(wait, context);
  } else {
    timer_ = Timer::Retransmit;
    retransmit_at_ = context.now + std::max(until_timeout(context), Duration{1});
  }
}

// Data or a FIN that no window lets out, and nothing in flight whose ACK could bring news: probe
// after one RTO (SHLD-29), then with back-off (SHLD-30). It also is the override timer of sender
// silly-window avoidance (3.8.6.2.1 (4)).
void Connection::arm_persist(Context& context) {
  const bool waiting = unsent_bytes() > 0 || (fin_queued_ && !fin_sent_);
  if (!waiting || in_flight() > 0 || persist_at_ != kNever || hold_until_ != kNever) return;
  persist_at_ = context.now + backed_off(context);
}

// --- retransmission -----------------------------------------------------------------------------

bool Connection::handshake_retries_spent(Context& context) const {
  const Tuning& t = context.tuning;
  if (state_ == State::SynSent) {  // MUST-22, MUST-23
    return retries_ >= settings_.syn_retries.value_or(static_cast<int>(t.tcp_syn_retries));
  }
  return retries_ >= static_cast<int>(t.tcp_synack_retries);
}

// R2 (MUST-20, MUST-21, SHLD-11): by time, as Linux counts it, so that a short RTO does not give up
// early: as long as that many back-offs from the smallest RTO would take.
Duration Connection::give_up_after(std::int64_t retries, const Tuning& t) const {
  const Duration most = milliseconds_of(t.tcp_rto_max_ms);
  Duration sum{0};
  Duration step = milliseconds_of(t.tcp_rto_min_ms);
  for (std::int64_t i = 0; i <= retries; ++i) {
    sum += step;
    step = std::min(2 * step, most);
  }
  return sum;
}

bool Connection::retries_spent(Context& context) const {
  const Tuning& t = context.tuning;
  const Duration tried = context.now - retry_since_;
  if (settings_.user_timeout > Duration{0}) return tried >= settings_.user_timeout;
  const auto boundary = orphan_ ? t.tcp_orphan_retries : t.tcp_retries2;
  return retries_ > 0 && tried >= give_up_after(boundary, t);
}

void Connection::run_retransmit(Context& context) {
  retransmit_at_ = kNever;
  recovery_.probing = false;
  const bool handshake = snd_una_ == iss_;
  if (handshake && (state_ == State::SynSent || state_ == State::SynReceived)) {
    const Rule rule =
        state_ == State::SynSent ? Rule::L1_SynRetriesSpent : Rule::L4_SynAckRetriesSpent;
    const bool late = settings_.user_timeout > Duration{0} &&
                      context.now - retry_since_ >= settings_.user_timeout;
    if (late || handshake_retries_spent(context)) return time_out(rule, context);
  } else if (!handshake && snd_wnd_ == 0) {
    return probe_window(context);  // MUST-35: not a loss
  } else if (retries_spent(context)) {
    return time_out(orphan_ ? Rule::L21_OrphanLimit : Rule::L20_TimedOut, context);
  }
  ++retries_;
  ++backoff_;
  ++total_rto_;
  context.counters.add(Counter::TcpExtTCPTimeouts);
  if (retries_ == static_cast<int>(context.tuning.tcp_retries1)) {  // R1: MUST-20, SHLD-9, SHLD-10
    doubt_ = true;
    if (settings_.error_reports && soft_error_ == 0) soft_error_ = ETIMEDOUT;
  }
  if (handshake) {
    syn_due_ = true;
    return;
  }
  if (retries_ == static_cast<int>(context.tuning.tcp_retries1)) suspect_black_hole(context);
  enter_loss(retries_ == 1, context);
  (void)retransmit_one(true, context);
  restart_timeout(context);
}

void Connection::time_out(Rule rule, Context& context) {
  const bool synchronized = kSynchronized.has(state_);
  const int error = soft_error_ != 0 ? soft_error_ : ETIMEDOUT;
  context.counters.add(rule == Rule::L21_OrphanLimit || rule == Rule::L22_ClosingBounded
                           ? Counter::EstabOrphanTimeout
                           : Counter::TcpExtTCPAbortOnTimeout);
  if (synchronized) send_reset(context);  // the state is known: the peer may hear of it
  end(Event::UserTimeout, rule, error, context);
}

// --- zero window --------------------------------------------------------------------------------

// One octet beyond a closed window (MUST-36), or what a small window takes; its answer says whether
// the window is open. Answered probes go on without end (MUST-37) unless the application set a user
// timeout or nobody owns the connection any more.
void Connection::probe_window(Context& context) {
  persist_at_ = retransmit_at_ = kNever;
  const Tuning& t = context.tuning;
  if (probes_ == 0) probe_since_ = context.now;
  const Duration silence = context.now - std::max(probe_since_, last_ack_received_);
  const bool user_limit =
      settings_.user_timeout > Duration{0} && context.now - probe_since_ >= settings_.user_timeout;
  const bool spent = probes_ >= t.tcp_orphan_retries && defended(Defence::PersistBound);
  if (orphan_ && spent) return time_out(Rule::L21_OrphanLimit, context);
  if (user_limit || silence >= give_up_after(t.tcp_retries2, t)) {
    return time_out(Rule::L20_TimedOut, context);
  }
  ++probes_;
  ++backoff_;
  context.counters.add(Counter::TcpExtTCPWinProbe);
  const bool again = in_flight() > 0;
  const SeqNum seq = again ? snd_una_ : snd_nxt_;
  const std::int64_t available = send_queue_.end() - seq;
  const std::int64_t window = std::max<std::int64_t>(snd_una_ + snd_wnd_ - seq, 1);
  const std::int64_t length = std::min(window, segment_length(seq, available));
  if (again) {
    count_copy(length);
    send_range(seq, length, available == 0, true, context);
  } else {
    send_fresh(length, available == 0, context);
  }
  timer_ = Timer::Retransmit;
  retransmit_at_ = context.now + backed_off(context);
}

// --- keep-alive ---------------------------------------------------------------------------------

void Connection::restart_keep_alive(Context& context) {
  keep_probes_ = 0;
  const bool live = kSynchronized.has(state_) && state_ != State::TimeWait;
  if (!settings_.keep_alive || !live) {  // MUST-24, MUST-25
    keep_alive_at_ = kNever;
    return;
  }
  const Duration idle = settings_.keep_idle.value_or(seconds_of(context.tuning.tcp_keepalive_time));
  keep_alive_at_ = std::max(last_heard_, last_data_sent_) + idle;  // MUST-26 to MUST-28
}

void Connection::run_keep_alive(Context& context) {
  const Tuning& t = context.tuning;
  const Duration interval = settings_.keep_interval.value_or(seconds_of(t.tcp_keepalive_intvl));
  if (in_flight() > 0 || unsent_bytes() > 0) {  // MUST-26: retransmission watches the peer now
    keep_alive_at_ = context.now + settings_.keep_idle.value_or(seconds_of(t.tcp_keepalive_time));
    return;
  }
  const int most = settings_.keep_count.value_or(static_cast<int>(t.tcp_keepalive_probes));
  const bool user_limit = settings_.user_timeout > Duration{0} && keep_probes_ > 0 &&
                          context.now - last_heard_ >= settings_.user_timeout;
  const bool spent = settings_.user_timeout == Duration{0} && keep_probes_ >= most;
  if (user_limit || spent) return time_out(Rule::L20_TimedOut, context);  // MUST-29: not one alone
  ++keep_probes_;
  context.counters.add(Counter::TcpExtTCPKeepAlive);
  wire::Segment s = blank(wire::kAck, snd_nxt_ - 1, context);  // SHLD-12: no data, an old number
  emit(std::move(s), context, false);
  keep_alive_at_ = context.now + interval;
}

// --- 2 MSL, and FIN-WAIT-2 without an owner -----------------------------------------------------

void Connection::run_state_timer(Context& context) {
  state_at_ = kNever;
  if (state_ == State::TimeWait) {
    context.counters.add(Counter::TcpExtTW);
    apply(Event::Timeout2Msl, context);  // arrow 20
  } else if (state_ == State::FinWait2) {
    context.counters.add(Counter::EstabFinWait2Timeout);
    apply(Event::UserTimeout, context, Rule::L8_FinWait2Timeout);
  }
}

}  // namespace estab::tcp
