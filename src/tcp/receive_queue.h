// What has arrived: bytes in order that the application has not read, and pieces beyond a gap
// (RFC 9293 3.10.7.4, SHLD-31), which become SACK blocks (RFC 2018).
//
//   |<-- unread -->|                 |<- piece ->|      |<- piece ->|
//             next() = RCV.NXT (without the peer's FIN)
#pragma once
#include <array>
#include <map>
#include <optional>

#include "base/seq.h"
#include "tcp/slice_queue.h"
#include "wire/segment.h"

namespace estab::tcp {

class ReceiveQueue {
 public:
  enum class Outcome : std::uint8_t {
    InOrder,     // next() moved
    OutOfOrder,  // kept beyond a gap
    Duplicate,   // nothing new in it
    Full,        // out of order, and the bound of pieces is reached: not kept
  };
  struct Inserted {
    Outcome outcome = Outcome::Duplicate;
    std::int64_t fresh = 0;                    // bytes that were not here before
    std::optional<wire::SackBlock> duplicate;  // the part that was: a D-SACK (RFC 2883)
    bool merged = false;                       // overlapped pieces
    bool coalesced = false;                    // small, copied to another buffer's end
  };

  void start(SeqNum next) { next_ = next; }
  SeqNum next() const { return next_; }
  // The end of the highest byte held.
  SeqNum highest() const;
  // `bytes` start at `seq` and lie within the window. Never keeps more than `max_pieces` beyond
  // gaps.
  Inserted insert(SeqNum seq, const Slices& bytes, std::size_t max_pieces);

  std::size_t readable() const { return ready_.size(); }
  SeqNum read_position() const { return next_ - static_cast<std::int64_t>(ready_.size()); }
  std::size_t copy_out(std::size_t from, MutableBytes to) const {
    return ready_.copy_out(from, to);
  }
  void consume(std::size_t n) { ready_.pop(n); }
  std::uint8_t take_byte(std::size_t from) { return ready_.take_byte(from); }

  bool has_gap() const { return !pieces_.empty(); }
  std::size_t pieces() const { return pieces_.size(); }
  // Up to `room` blocks, the most recently changed first (RFC 2018 4).
  std::size_t sack_blocks(std::array<wire::SackBlock, 4>& to, std::size_t room) const;
  std::size_t memory() const { return ready_.true_size() + pieces_memory_; }
  // Drops what lies beyond the gaps (memory is short); RFC 2018 8 allows it.
  void forget_pieces();
  void clear();

 private:
  struct Run {
    SeqNum begin;
    SeqNum end;
  };
  Run run_around(SeqNum seq) const;  // the contiguous run of pieces that holds seq
  bool keep(SeqNum seq, const Slices& bytes, std::size_t max_pieces, Inserted& result);
  void note_recent(SeqNum seq);
  void advance();  // moves pieces that are now in order
  bool push_ready(const Slice& slice);

  SeqNum next_;
  SliceQueue ready_;
  std::map<SeqNum, Slice> pieces_;  // disjoint; first byte -> bytes
  std::size_t pieces_memory_ = 0;
  std::array<SeqNum, 4> recent_{};  // somewhere in the runs that changed last, newest first
  std::size_t recent_count_ = 0;
};

}  // namespace estab::tcp
