// What a connection remembers of losses and their repair from one ACK to the next; the rules stand in
// recovery.cpp, which loss means what in loss_detection.cpp, what is taken back in undo.cpp.
#pragma once
#include "tcp/prr.h"
#include "tcp/rack.h"
#include "tcp/undo.h"

namespace estab::tcp {

// Linux's congestion states, by its numbers.
enum class CaState : std::uint8_t {
  Open,      // nothing dubious
  Disorder,  // SACKs or duplicate ACKs: reordering or loss
  Cwr,       // the window comes down, for ECN's mark or a tail loss probe; nothing is repaired
  Recovery,  // fast recovery
  Loss,      // after a timeout
};

struct Recovery {
  CaState state = CaState::Open;
  bool frto = false;       // RFC 5682: the timeout is on trial ...
  bool new_first = false;  // ... by new data, before anything else is sent again
  bool probing = false;    // a tail loss probe is unanswered ...
  bool probe_new = false;  // ... which carried new data
  SeqNum probe_end;        // SND.NXT at the probe
  SeqNum high;             // SND.NXT when the state was entered: what is above came later
  Undo undo;
  Prr prr;
  Rack rack;
  std::uint32_t prior_ssthresh = 0;  // before the reduction; 0: not to be undone
  // Without SACK: ACKs that say each that a segment arrived; how many of them count in a recovery.
  std::uint32_t duplicates = 0, duplicate_limit = 0;
  std::uint32_t probe_flight = 0;  // segments in flight at the probe
  std::uint32_t reordering = 3, reord_seen = 0;
  std::uint32_t delivered = 0, delivered_ce = 0;

  bool reducing() const { return state == CaState::Cwr || state == CaState::Recovery; }
};

// What one ACK brought to light.
struct AckNews {
  SeqNum una;                   // SND.UNA before it
  SeqNum highest_sacked;        // likewise; SND.UNA when nothing was SACKed
  std::uint32_t segments = 0;   // under way before it, arrived ones too
  std::uint32_t delivered = 0;  // newly
  std::uint32_t lost = 0;       // found by it
  std::uint32_t echo = 0;       // of our timestamp clock; 0: none
  Duration round_trip{0};       // of the newest that arrived; zero: not known
  bool advanced = false;        // it moved SND.UNA ...
  bool acked = false;           // ... past a whole segment
  bool duplicate = false;       // RFC 5681 2
  bool sacked = false;          // it SACKed something new
  bool dsack = false, dsack_of_probe = false;
  bool original = false;    // something arrived that was never sent again, from before `high`
  bool copy_acked = false;  // something that was sent again was acknowledged
  bool copy_lost = false;   // RACK found a retransmission lost
  bool ece = false;
  bool timer = false;  // restart the retransmission timer
  Instant first_acked{}, last_acked{}, first_sacked{}, last_sacked{};  // when they left; zero: none
  SeqNum hole;  // the lowest that came out of order; SND.NXT: none
};

}  // namespace estab::tcp
