// The first four checks of RFC 9293 3.10.7.4 (sequence number, RST, security, SYN), with RFC 5961's
// and RFC 7323's additions, written once for all three kinds of connection memory: the full
// connection, the SYN-queue record and the TIME-WAIT record.
//
//                       RCV.NXT            RCV.NXT+RCV.WND
//   ---- old, acked -----|------ window ------|---- not yet allowed ----
#pragma once
#include "estab/counters.h"
#include "tcp/state_machine.h"
#include "wire/segment.h"

namespace estab::tcp {

// What the checks need to know of a connection.
struct Expectation {
  State state = State::Established;
  Opened opened = Opened::Actively;
  SeqNum rcv_nxt;
  std::int64_t rcv_wnd = 0;
  bool ts_ok = false;
  bool ts_required = false;  // tcp_timestamps_required
  std::uint32_t ts_recent = 0;
  bool ts_recent_valid = true;  // not older than 24 days (RFC 7323 5.5)
};

enum class Check : std::uint8_t {
  Pass,          // go on with the fifth check
  Drop,          // silently
  Unacceptable,  // acknowledge (rate limited) and drop
  Challenge,     // challenge ACK (RFC 5961) and drop
  Reset,         // the RST is genuine
  Listen,        // a SYN in a passively opened SYN-RECEIVED: back to LISTEN
};

struct Verdict {
  Check check = Check::Pass;
  Counter why = Counter::kCount;  // kCount: nothing to count
};

Verdict check_first_four(const Expectation& expected, const wire::Segment& segment);

// RFC 7323 5.2: modular comparison of timestamps.
constexpr bool timestamp_before(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b) < 0;
}
// The unwrapped sequence number of a segment, near rcv_nxt.
inline SeqNum sequence_of(const wire::Segment& segment, SeqNum rcv_nxt) {
  return SeqNum::unwrap(segment.seq, rcv_nxt);
}
// RFC 9293 Table 6, without the special allowance for a zero window.
bool in_window(SeqNum rcv_nxt, std::int64_t rcv_wnd, SeqNum seq, std::int64_t length);

}  // namespace estab::tcp
