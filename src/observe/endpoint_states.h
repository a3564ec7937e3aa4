// One end's state, rebuilt from the segments it sent and received by running the lifecycle's own
// table (tcp/state_machine.h) over them. It supposes that what was captured arrived. What a capture
// can't show is not guessed: a connection that began before it has an unknown state, and the end of
// TIME-WAIT is never seen.
#pragma once
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "estab/event.h"
#include "observe/capture.h"
#include "tcp/state_machine.h"

namespace estab::observe {

struct Change {
  State from;
  State to;
  Event event;
  std::uint8_t arrow;  // of Figure 5; 0: only the prose says it
};

class EndpointStates {
 public:
  // Closed, Listen, or nothing: it was there before the capture began.
  explicit EndpointStates(std::optional<State> state) : state_(state) {}

  std::optional<State> state() const { return state_; }
  void sent(const CapturedSegment& segment);
  void received(const CapturedSegment& segment);
  // The changes since the last call. FIN-WAIT-1 to TIME-WAIT by one segment is two (note 2 of the
  // figure).
  std::vector<Change> take_changes() { return std::exchange(changes_, {}); }

 private:
  void raise(Event event);
  void open_anew();
  void acknowledged(const CapturedSegment& segment);
  void received_syn(const CapturedSegment& segment);
  void received_rst(const CapturedSegment& segment);
  void received_text(const CapturedSegment& segment);

  std::optional<State> state_;
  tcp::Opened opened_ = tcp::Opened::Passively;
  std::optional<WireSeq> syn_;       // the number of our SYN
  std::optional<WireSeq> fin_;       // of our FIN
  std::optional<WireSeq> peer_fin_;  // of the peer's FIN, arrived but maybe behind a gap
  std::optional<WireSeq> rcv_nxt_;
  std::vector<Change> changes_;
};

}  // namespace estab::observe
