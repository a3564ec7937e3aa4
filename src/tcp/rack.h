// RACK: which segments are lost, by the time they left (RFC 8985 6). A segment is lost when one that
// left later has arrived, and the time that reordering may take has passed.
#pragma once
#include "estab/time.h"
#include "tcp/sent_segments.h"

namespace estab::tcp {

class Rack {
 public:
  // Step 2: `s` has arrived. A copy that "arrived" faster than any round trip was answered for its
  // original, and says nothing.
  void arrived(const SentSegment& s, Instant now, Duration min_rtt);
  // Step 4, in part: a D-SACK reports a needless copy; the window opens wider, once a round trip.
  void duplicate_reported(SeqNum una, SeqNum nxt);
  // A recovery ended without any: after 16 of them the window is as it was (6.2 step 4).
  void recovered();
  void undone();  // a D-SACK showed that a recovery had no cause

  // Step 4: how long to wait for what may be out of order. `reordered`: reordering was seen on this
  // connection; `sure`: losses are being repaired already, or dupthresh is reached.
  Duration reordering_window(Duration min_rtt, Duration srtt, bool reordered, bool sure) const;

  // Step 5, if something arrived since the last time or `again`. Returns how long until another one
  // may be lost; zero: none. lost(index) for each that is.
  template <class Lost>
  Duration detect(SentSegments& sent, Instant now, Duration window, Lost&& lost) {
    advanced_ = false;
    Duration longest{0};
    if (!sent.has_timed()) return longest;
    for (SentSegments::Index i = sent.oldest();;) {
      const SentSegment& s = sent[i];
      if (!left_before_latest(s)) break;
      const bool last = sent.is_newest(i);
      const SentSegments::Index next = sent.later(i);
      const Duration left = remaining(s, now, window);
      if (left <= Duration{0}) {
        lost(i);
      } else {
        longest = std::max(longest, left);
      }
      if (last) break;
      i = next;
    }
    return longest;
  }
  // Did something arrive since detect() looked?
  bool advanced() const { return advanced_; }
  void look_again() { advanced_ = true; }
  // What is left of its round trip and `window`; not above zero: overdue.
  Duration remaining(const SentSegment& s, Instant now, Duration window) const {
    return rtt_ + window - (now - s.at);
  }
  Duration rtt() const { return rtt_; }

 private:
  bool left_before_latest(const SentSegment& s) const {
    return at_ > s.at || (at_ == s.at && end_ > s.end);
  }

  Instant at_{};     // when the segment left that left last of those that arrived ...
  SeqNum end_;       // ... and where it ends
  Duration rtt_{0};  // of the segment that was reported last
  SeqNum round_;     // SND.NXT when the window was opened wider
  std::uint8_t steps_ = 1, persist_ = 0;
  bool known_ = false, advanced_ = false;
};

}  // namespace estab::tcp
