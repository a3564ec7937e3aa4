#include "tcp/acceptable.h"

namespace estab::tcp {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

// RFC 7323 5.3 R1: an older timestamp than the last one makes any segment but a RST unacceptable.
bool fails_paws(const Expectation& e, const wire::Segment& s) {
  return e.ts_ok && e.ts_recent_valid && s.options.timestamps && !s.has(kRst) &&
         timestamp_before(s.options.timestamps->value, e.ts_recent);
}

// Segments left of the window whose ACK must be heard all the same, or both ends wait for ever
// (RFC 9293 A.2): the SYN,ACK of a simultaneous open, and a FIN that comes again.
bool crossed(const Expectation& e, const wire::Segment& s, SeqNum seq) {
  if (!s.has(kAck) || s.has(kRst)) return false;
  if (e.state == State::SynReceived && e.opened == Opened::Actively) {
    return s.has(kSyn) && !s.has(kFin) && s.payload.empty() && seq + 1 == e.rcv_nxt;
  }
  const bool closing = e.state == State::Closing || e.state == State::LastAck;
  return closing && s.has(kFin) && !s.has(kSyn) && seq + s.length() == e.rcv_nxt;
}

Verdict check_rst(const Expectation& e, SeqNum seq) {
  // RFC 5961 3.2; the sequence number alone counts, a RST may carry data (SHLD-2).
  if (seq == e.rcv_nxt) return {Check::Reset};  // zero window too: MUST-66
  if (seq > e.rcv_nxt && seq < e.rcv_nxt + e.rcv_wnd) return {Check::Challenge};
  return {Check::Drop, Counter::EstabRstIgnored};
}

}  // namespace

bool in_window(SeqNum rcv_nxt, std::int64_t rcv_wnd, SeqNum seq, std::int64_t length) {
  // RFC 9293 3.10.7.4, Table 6
  if (rcv_wnd == 0) return length == 0 && seq == rcv_nxt;
  const SeqNum edge = rcv_nxt + rcv_wnd;
  if (rcv_nxt <= seq && seq < edge) return true;
  if (length == 0) return false;
  const SeqNum last = seq + (length - 1);
  return rcv_nxt <= last && last < edge;
}

Verdict check_first_four(const Expectation& e, const wire::Segment& s) {
  const SeqNum seq = sequence_of(s, e.rcv_nxt);
  // First: the sequence number.
  if (crossed(e, s, seq)) return {};
  if (s.has(kRst)) return check_rst(e, seq);
  if (fails_paws(e, s)) return {Check::Unacceptable, Counter::TcpExtPAWSEstab};
  if (e.ts_ok && e.ts_required && !s.options.timestamps && !s.has(kSyn)) {
    return {Check::Drop, Counter::EstabTimestampMissing};  // RFC 7323 3.2
  }
  const bool synchronized = kSynchronized.has(e.state);
  if (s.has(kSyn) && synchronized) {
    return {Check::Challenge, Counter::TcpExtTCPSYNChallenge};  // RFC 5961 4.2, wherever it lies
  }
  if (!in_window(e.rcv_nxt, e.rcv_wnd, seq, s.length())) {
    // "Special allowance should be made to accept valid ACKs, URGs and RSTs": a zero window takes
    // the control of a segment at its left edge, and process_text() refuses its text.
    const bool at_closed_window = e.rcv_wnd == 0 && seq == e.rcv_nxt && !s.has(kSyn);
    if (!at_closed_window) return {Check::Unacceptable, Counter::EstabSeqOutOfWindow};
  }
  // Third: security. No compartments here (RFC 9293 A.1).
  // Fourth: SYN, in SYN-RECEIVED and inside the window.
  if (s.has(kSyn)) {
    if (e.opened == Opened::Passively) return {Check::Listen};
    return {Check::Challenge, Counter::TcpExtTCPSYNChallenge};
  }
  return {};
}

}  // namespace estab::tcp
