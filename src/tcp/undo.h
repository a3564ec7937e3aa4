// Was a retransmission needless? Two witnesses: D-SACKs report as many copies as were sent
// (RFC 3708), or an ACK echoes a timestamp from before the first of them (Eifel, RFC 3522). Then the
// congestion window goes back (RFC 4015).
#pragma once
#include <cstdint>

#include "base/seq.h"

namespace estab::tcp {

class Undo {
 public:
  // A reduction of the window begins; `under_way`: copies that are in flight already.
  void start(SeqNum una, std::uint32_t under_way) {
    marker_ = una;
    active_ = true;
    copies_ = under_way > 0 ? static_cast<std::int32_t>(under_way) : -1;
  }
  void stop() { active_ = false; }
  bool active() const { return active_; }
  SeqNum marker() const { return marker_; }

  void resent(std::uint32_t timestamp) {
    if (!stamped_) stamp_ = timestamp;
    stamped_ = true;
    copies_ = copies_ < 0 ? 1 : copies_ + 1;
  }
  // A D-SACK for `n` segments, which end at `end`.
  void copies_reported(std::int32_t n, SeqNum end) {
    if (active_ && copies_ > 0 && end > marker_) copies_ = copies_ > n ? copies_ - n : 0;
  }
  void episode_over() { stamped_ = false; }  // nothing that was sent again is outstanding

  bool all_copies_reported() const { return active_ && copies_ == 0; }
  // `echo`: the timestamp that the ACK returns; 0: none.
  bool answered_original(std::uint32_t echo) const {
    if (!stamped_) return true;  // nothing was sent again: what was missed came by itself
    return echo != 0 && static_cast<std::int32_t>(echo - stamp_) < 0;
  }

 private:
  SeqNum marker_;             // SND.UNA at the start
  std::int32_t copies_ = -1;  // not reported yet; -1: none was sent
  std::uint32_t stamp_ = 0;   // our timestamp clock at the first retransmission
  bool stamped_ = false, active_ = false;
};

}  // namespace estab::tcp
