// TIME-WAIT, and FIN-WAIT-2 without an owner, as records: rules L8 and L10 to L13, L19.
#include <cstdint>

#include "base/defence.h"
#include "tcp/acceptable.h"
#include "tcp/isn.h"
#include "tcp/output.h"
#include "tcp/record.h"

namespace estab::tcp {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;
using V = TimeWaitVerdict;

constexpr std::int32_t kLargestWindow = std::int32_t{1} << 30;   // RFC 7323 2.3
constexpr Duration kTimestampAge = std::chrono::hours(24 * 24);  // RFC 7323 5.5

void log(Rule rule, const TimeWait& r, const FourTuple& tuple, const wire::Segment& s,
         Context& context) {
  LifecycleEvent e;
  e.at = context.now;
  e.tuple = tuple;
  e.from = e.to = r.state;
  e.rule = rule;
  e.segment_flags = s.flags;
  context.events.push_back(e);
}

// The rate limit of all that a record answers: two ends in TIME-WAIT must not talk for ever.
bool may_acknowledge(TimeWait& r, Context& context) {
  const Duration least = milliseconds_of(context.tuning.tcp_invalid_ratelimit);
  const Instant last = from_millis(r.last_ack_at, context.now);
  if (r.has_acked != 0 && context.now - last < least && last <= context.now &&
      defended(Defence::ChallengeLimit)) {
    context.counters.add(r.state == State::TimeWait ? Counter::TcpExtTCPACKSkippedTimeWait
                                                    : Counter::TcpExtTCPACKSkippedFinWait2);
    return false;
  }
  return true;
}

// ACK of what both sides know.
void send_ack(TimeWait& r, const FourTuple& tuple, Context& context) {
  r.has_acked = 1;
  r.last_ack_at = to_millis(context.now);
  wire::Segment a =
      make_segment(tuple, kAck, WireSeq{r.snd_nxt}, WireSeq{r.rcv_nxt}, context.tuning);
  a.window = static_cast<std::uint16_t>(std::min(r.rcv_wnd >> r.rcv_wnd_shift, 0xffffu));
  a.tos = r.tos;
  if (r.ts_ok != 0) {
    a.options.timestamps =
        wire::Timestamps{timestamp_clock(context.now) + r.ts_offset, r.ts_recent};
  }
  push(std::move(a), context);
}

void acknowledge(TimeWait& r, const FourTuple& tuple, Context& context) {
  if (may_acknowledge(r, context)) send_ack(r, tuple, context);
}

// RFC 5961. The record's own limit comes first: one that is hammered must not use up what the whole
// stack has (CVE-2016-5696's class).
void challenge(TimeWait& r, const FourTuple& tuple, Context& context) {
  if (!may_acknowledge(r, context) || !challenge_allowed(context)) return;
  context.counters.add(Counter::TcpExtTCPChallengeACK);
  send_ack(r, tuple, context);
}

// Is this SYN the start of a new incarnation? RFC 9293 3.6.1 (MAY-2, SHLD-4), RFC 6191 2.
bool is_rightful_syn(const TimeWait& r, const wire::Segment& s, const Tuning& tuning) {
  const bool isn_above = static_cast<std::int32_t>(s.seq.value - r.rcv_nxt) > 0;
  const bool will_have_timestamps = s.options.timestamps && tuning.tcp_timestamps != 0;
  if (!will_have_timestamps) return isn_above;
  if (r.ts_ok == 0) return true;  // an old SYN would have had none
  const std::uint32_t value = s.options.timestamps->value;
  return timestamp_before(r.ts_recent, value) || (value == r.ts_recent && isn_above);
}

V on_syn(TimeWait& r, const FourTuple& tuple, const wire::Segment& s, bool listener_stands,
         Context& context) {
  const bool rightful = is_rightful_syn(r, s, context.tuning);
  if (listener_stands && rightful) return V::Reopen;  // L12
  context.counters.add(Counter::EstabTimeWaitSynOld);
  log(Rule::L11_OldSegment, r, tuple, s, context);
  // RFC 6191 2: by timestamps it is surely old: silence. By sequence numbers alone: ask.
  if (r.ts_ok != 0 && s.options.timestamps && !rightful) return V::Drop;
  challenge(r, tuple, context);
  return V::Drop;
}

V on_rst(TimeWait& r, const FourTuple& tuple, const wire::Segment& s, Check check,
         Context& context) {
  if (r.state == State::TimeWait && context.tuning.tcp_rfc1337 != 0 &&
      defended(Defence::TimeWaitIgnoresReset)) {  // RFC 1337 fix F1
    context.counters.add(Counter::EstabTimeWaitRstIgnored);
    log(Rule::L11r_RstIgnored, r, tuple, s, context);
    return V::Drop;
  }
  if (check == Check::Reset) return V::End;
  if (check == Check::Challenge) {
    challenge(r, tuple, context);
  } else {
    context.counters.add(Counter::EstabRstIgnored);
  }
  return V::Drop;
}

// FIN-WAIT-2 of an orphan: its FIN, data for nobody, or noise.
V in_fin_wait_2(TimeWait& r, const FourTuple& tuple, const wire::Segment& s, SeqNum rcv_nxt,
                Context& context) {
  const SeqNum end = sequence_of(s, rcv_nxt) + s.length();
  if (s.has(kFin) && end == rcv_nxt + 1) {  // arrow 16
    r.rcv_nxt += 1;
    r.state = State::TimeWait;
    r.has_acked = 0;
    acknowledge(r, tuple, context);
    return V::Enter;
  }
  if (end > rcv_nxt && s.length() > 0) {  // L19, RFC 9293 3.6.1 MAY-1, SHLD-3
    context.counters.add(Counter::TcpExtTCPAbortOnData);
    log(Rule::L19_DataAfterClose, r, tuple, s, context);
    push(make_reset_for(s, context.tuning), context);
    return V::End;
  }
  return V::Drop;
}

// "The only thing that can arrive in this state is a retransmission of the remote FIN": what is in
// the window is not from the peer that sent that FIN, or its idea of the numbers is another one than
// ours. It is answered, except an ACK just where the FIN ended, which agrees with us.
V in_time_wait(TimeWait& r, const FourTuple& tuple, const wire::Segment& s, Context& context) {
  if (s.length() == 0 && s.seq.value == r.rcv_nxt) return V::Drop;
  log(Rule::L11_OldSegment, r, tuple, s, context);
  acknowledge(r, tuple, context);
  return V::Drop;
}

// The first check failed: the peer's FIN again (L10), or something old (L11), which is answered but
// does not hold the record for longer.
V on_unacceptable(TimeWait& r, const FourTuple& tuple, const wire::Segment& s, bool old,
                  SeqNum rcv_nxt, Context& context) {
  const bool fin_again =
      s.has(kFin) && s.has(kAck) && !old && sequence_of(s, rcv_nxt) + s.length() == rcv_nxt;
  if (r.state == State::TimeWait) {
    log(fin_again ? Rule::L10_FinAgain : Rule::L11_OldSegment, r, tuple, s, context);
    if (fin_again) context.counters.add(Counter::EstabTimeWaitFinAgain);
  }
  acknowledge(r, tuple, context);
  return fin_again && r.state == State::TimeWait ? V::Restart : V::Drop;
}

}  // namespace

