#include "observe/replay.h"

namespace estab::observe {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

// Where one end was when the capture began, as far as its own segments tell.
std::optional<State> first_state(const Conversation& c, bool of_left) {
  bool syn = false;
  bool syn_ack = false;
  bool any = false;
  for (const CapturedSegment& s : c.segments) {
    if ((s.sender == c.tuple) != of_left) continue;
    if (s.has(kSyn)) (s.has(kAck) ? syn_ack : syn) = true;
    any = any || !s.has(kRst);
  }
  if (syn) return State::Closed;
  if (syn_ack) return State::Listen;
  // The other side's SYN met nobody: only RSTs, or silence, came back.
  const bool opened = !c.segments.empty() && c.segments.front().has(kSyn);
  if (!of_left && opened && !any) return State::Closed;
  return std::nullopt;
}

}  // namespace

Replay::Replay(const Conversation& conversation)
    : left(first_state(conversation, true)),
      right(first_state(conversation, false)),
      conversation_(conversation) {}

// A FIN crossed the peer's next FIN if that one does not acknowledge it; a SYN, if the peer's is
// without ACK.
std::optional<std::size_t> Replay::crossed_by(std::size_t index) const {
  const auto& segments = conversation_.segments;
  const CapturedSegment& mine = segments[index];
  const bool fin = mine.has(kFin);
  if (!fin && (!mine.has(kSyn) || mine.has(kAck))) return std::nullopt;
  const std::uint32_t end = mine.seq.value + mine.payload + 1;
  for (std::size_t i = index + 1; i < segments.size(); ++i) {
    const CapturedSegment& other = segments[i];
    if (other.sender == mine.sender) continue;
    const bool acknowledges =
        other.has(kAck) && static_cast<std::int32_t>(other.ack.value - end) >= 0;
    if (acknowledges || other.has(kRst)) return std::nullopt;
    if (other.has(fin ? kFin : kSyn)) return i;
  }
  return std::nullopt;
}

void Replay::step(std::size_t index) {
  const CapturedSegment& segment = conversation_.segments[index];
  (from_left(segment) ? left : right).sent(segment);
  if (const auto after = crossed_by(index)) {
    late_.emplace(*after, index);
  } else {
    deliver(index);
  }
  const auto [begin, end] = late_.equal_range(index);
  for (auto it = begin; it != end; ++it) deliver(it->second);
  late_.erase(begin, end);
}

void Replay::deliver(std::size_t index) {
  const CapturedSegment& segment = conversation_.segments[index];
  (from_left(segment) ? right : left).received(segment);
}

}  // namespace estab::observe
