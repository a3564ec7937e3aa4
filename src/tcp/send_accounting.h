// What the bytes that wait for the peer cost, how far that may go, and when a writer is woken. As
// Linux counts it, because applications size SO_SNDBUF for that and wait for POLLOUT by it.
//
//   chunk    Bytes are counted by chunks, of as many whole segments as 64 KiB or half of the peer's
//            largest window hold. A chunk costs its bytes and kOverhead. One that is begun is
//            filled whatever the bound says; a new one begins only below the bound: so a write may
//            pass it by a chunk. What a burst sent of a chunk is a chunk of its own from then on.
//   bound    SO_SNDBUF as getsockopt() shows it. Unless the application chose it, it grows to
//            twice what fills the congestion window: half on its way, half to follow.
//   writable A third of the bound is free, and less than half of TCP_NOTSENT_LOWAT is unsent.
//   record   MSG_EOR: no segment holds bytes from both sides of its end, nor does a chunk.
#pragma once
#include <vector>

#include "base/seq.h"

namespace estab::tcp {

class SendAccounting {
 public:
  static constexpr std::size_t kOverhead = 1280;  // of a chunk, bytes

  void start(SeqNum first, std::size_t bound, bool fixed) {
    una_ = end_ = first;
    bound_ = bound;
    fixed_ = fixed;
  }
  // Bytes of a chunk: whole segments, at least one. `window`: the largest that the peer ever
  // offered.
  static std::size_t chunk_goal(std::int64_t mss, std::uint32_t window);

  // --- what is queued. `nxt` is SND.NXT; what lies below it was sent and takes nothing more.
  // How many bytes more may be appended at once; 0: none before something is sent or acknowledged.
  // `low_water`: TCP_NOTSENT_LOWAT, bytes.
  std::size_t room(std::size_t goal, SeqNum nxt, std::size_t low_water) const;
  void append(std::size_t n, std::size_t goal, SeqNum nxt);  // n <= room()
  void end_record();                                         // behind what was appended last
  void sent(SeqNum nxt);                                     // a burst ended there
  void acknowledge(SeqNum una);
  void clear();

  std::size_t cost() const {
    return static_cast<std::size_t>(end_ - una_) + kOverhead * (chunks_.size() - head_);
  }
  bool writable(SeqNum nxt, std::size_t low_water) const;

  // --- the bound, in the measure of cost()
  std::size_t bound() const { return bound_; }
  void fix_bound(std::size_t bound) {  // SO_SNDBUF
    bound_ = bound;
    fixed_ = true;
  }
  struct Sender {  // bytes, but for reordering: segments
    SeqNum nxt;
    std::int64_t in_flight = 0, cwnd = 0, mss = 0, peer_mss = 0, reordering = 3;
    std::size_t low_water = 0, largest_bound = 0;
  };
  void grow(const Sender& sender);  // to what the congestion window needs; never down
  // After an ACK and what it let out. `wanted`: a writer found too little room. Grows where it is the
  // buffer that holds him back. Returns whether he may go on.
  bool make_room(bool wanted, const Sender& sender);

  // --- how it is cut into segments
  // Where a segment of [from, to) has to end: `to`, or the end of a record before it.
  SeqNum cut(SeqNum from, SeqNum to) const;
  // Is [from, to) the last segment of several of a chunk, or the last of a record?
  bool ends_chunk(SeqNum from, SeqNum to) const;

 private:
  struct Chunk {
    SeqNum end;
    bool ends_record = false;
  };
  std::size_t find(SeqNum seq) const;  // the chunk that holds it; una_ <= seq < end_
  SeqNum begin_of(std::size_t i) const { return i == head_ ? una_ : chunks_[i - 1].end; }
  std::size_t fill_of_last(SeqNum nxt) const;
  std::size_t unsent(SeqNum nxt) const;

  // Chunks [head_, size()) are live; the dead front is dropped when it is the larger half.
  std::vector<Chunk> chunks_;
  std::size_t head_ = 0;
  std::size_t bound_ = 0;
  bool fixed_ = false;
  SeqNum una_, end_;
  SeqNum last_record_;  // end of the last record that was ended; below una_: none matters
};

}  // namespace estab::tcp
