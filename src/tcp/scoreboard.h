// What the peer has SACKed (RFC 2018), as a bounded set of runs of whole segments. The segments
// themselves are marked in SentSegments; the runs say which of a block's numbers are news, so that a
// block that is repeated in each ACK costs nothing.
#pragma once
#include <optional>

#include "base/defence.h"
#include "base/interval_set.h"
#include "tcp/sent_segments.h"
#include "wire/segment.h"

namespace estab::tcp {

// RFC 2883 4: what the first block reports as a duplicate, if it does: below the cumulative ACK, or
// inside the second block.
struct Duplicate {
  SeqNum begin, end;
  bool below_ack = false;
};
std::optional<Duplicate> find_duplicate(const wire::TcpOptions& options, SeqNum near, SeqNum ack);

class Scoreboard {
 public:
  // One block. Each segment that it newly covers as a whole is marked: fresh(index) comes before
  // that. False: not recorded, at the bound.
  template <class Fresh>
  bool record(SeqNum begin, SeqNum end, SentSegments& sent, Fresh&& fresh) {
    while (const auto gap = sacked_.next_gap(begin, end)) {
      begin = gap->end;
      SentSegments::Index i = sent.find(gap->begin);
      if (i != sent.end() && sent.begin_of(i) < gap->begin) ++i;  // its head is not in the block
      if (i == sent.end() || sent[i].end > gap->end) continue;
      const SeqNum from = sent.begin_of(i);
      SentSegments::Index last = i;
      while (last + 1 != sent.end() && sent[last + 1].end <= gap->end) ++last;
      if (!sacked_.insert(from, sent[last].end)) return false;
      for (; i != last + 1; ++i) {
        fresh(i);
        sent.mark_sacked(i);
      }
    }
    return true;
  }
  void acknowledge(SeqNum snd_una) {
    if (sacked_.empty()) return;
    sacked_.erase_before(snd_una);
    if (sacked_.empty()) clear();  // gives its memory back
  }
  void clear() { sacked_ = empty_set(); }

  static constexpr std::size_t kMaxPieces = 512;
  std::size_t pieces() const { return sacked_.pieces(); }
  bool empty() const { return sacked_.empty(); }
  bool contains(SeqNum seq) const { return sacked_.contains(seq); }
  SeqNum highest() const { return sacked_.back().end; }  // REQUIRES: !empty()

 private:
  static IntervalSet empty_set() {
    return IntervalSet{defended(Defence::ScoreboardBound) ? kMaxPieces : std::size_t{1} << 30};
  }
  IntervalSet sacked_ = empty_set();
};

}  // namespace estab::tcp
