// What the peer has SACKed, and what that says is lost: RFC 6675, over a bounded set of intervals.
#pragma once
#include "base/defence.h"
#include "base/interval_set.h"
#include "tcp/context.h"

namespace estab::tcp {

class Scoreboard {
 public:
  // Records the blocks of one ACK; ignores those that make no sense (below snd_una, beyond
  // snd_nxt). Returns how many bytes they newly cover. `dsack` is set when the first block reports
  // a duplicate (RFC 2883 4).
  std::int64_t record(const wire::TcpOptions& options, SeqNum snd_una, SeqNum snd_nxt, SeqNum ack,
                      bool& dsack, Counters& counters);
  void acknowledge(SeqNum snd_una) { sacked_.erase_before(snd_una); }
  void clear() { sacked_.clear(); }

  static constexpr std::size_t kMaxPieces = 512;
  std::size_t pieces() const { return sacked_.pieces(); }
  bool empty() const { return sacked_.empty(); }
  std::int64_t sacked_bytes() const { return sacked_.length(); }
  bool contains(SeqNum seq) const { return sacked_.contains(seq); }
  SeqNum highest() const { return sacked_.back().end; }  // REQUIRES: !empty()
  // RFC 6675 4, IsLost(): everything not SACKed below this is lost; snd_una when nothing is. That
  // is where more than (reordering - 1) * mss bytes, or `reordering` pieces, are SACKed above.
  SeqNum lost_edge(SeqNum snd_una, std::int64_t mss, std::int64_t reordering) const;
  // The first hole at or above `from` and below `limit`.
  std::optional<Interval> next_hole(SeqNum from, SeqNum limit) const {
    return sacked_.next_gap(from, limit);
  }
  // Bytes not SACKed in [from, to).
  std::int64_t holes(SeqNum from, SeqNum to) const;

 private:
  IntervalSet sacked_{defended(Defence::ScoreboardBound) ? kMaxPieces : std::size_t{1} << 30};
};

}  // namespace estab::tcp
