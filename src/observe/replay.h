// Runs a conversation's segments over both ends' states, one at a time.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "observe/endpoint_states.h"
#include "observe/ladder.h"

namespace estab::observe {

class Replay {
 public:
  explicit Replay(const Conversation& conversation);

  // The segment leaves its sender and reaches its receiver. A SYN or FIN that crossed another on
  // its way reaches it only after that one: this is what makes simultaneous open and close.
  void step(std::size_t index);

  EndpointStates left;
  EndpointStates right;

 private:
  bool from_left(const CapturedSegment& s) const { return s.sender == conversation_.tuple; }
  std::optional<std::size_t> crossed_by(std::size_t index) const;
  void deliver(std::size_t index);

  const Conversation& conversation_;
  std::multimap<std::size_t, std::size_t> late_;  // after which one is which one delivered
};

}  // namespace estab::observe