TimeWaitVerdict on_segment(TimeWait& r, const FourTuple& tuple, const wire::Segment& s,
                           bool listener_stands, Context& context) {
  const bool pure_syn = s.has(kSyn) && !s.has(kAck) && !s.has(kRst);
  if (pure_syn && r.state == State::TimeWait) {
    return on_syn(r, tuple, s, listener_stands, context);
  }
  const Instant ts_at = from_millis(r.ts_recent_at, context.now);
  const SeqNum rcv_nxt = SeqNum::first(WireSeq{r.rcv_nxt});
  const Expectation expected{.state = r.state,
                             .opened = Opened::Actively,
                             .rcv_nxt = rcv_nxt,
                             .rcv_wnd = r.rcv_wnd,
                             .ts_ok = r.ts_ok != 0,
                             .ts_required = context.tuning.tcp_timestamps_required != 0,
                             .ts_recent = r.ts_recent,
                             .ts_recent_valid = context.now - ts_at < kTimestampAge};
  const Verdict v = check_first_four(expected, s);
  if (s.has(kRst)) return on_rst(r, tuple, s, v.check, context);
  if (v.why != Counter::kCount) context.counters.add(v.why);
  switch (v.check) {
    case Check::Drop:
    case Check::Reset:
    case Check::Listen:
      return V::Drop;
    case Check::Challenge:
      challenge(r, tuple, context);
      return V::Drop;
    case Check::Unacceptable:
      return on_unacceptable(r, tuple, s, v.why == Counter::TcpExtPAWSEstab, rcv_nxt, context);
    case Check::Pass:
      break;
  }
  if (!s.has(kAck)) return V::Drop;
  // Fifth, RFC 5961 5. MAX.SND.WND "may be hard-coded to a maximum permissible window value".
  const auto above = static_cast<std::int32_t>(s.ack.value - r.snd_nxt);
  if (above > 0 || above < -kLargestWindow) {
    context.counters.add(Counter::EstabAckOutOfRange);
    challenge(r, tuple, context);
    return V::Drop;
  }
  if (r.ts_ok != 0 && s.options.timestamps && sequence_of(s, rcv_nxt) <= rcv_nxt) {
    r.ts_recent = s.options.timestamps->value;  // RFC 7323 4.3
    r.ts_recent_at = to_millis(context.now);
  }
  if (r.state == State::FinWait2) return in_fin_wait_2(r, tuple, s, rcv_nxt, context);
  return in_time_wait(r, tuple, s, context);
}

WireSeq reopened_iss(const TimeWait& r, WireSeq proposed) {
  // RFC 9293 3.6.1 (1): larger than the largest sequence number of the old connection. The margin
  // keeps even an unscaled window of old segments out.
  const WireSeq least{r.snd_nxt + 65536 + 1};
  const bool above = static_cast<std::int32_t>(proposed.value - least.value) >= 0;
  return above ? proposed : least;
}

bool may_reuse(const TimeWait& r, const FourTuple& tuple, Millis entered_at, const Tuning& tuning,
               Instant now) {
  const bool allowed =
      tuning.tcp_tw_reuse == 1 || (tuning.tcp_tw_reuse == 2 && tuple.remote.address.is_loopback());
  // RFC 6191: our new SYN's timestamp must be newer than any the peer saw on the old connection.
  return allowed && r.state == State::TimeWait && r.ts_ok != 0 && tuning.tcp_timestamps != 0 &&
         now - from_millis(entered_at, now) >= milliseconds_of(tuning.tcp_tw_reuse_delay);
}

}  // namespace estab::tcp
