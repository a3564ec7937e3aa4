// An ordered set of disjoint, non-touching, half-open intervals [begin, end) of sequence numbers,
// in one small sorted vector: what the peer has SACKed, what arrived out of order. insert() merges
// with what it touches and costs O(log n + pieces moved); contains() and next_gap() are O(log n);
// length() is O(1). The owner bounds the number of pieces, because a peer decides how many there
// are (SegmentSmack, CVE-2018-5390).
//
//   IntervalSet sacked{256};
//   if (!sacked.insert(block.begin, block.end)) counters.add(Counter::EstabSackScoreboardFull);
//   if (auto hole = sacked.next_gap(snd_una, sacked.back().begin)) retransmit(*hole);
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/seq.h"

namespace estab {

struct Interval {
  SeqNum begin;
  SeqNum end;  // one past the last number
  constexpr std::int64_t length() const { return end - begin; }
  friend constexpr bool operator==(const Interval&, const Interval&) = default;
};

class IntervalSet {
 public:
  using const_iterator = std::vector<Interval>::const_iterator;

  explicit IntervalSet(std::size_t max_pieces) : max_pieces_(max_pieces) {}

  // How many numbers were not in the set before (0: nothing new, or an empty interval). Nothing
  // is stored and nullopt returned when this would make more than max_pieces intervals.
  std::optional<std::int64_t> insert(SeqNum begin, SeqNum end);
  // Removes all numbers below `limit`. Returns how many there were.
  std::int64_t erase_before(SeqNum limit);
  // Removes all numbers at or above `limit` (a peer that reneged). Returns how many there were.
  std::int64_t erase_from(SeqNum limit);
  void clear();

  bool contains(SeqNum n) const;
  bool contains(SeqNum begin, SeqNum end) const;  // the whole of [begin, end)
  bool overlaps(SeqNum begin, SeqNum end) const;  // any of [begin, end)
  std::optional<Interval> piece_at(SeqNum n) const;
  // The first run of numbers at or above `from` and below `limit` that the set lacks.
  std::optional<Interval> next_gap(SeqNum from, SeqNum limit) const;
  // Numbers in the set, and intervals that hold any, at or above `from`: O(pieces above `from`).
  std::int64_t length_from(SeqNum from) const;
  std::size_t pieces_from(SeqNum from) const;

  std::int64_t length() const { return length_; }  // numbers in the set
  std::size_t pieces() const { return pieces_.size(); }
  std::size_t max_pieces() const { return max_pieces_; }
  bool empty() const { return pieces_.empty(); }
  const Interval& front() const { return pieces_.front(); }  // REQUIRES: !empty()
  const Interval& back() const { return pieces_.back(); }    // REQUIRES: !empty()
  const_iterator begin() const { return pieces_.begin(); }   // in ascending order
  const_iterator end() const { return pieces_.end(); }
  std::size_t bytes() const { return pieces_.capacity() * sizeof(Interval); }

 private:
  const_iterator first_ending_after(SeqNum n) const;

  std::vector<Interval> pieces_;
  std::size_t max_pieces_;
  std::int64_t length_ = 0;
};

}  // namespace estab
