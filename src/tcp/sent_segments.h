// What is in flight, segment by segment: when each left last and what became of it. The records
// stand in a ring in the order of their numbers; those that could still be found lost by time are
// linked, too, in the order in which they left (RFC 8985 5.1, and its advice in 6.2 step 5), so that an
// ACK looks only at segments that are due. 32 bytes a segment, none when nothing is in flight.
//
//      first()                                             end of the last one = SND.NXT
//         |  sacked  |  lost  |  lost, under way again  |  under way  |
//
//   in_flight() = segments() - sacked() - lost() + resent()
#pragma once
#include <cstdint>
#include <vector>

#include "base/seq.h"
#include "estab/time.h"

namespace estab::tcp {

struct SentSegment {
  SeqNum end;                            // one past its last number, a FIN's included
  Instant at;                            // when it left, the last time
  std::uint32_t earlier = 0, later = 0;  // neighbours in time; itself: none
  bool sacked = false;
  bool lost = false;
  bool resent = false;  // a copy sent again is under way
  bool ever_resent = false;
  bool in_time = false;  // linked
};

class SentSegments {
 public:
  using Index = std::uint32_t;  // of one segment as long as none is split or joined; wraps

  bool empty() const { return begin_ == end_; }
  Index begin() const { return begin_; }
  Index end() const { return end_; }
  SeqNum first() const { return first_; }  // where the first one begins
  SeqNum begin_of(Index i) const { return i == begin_ ? first_ : at(i - 1).end; }
  const SentSegment& operator[](Index i) const { return at(i); }
  // The first one that ends above `seq`; end(): none.
  Index find(SeqNum seq) const;

  std::uint32_t segments() const { return end_ - begin_; }
  std::uint32_t sacked() const { return sacked_; }
  std::uint32_t lost() const { return lost_; }  // not arrived, as we believe
  std::uint32_t resent() const { return resent_; }
  std::uint32_t in_flight() const { return segments() - sacked_ - lost_ + resent_; }

  void push(SeqNum begin, SeqNum end, Instant now);  // begin: where the last one ends
  // The first segment of those that ended; REQUIRES: !empty().
  void pop();
  void resend(Index i, Instant now);
  void mark_sacked(Index i);
  // False: it was so already. A copy that was under way is lost, too.
  bool mark_lost(Index i);
  void forget_copy(Index i);  // a D-SACK reported that copy
  void forget_sacked();       // the peer took all of it back
  void forget_lost();         // no loss was one (RFC 4015)
  void clear();

  // A segment at or above this is the first that may be lost and not sent again.
  Index next_lost();  // end(): none
  // Cuts segment i in two at `seq`, or all that are longer than `most`: the path became narrower.
  void split(Index i, SeqNum seq);
  void limit_length(std::int64_t most);
  // Makes those behind segment i a part of it, as far as they end up to `edge` and none was SACKed.
  void join(Index i, SeqNum edge);

  // In the order of time.
  bool has_timed() const { return timed_ > 0; }
  Index oldest() const { return oldest_; }  // REQUIRES: has_timed()
  bool is_newest(Index i) const { return at(i).later == i; }
  Index later(Index i) const { return at(i).later; }

 private:
  SentSegment& at(Index i) { return ring_[i & (ring_.size() - 1)]; }
  const SentSegment& at(Index i) const { return ring_[i & (ring_.size() - 1)]; }
  void reserve(std::size_t n);
  void link(Index i);
  void unlink(Index i);
  void rebuild(const std::vector<SentSegment>& all);

  std::vector<SentSegment> ring_;  // a power of two
  Index begin_ = 0, end_ = 0;
  Index oldest_ = 0, newest_ = 0, timed_ = 0;
  Index lost_hint_ = 0;
  SeqNum first_;
  std::uint32_t sacked_ = 0, lost_ = 0, resent_ = 0;
};

}  // namespace estab::tcp
