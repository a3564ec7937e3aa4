// The two small kinds of connection memory. A connection is a record of 100 bytes before the
// handshake is done and of 64 after both sides have closed; only in between is it a Connection.
// Both records decide by the same classifier (acceptable.h) as the full connection.
//
// The stack owns the records, their tables and timers; these functions only decide.
#pragma once
#include <cstdint>

#include "tcp/context.h"
#include "tcp/settings.h"

namespace estab::tcp {

// Milliseconds since the stack's origin, modulo 2^32 (49 days): how records keep time.
using Millis = std::uint32_t;
constexpr Millis to_millis(Instant t) {
  return static_cast<Millis>(t.time_since_epoch() / std::chrono::milliseconds(1));
}
// The instant nearest to `now` that reads `m`.
constexpr Instant from_millis(Millis m, Instant now) {
  const auto distance = static_cast<std::int32_t>(m - to_millis(now));
  return now + std::chrono::milliseconds(distance);
}

// --- TIME-WAIT, and FIN-WAIT-2 without an owner ---
// 32 bytes: what L8 and L10-L13 need. The stack
// adds tuple, deadline, owner and links.
struct TimeWait {
  std::uint32_t snd_nxt = 0;
  std::uint32_t rcv_nxt = 0;
  std::uint32_t rcv_wnd = 0;  // bytes, as last offered
  std::uint32_t ts_recent = 0;
  Millis ts_recent_at = 0;
  std::uint32_t ts_offset = 0;
  Millis last_ack_at = 0;         // rate limit of our answers
  State state = State::TimeWait;  // or FinWait2
  std::uint8_t rcv_wnd_shift = 0;
  std::uint8_t ts_ok : 1 = 0;
  std::uint8_t has_acked : 1 = 0;  // last_ack_at means something
  std::uint8_t tos = 0;
};
static_assert(sizeof(TimeWait) == 32);

enum class TimeWaitVerdict : std::uint8_t {
  Drop,     // nothing more to do (an ACK may have been appended to context.segments)
  Restart,  // the peer's FIN again, acknowledged: 2 MSL start anew (L10)
  Enter,    // FIN-WAIT-2 got its FIN, acknowledged: now TIME-WAIT, 2 MSL start (arrow 16)
  Reopen,   // a rightful SYN: open a SYN record with reopened_iss(); keep this one (L12, L12b)
  End,      // delete the record: a RST ended FIN-WAIT-2, or TIME-WAIT with tcp_rfc1337 = 0;
            // or data came for a FIN-WAIT-2 orphan: a RST has been appended (L19)
};
// `listener_stands`: a SYN to this tuple would find a listener. Never reopens otherwise.
TimeWaitVerdict on_segment(TimeWait& record, const FourTuple& tuple, const wire::Segment& segment,
                           bool listener_stands, Context& context);
// L12: the new incarnation's ISN lies above everything the old one sent (RFC 9293 3.6.1, MAY-2).
WireSeq reopened_iss(const TimeWait& record, WireSeq proposed);
// L13: connect() may take this tuple now (RFC 6191, tcp_tw_reuse, tcp_tw_reuse_delay).
bool may_reuse(const TimeWait& record, const FourTuple& tuple, Millis entered_at,
               const Tuning& tuning, Instant now);

// --- SYN-RECEIVED ---
struct SynRecord {
  FourTuple tuple;
  WireSeq iss;  // ours
  WireSeq irs;  // theirs
  std::uint32_t ts_recent = 0;
  std::uint32_t ts_offset = 0;
  Millis created_at = 0;
  Millis last_ack_at = 0;      // rate limit of our answers
  std::uint16_t peer_mss = 0;  // as they said, or the default (MUST-15)
  std::uint16_t our_mss = 0;   // what we say
  std::uint16_t peer_window = 0;
  std::uint8_t rcv_wnd_shift = 0;
  std::uint8_t snd_wnd_shift = 0;
  std::uint8_t retries = 0;  // times that its timer ran out
  std::uint8_t tos = 0;
  bool ts_ok : 1 = false;
  bool wscale_ok : 1 = false;
  bool sack_ok : 1 = false;
  bool ecn_ok : 1 = false;
  bool reopened : 1 = false;      // came from a TIME-WAIT record that is still kept (L12b)
  bool acked : 1 = false;         // final ACK seen; waits for room or for data (L5, DEFER_ACCEPT)
  bool has_answered : 1 = false;  // last_ack_at means something
  bool repeated : 1 = false;      // the SYN,ACK went out more than once
  bool cookie : 1 = false;        // came back in a SYN cookie: nobody timed its SYN,ACK
  std::uint32_t rcv_wnd = 0;      // what we offered in the SYN,ACK, bytes
};

struct SynParameters {  // what the listener brings to a new record
  WireSeq iss;
  std::uint32_t ts_offset = 0;
  std::uint16_t our_mss = 1460;  // MMS_R - 20 of the interface (MUST-67, SHLD-6)
  const Settings* settings = nullptr;
};
// `syn` carries SYN, and neither RST nor ACK (RFC 9293 3.10.7.2 decided that).
SynRecord make_syn_record(const wire::Segment& syn, const SynParameters& with, Context& context);
wire::Segment make_syn_ack(const SynRecord& record, const Settings& settings, Instant now);

enum class SynVerdict : std::uint8_t {
  Drop,     // nothing more to do (an ACK may have been appended)
  Resend,   // the SYN again: repeat the SYN,ACK now, the timer stays (rate limited)
  Promote,  // an acceptable ACK of our SYN: build the Connection and give it this segment
  Refuse,   // the ACK is not of our SYN: a RST has been appended, the record stays (3.10.7.4 fifth)
  Remove,   // RST, or a SYN in the window: back to LISTEN (arrow 5), delete the record
};
SynVerdict on_segment(SynRecord& record, const wire::Segment& segment, Context& context);

// --- nobody's segment ---
// RFC 9293 3.10.7.1:
// appends the RST (or RST,ACK) that answers a segment of no connection; nothing for a RST. The
// caller has asked its rate limit first (L23).
void answer_closed(const wire::Segment& segment, Context& context);
// RFC 9293 3.10.7.2, for a listener: what its segment is.
enum class ListenVerdict : std::uint8_t {
  Ignore,  // RST, or something that cannot be
  Reset,   // an ACK: answer_closed()
  Syn,     // make a record
};
ListenVerdict classify_for_listener(const wire::Segment& segment);

}  // namespace estab::tcp
