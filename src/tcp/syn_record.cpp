// SYN-RECEIVED as a record: what a listener keeps of a connection before its third segment, and
// what LISTEN and CLOSED answer.
#include <algorithm>

#include "base/defence.h"
#include "tcp/acceptable.h"
#include "tcp/ecn.h"
#include "tcp/isn.h"
#include "tcp/mss.h"
#include "tcp/output.h"
#include "tcp/record.h"

namespace estab::tcp {
namespace {

using wire::kAck;
using wire::kRst;
using wire::kSyn;

bool may_answer(SynRecord& r, Context& context) {
  bool answered = r.has_answered;
  Instant last = from_millis(r.last_ack_at, context.now);
  const bool yes = tcp::may_answer(answered, last, context);
  r.has_answered = answered;
  r.last_ack_at = to_millis(last);
  if (!yes) context.counters.add(Counter::TcpExtTCPACKSkippedSynRecv);
  return yes;
}

void send_ack(SynRecord& r, Context& context) {
  wire::Segment a = make_segment(r.tuple, kAck, WireSeq{r.iss.value + 1}, WireSeq{r.irs.value + 1},
                                 context.tuning);
  a.window = static_cast<std::uint16_t>(std::min(r.rcv_wnd >> r.rcv_wnd_shift, 0xffffu));
  a.tos = r.tos;
  if (r.ts_ok) {
    a.options.timestamps =
        wire::Timestamps{timestamp_clock(context.now) + r.ts_offset, r.ts_recent};
  }
  push(std::move(a), context);
}

void acknowledge(SynRecord& r, Context& context) {
  if (may_answer(r, context)) send_ack(r, context);
}

// RFC 5961. The record's own limit comes first: one that is hammered must not use up what the whole
// stack has (CVE-2016-5696's class).
void challenge(SynRecord& r, Context& context) {
  if (!may_answer(r, context) || !challenge_allowed(context)) return;
  context.counters.add(Counter::TcpExtTCPChallengeACK);
  send_ack(r, context);
}

}  // namespace

SynRecord make_syn_record(const wire::Segment& syn, const SynParameters& with, Context& context) {
  const Tuning& tuning = context.tuning;
  const Settings& settings = *with.settings;
  SynRecord r;
  r.tuple = syn.tuple;
  r.iss = with.iss;
  r.irs = syn.seq;
  r.ts_offset = with.ts_offset;
  r.created_at = to_millis(context.now);
  r.our_mss = with.our_mss;
  r.peer_mss = peer_mss_of(syn, tuning);
  r.peer_window = syn.window;  // RFC 7323 2.2: the window of a SYN is never scaled
  r.rcv_wnd = offered_window(settings);
  r.tos = settings.tos;
  if (tuning.tcp_window_scaling != 0 && syn.options.window_scale) {
    r.wscale_ok = true;
    r.snd_wnd_shift = std::min<std::uint8_t>(*syn.options.window_scale, 14);  // RFC 7323 2.3
    r.rcv_wnd_shift = window_shift_for(tuning);
  }
  if (tuning.tcp_timestamps != 0 && syn.options.timestamps) {
    r.ts_ok = true;
    r.ts_recent = syn.options.timestamps->value;
  }
  r.ecn_ok = Ecn::asks(syn, tuning.tcp_ecn);
  r.sack_ok = tuning.tcp_sack != 0 && syn.options.sack_permitted;
  return r;
}

wire::Segment make_syn_ack(const SynRecord& r, const Settings& settings, Instant now) {
  wire::Segment s;
  s.tuple = r.tuple;
  s.flags = kSyn | kAck;
  if (r.ecn_ok) s.flags |= wire::kEce;  // RFC 3168 6.1.1
  s.seq = r.iss;
  s.ack = WireSeq{r.irs.value + 1};
  s.window = static_cast<std::uint16_t>(std::min<std::uint32_t>(r.rcv_wnd, 0xffff));
  s.tos = r.tos;
  s.ttl = settings.ttl != 0 ? settings.ttl : 64;
  s.options.mss = r.our_mss;  // SHLD-5, MAY-3
  s.options.sack_permitted = r.sack_ok;
  if (r.wscale_ok) s.options.window_scale = r.rcv_wnd_shift;
  if (r.ts_ok) {
    s.options.timestamps = wire::Timestamps{timestamp_clock(now) + r.ts_offset, r.ts_recent};
  }
  return s;
}

SynVerdict on_segment(SynRecord& r, const wire::Segment& s, Context& context) {
  const SeqNum rcv_nxt = SeqNum::first(r.irs) + 1;
  const Expectation expected{.state = State::SynReceived,
                             .opened = Opened::Passively,
                             .rcv_nxt = rcv_nxt,
                             .rcv_wnd = r.rcv_wnd,
                             .ts_ok = r.ts_ok,
                             .ts_required = context.tuning.tcp_timestamps_required != 0,
                             .ts_recent = r.ts_recent,
                             .ts_recent_valid = true};
  // The same SYN again means that our SYN,ACK was lost. Its sequence number is left of the window,
  // so the RFC would have an ACK; a SYN,ACK says the same and more.
  // Unless its timestamp is older: then it is not the peer's SYN again (RFC 7323 5.3 R1).
  const bool older =
      r.ts_ok && s.options.timestamps && timestamp_before(s.options.timestamps->value, r.ts_recent);
  if (s.has(kSyn) && !s.has(kAck) && !s.has(kRst) && s.seq == r.irs && !older) {
    return may_answer(r, context) ? SynVerdict::Resend : SynVerdict::Drop;
  }
  const Verdict v = check_first_four(expected, s);
  if (v.why != Counter::kCount) context.counters.add(v.why);
  switch (v.check) {
    case Check::Drop:
      return SynVerdict::Drop;
    case Check::Reset:
    case Check::Listen:
      return SynVerdict::Remove;  // arrow 5; 3.10.7.4 fourth
    case Check::Challenge:
      challenge(r, context);
      return SynVerdict::Drop;
    case Check::Unacceptable:
      acknowledge(r, context);
      return SynVerdict::Drop;
    case Check::Pass:
      break;
  }
  if (!s.has(kAck)) {  // fifth: "if the ACK bit is off, drop the segment and return"
    context.counters.add(Counter::EstabTcpBadFlags);
    return SynVerdict::Drop;
  }
  if (s.ack.value != r.iss.value + 1 &&
      defended(Defence::HandshakeAck)) {  // SND.UNA < SEG.ACK =< SND.NXT: only one number does
    push(make_segment(r.tuple, kRst, s.ack, WireSeq{}, context.tuning), context);
    return SynVerdict::Refuse;
  }
  return SynVerdict::Promote;
}

void answer_closed(const wire::Segment& segment, Context& context) {
  if (segment.has(kRst)) return;
  push(make_reset_for(segment, context.tuning), context);
}

ListenVerdict classify_for_listener(const wire::Segment& s) {
  if (s.has(kRst)) return ListenVerdict::Ignore;  // first
  if (s.has(kAck)) return ListenVerdict::Reset;   // second
  if (s.has(kSyn)) return ListenVerdict::Syn;     // third; other control or text comes again
  return ListenVerdict::Ignore;                   // fourth
}

}  // namespace estab::tcp
