#include "tcp/output.h"

#include "base/defence.h"

namespace estab::tcp {

wire::Segment make_segment(const FourTuple& tuple, wire::Flags flags, WireSeq seq, WireSeq ack,
                           const Tuning& tuning) {
  wire::Segment s;
  s.tuple = tuple;
  s.flags = flags;
  s.seq = seq;
  s.ack = ack;
  s.ttl = static_cast<std::uint8_t>(tuning.ip_default_ttl);
  return s;
}

void push(wire::Segment&& segment, Context& context, bool again) {
  if (segment.has(wire::kRst)) context.counters.add(Counter::TcpOutRsts);
  context.counters.add(again ? Counter::TcpRetransSegs : Counter::TcpOutSegs, segment.count());
  context.segments.push_back(std::move(segment));
}

wire::Segment make_reset_for(const wire::Segment& s, const Tuning& tuning) {
  if (s.has(wire::kAck)) return make_segment(s.tuple, wire::kRst, s.ack, WireSeq{}, tuning);
  const WireSeq ack{s.seq.value + s.length()};
  return make_segment(s.tuple, wire::kRst | wire::kAck, WireSeq{}, ack, tuning);
}

bool may_answer(bool& answered, Instant& last, const Context& context) {
  const Duration least = milliseconds_of(context.tuning.tcp_invalid_ratelimit);
  const bool limited = defended(Defence::AnswerRate) && defended(Defence::ChallengeLimit);
  if (limited && answered && context.now - last < least) return false;
  answered = true;
  last = context.now;
  return true;
}

bool challenge_allowed(Context& context) {
  const Rate rate = Rate::per_second(context.tuning.tcp_challenge_ack_limit);
  const bool allowed = defended(Defence::ChallengeLimit)
                           ? context.challenge_acks.take(context.now, rate, context.random)
                           : context.challenge_acks.take(context.now, rate);
  if (allowed || !defended(Defence::AnswerRate)) return true;
  context.counters.add(Counter::TcpExtTCPACKSkippedChallenge);
  return false;
}

}  // namespace estab::tcp
