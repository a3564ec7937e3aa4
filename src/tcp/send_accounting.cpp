#include "tcp/send_accounting.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace estab::tcp {
namespace {

// What a device takes at once, without headers.
constexpr std::int64_t kLargestChunk = 65215;
// Of a segment that has a buffer of its own: headers and the descriptions of both.
constexpr std::size_t kHeaders = 640, kDescription = 256;
constexpr std::int64_t kFewestSegments = 10;  // that the bound is for

}  // namespace

std::size_t SendAccounting::chunk_goal(std::int64_t mss, std::uint32_t window) {
  const std::int64_t half = std::max<std::int64_t>(window / 2, mss);
  return static_cast<std::size_t>(std::max(std::min(kLargestChunk, half) / mss * mss, mss));
}

std::size_t SendAccounting::unsent(SeqNum nxt) const {
  return static_cast<std::size_t>(std::max<std::int64_t>(end_ - std::max(nxt, una_), 0));
}

// How much the last chunk holds if it takes more; 0: a new one has to begin.
std::size_t SendAccounting::fill_of_last(SeqNum nxt) const {
  if (head_ == chunks_.size() || chunks_.back().ends_record || end_ <= nxt) return 0;
  return static_cast<std::size_t>(end_ - begin_of(chunks_.size() - 1));
}

std::size_t SendAccounting::room(std::size_t goal, SeqNum nxt, std::size_t low_water) const {
  const std::size_t filled = fill_of_last(nxt);
  if (filled > 0 && filled < goal) return goal - filled;
  return cost() < bound_ && unsent(nxt) < low_water ? goal : 0;
}

void SendAccounting::append(std::size_t n, std::size_t goal, SeqNum nxt) {
  const std::size_t filled = fill_of_last(nxt);
  end_ += static_cast<std::int64_t>(n);
  if (filled > 0 && filled < goal) {
    chunks_.back().end = end_;
  } else {
    chunks_.push_back({end_});
  }
}

void SendAccounting::end_record() {
  if (head_ == chunks_.size()) return;
  chunks_.back().ends_record = true;
  last_record_ = end_;
}

void SendAccounting::sent(SeqNum nxt) {
  if (nxt <= una_ || nxt >= end_) return;
  const std::size_t i = find(nxt);
  if (begin_of(i) == nxt) return;
  chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(i), Chunk{nxt});
}

void SendAccounting::acknowledge(SeqNum una) {
  una_ = std::clamp(una, una_, end_);
  while (head_ < chunks_.size() && chunks_[head_].end <= una_) ++head_;
  if (head_ == chunks_.size()) {
    clear();
  } else if (head_ * 2 > chunks_.size()) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void SendAccounting::clear() {
  una_ = end_;
  head_ = 0;
  if (chunks_.capacity() > 8) {  // an idle connection keeps no memory for this
    chunks_ = {};
  } else {
    chunks_.clear();
  }
}

// sk_stream_is_writeable(): two thirds may be in use, so that a writer wakes for more than a byte;
// and half of the unsent that may be, so that it does not wake at each segment.
bool SendAccounting::writable(SeqNum nxt, std::size_t low_water) const {
  const std::size_t used = cost();
  return used < bound_ && bound_ - used >= used / 2 && 2 * unsent(nxt) < low_water;
}

// tcp_sndbuf_expand().
void SendAccounting::grow(const Sender& s) {
  if (fixed_) return;
  const auto largest = static_cast<std::size_t>(std::max(s.mss, s.peer_mss));
  const std::size_t buffer = std::bit_ceil(largest + kHeaders) + kDescription;
  const std::int64_t segments = std::max({s.cwnd / s.mss, s.reordering + 1, kFewestSegments});
  const std::size_t wanted = 2 * static_cast<std::size_t>(segments) * buffer;
  bound_ = std::max(bound_, std::min(wanted, s.largest_bound));
}

// tcp_new_space(). Linux grows where the congestion window is not full, and leaves the last bit of
// that unused when the next ACK is near. We use it, and grow also where what is left would not fill
// another window; under a TCP_NOTSENT_LOWAT that keeps it small it says nothing.
bool SendAccounting::make_room(bool wanted, const Sender& s) {
  if (wanted || !writable(s.nxt, s.low_water)) {
    const bool window_open = s.in_flight + s.mss <= s.cwnd;
    const bool too_little_left =
        static_cast<std::int64_t>(unsent(s.nxt)) < s.cwnd && s.low_water >= bound_;
    if (window_open || too_little_left) grow(s);
  }
  return writable(s.nxt, s.low_water);
}

std::size_t SendAccounting::find(SeqNum seq) const {
  const auto live = chunks_.begin() + static_cast<std::ptrdiff_t>(head_);
  const auto found = std::upper_bound(live, chunks_.end(), seq,
                                      [](SeqNum s, const Chunk& chunk) { return s < chunk.end; });
  assert(found != chunks_.end());
  return static_cast<std::size_t>(found - chunks_.begin());
}

SeqNum SendAccounting::cut(SeqNum from, SeqNum to) const {
  if (last_record_ <= from || from < una_ || from >= end_) return to;
  for (std::size_t i = find(from); i < chunks_.size() && chunks_[i].end < to; ++i) {
    // The end of all that there is leaves nothing to keep apart; a FIN may go with it.
    if (chunks_[i].ends_record && chunks_[i].end < end_) return chunks_[i].end;
  }
  return to;
}

bool SendAccounting::ends_chunk(SeqNum from, SeqNum to) const {
  if (to <= una_ || to > end_) return false;
  const std::size_t i = find(to - 1);
  return chunks_[i].end == to && (chunks_[i].ends_record || begin_of(i) < from);
}

}  // namespace estab::tcp
