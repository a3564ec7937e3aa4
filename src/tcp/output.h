// How the core makes a segment and lets it go: the few forms that every part of it sends.
#pragma once
#include "tcp/context.h"
#include "tcp/settings.h"

namespace estab::tcp {

// A segment with this connection's name on it and nothing in it but the given fields.
wire::Segment make_segment(const FourTuple& tuple, wire::Flags flags, WireSeq seq, WireSeq ack,
                           const Tuning& tuning);
// Counts and appends. `again`: it only repeats (TcpRetransSegs instead of TcpOutSegs).
void push(wire::Segment&& segment, Context& context, bool again = false);
// RFC 9293 3.5.2, groups 1 and 2: the RST that answers `segment` so that its sender will take it.
// REQUIRES: not a RST.
wire::Segment make_reset_for(const wire::Segment& segment, const Tuning& tuning);

// One answer to unacceptable segments for each tcp_invalid_ratelimit, each connection by itself.
bool may_answer(bool& answered, Instant& last, const Context& context);

// RFC 5961 7: and one budget for the challenge ACKs of the whole stack.
bool challenge_allowed(Context& context);

}  // namespace estab::tcp
