// A connection as a ladder: time runs down, the one who opened it on the left, segments as rungs,
// both ends' states on the sides, each change with the number of its arrow in Figure 5.
//
//   0.0 ms   3 SYN-SENT │── SYN ──────────────▶│ 6 SYN-RECEIVED
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "estab/event.h"
#include "observe/capture.h"
#include "observe/endpoint_states.h"

namespace estab::observe {

// One connection of a capture: from its first segment to the next SYN of a new life.
struct Conversation {
  FourTuple tuple;  // local: the one on the left, who opened it or, if unseen, spoke first
  std::vector<CapturedSegment> segments;
};
std::vector<Conversation> conversations(const Capture& capture);

// What an estab stack's event log adds: rules that fired, and what no packet shows (timers).
struct LadderNote {
  Instant at;  // since 1970
  Endpoint whose;
  std::string text;
};

struct LadderStyle {
  std::size_t width = 80;  // columns, 72 at least
  bool ascii = false;
  bool numbers = false;   // relative sequence and acknowledgement numbers on the rungs
  bool whole = false;     // each segment a rung; otherwise runs of data are one line
  std::string left_name;  // "curl (Linux)"; empty: none
  std::string right_name;
};
std::string ladder_text(const Conversation& conversation, const std::vector<LadderNote>& notes,
                        const LadderStyle& style);

// The last state that each end was seen in; nothing: unknown.
struct FinalStates {
  std::optional<State> left;
  std::optional<State> right;
};
FinalStates final_states(const Conversation& conversation);

// The notes that belong to this conversation. `wall_offset` turns the stack's time into 1970's.
std::vector<LadderNote> notes_for(const Conversation& conversation,
                                  const std::vector<LifecycleEvent>& events, Duration wall_offset);

}  // namespace estab::observe
