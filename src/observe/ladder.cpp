#include "observe/ladder.h"

#include <algorithm>
#include <map>

namespace estab::observe {
namespace {

bool is_first_syn(const CapturedSegment& s) { return s.has(wire::kSyn) && !s.has(wire::kAck); }

// A SYN with another number than the conversation's own begins a new one.
bool begins_anew(const Conversation& c, const CapturedSegment& segment) {
  if (!is_first_syn(segment)) return false;
  return std::none_of(c.segments.begin(), c.segments.end(), [&](const CapturedSegment& s) {
    return s.has(wire::kSyn) && s.sender == segment.sender && s.seq == segment.seq;
  });
}

// Simultaneous open: both send a SYN without ACK before either answers.
bool is_simultaneous(const Conversation& c, const CapturedSegment& segment) {
  return std::all_of(c.segments.begin(), c.segments.end(), is_first_syn) &&
         std::none_of(c.segments.begin(), c.segments.end(),
                      [&](const CapturedSegment& s) { return s.sender == segment.sender; });
}

}  // namespace

std::vector<Conversation> conversations(const Capture& capture) {
  std::vector<Conversation> all;
  std::map<FourTuple, std::size_t> current;  // by the smaller direction
  for (const CapturedSegment& segment : capture.segments) {
    const FourTuple key = std::min(segment.sender, segment.sender.reversed());
    const auto found = current.find(key);
    const bool fresh = found == current.end() || (begins_anew(all[found->second], segment) &&
                                                  !is_simultaneous(all[found->second], segment));
    if (fresh) {
      // Seen first by its SYN,ACK: the one who opened is the other.
      const bool answer = segment.has(wire::kSyn) && segment.has(wire::kAck);
      current[key] = all.size();
      all.push_back({answer ? segment.sender.reversed() : segment.sender, {}});
    }
    all[current[key]].segments.push_back(segment);
  }
  return all;
}

std::vector<LadderNote> notes_for(const Conversation& conversation,
                                  const std::vector<LifecycleEvent>& events, Duration wall_offset) {
  std::vector<LadderNote> notes;
  if (conversation.segments.empty()) return notes;
  const Instant begin = conversation.segments.front().at - std::chrono::milliseconds(100);
  for (const LifecycleEvent& e : events) {
    const bool ours = e.tuple == conversation.tuple || e.tuple == conversation.tuple.reversed();
    const Instant at = e.at + wall_offset;
    if (!ours || at < begin) continue;
    if (e.rule != Rule::None) {
      notes.push_back({at, e.tuple.local,
                       std::string(rule_name(e.rule)) + ": " + std::string(rule_meaning(e.rule))});
    } else if (e.from != e.to && e.event == Event::Timeout2Msl) {
      notes.push_back({at, e.tuple.local, "20: 2 MSL are over, CLOSED"});
    }
  }
  return notes;
}

}  // namespace estab::observe
