#include "tcp/receive_queue.h"

#include <algorithm>

#include "base/defence.h"

namespace estab::tcp {
namespace {

// A slice that wastes most of its buffer is copied, so that a peer which sends single bytes cannot
// make us hold a packet buffer for each.
bool wasteful(const Slice& s) {
  return s.buffer.capacity() > 4 * std::size_t{s.length} + 256 && defended(Defence::CompactPieces);
}

Slice compact(const Slice& s) { return wasteful(s) ? Slice::copy_of(s.bytes()) : s; }

}  // namespace

SeqNum ReceiveQueue::highest() const {
  if (pieces_.empty()) return next_;
  const auto& [seq, slice] = *pieces_.rbegin();
  return seq + slice.length;
}

bool ReceiveQueue::push_ready(const Slice& slice) {
  if (wasteful(slice)) {
    ready_.push_copy(slice.bytes());
    return true;
  }
  ready_.push(slice);
  return false;
}

ReceiveQueue::Inserted ReceiveQueue::insert(SeqNum seq, const Slices& bytes,
                                            std::size_t max_pieces) {
  Inserted result;
  const SeqNum end = seq + static_cast<std::int64_t>(bytes.size());
  if (seq < next_) {
    result.duplicate = wire::SackBlock{seq.wire(), std::min(end, next_).wire()};
  }
  if (end <= next_) return result;
  if (seq > next_) {
    const bool kept = keep(seq, bytes, max_pieces, result);
    if (!kept) {
      result.outcome = Outcome::Full;
    } else if (result.fresh > 0) {
      result.outcome = Outcome::OutOfOrder;
    }
    return result;
  }
  // In order: what is new goes straight to the application; pieces it covers are dropped.
  const auto skip = static_cast<std::size_t>(next_ - seq);
  const Slices fresh = bytes.sub(skip, bytes.size() - skip);
  for (std::size_t i = 0; i < fresh.pieces(); ++i) result.coalesced |= push_ready(fresh[i]);
  result.fresh = end - next_;
  next_ = end;
  if (!pieces_.empty()) {
    result.merged = pieces_.begin()->first < end;
    advance();
  }
  result.outcome = Outcome::InOrder;
  return result;
}

// Keeps the parts of [seq, end) that no piece covers yet; what came first stays.
bool ReceiveQueue::keep(SeqNum seq, const Slices& bytes, std::size_t max_pieces, Inserted& result) {
  const SeqNum end = seq + static_cast<std::int64_t>(bytes.size());
  SeqNum at = seq;
  auto it = pieces_.upper_bound(seq);
  if (it != pieces_.begin()) {
    const auto before = std::prev(it);
    const SeqNum before_end = before->first + before->second.length;
    if (before_end > at) {
      result.duplicate = wire::SackBlock{at.wire(), std::min(before_end, end).wire()};
      at = std::min(before_end, end);
    }
  }
  while (at < end) {
    const SeqNum gap_end = it == pieces_.end() ? end : std::min(end, it->first);
    if (at < gap_end) {
      const Slices part =
          bytes.sub(static_cast<std::size_t>(at - seq), static_cast<std::size_t>(gap_end - at));
      const bool full = pieces_.size() + part.pieces() > max_pieces;
      if (full && defended(Defence::ReorderingBound)) return result.fresh > 0;
      for (std::size_t i = 0; i < part.pieces(); ++i) {
        Slice s = compact(part[i]);
        pieces_memory_ += s.buffer.true_size();
        const std::int64_t n = s.length;
        pieces_.emplace_hint(it, at, std::move(s));
        at += n;
        result.fresh += n;
      }
    }
    if (it == pieces_.end() || at >= end) break;
    const SeqNum piece_end = it->first + it->second.length;
    if (!result.duplicate) {
      result.duplicate = wire::SackBlock{it->first.wire(), std::min(piece_end, end).wire()};
    }
    result.merged = true;
    at = std::min(piece_end, end);
    ++it;
  }
  note_recent(seq);
  return true;
}

// The run that holds `seq` is reported first, those before it next: each once, so that many segments
// of one run do not push the others out (RFC 2018 4).
void ReceiveQueue::note_recent(SeqNum seq) {
  const Run run = run_around(seq);
  const auto end = recent_.begin() + static_cast<std::ptrdiff_t>(recent_count_);
  const auto gone = std::remove_if(recent_.begin(), end, [&](SeqNum at) {
    return (run.begin <= at && at < run.end) || at < next_;
  });
  const std::ptrdiff_t kept = std::min<std::ptrdiff_t>(
      gone - recent_.begin(), static_cast<std::ptrdiff_t>(recent_.size()) - 1);
  std::move_backward(recent_.begin(), recent_.begin() + kept, recent_.begin() + kept + 1);
  recent_[0] = seq;
  recent_count_ = static_cast<std::size_t>(kept) + 1;
}

void ReceiveQueue::advance() {
  while (!pieces_.empty()) {
    const auto it = pieces_.begin();
    if (it->first > next_) break;
    const Slice& s = it->second;
    const SeqNum end = it->first + s.length;
    if (end > next_) {
      const auto skip = static_cast<std::uint32_t>(next_ - it->first);
      push_ready(s.sub(skip, s.length - skip));
      next_ = end;
    }
    pieces_memory_ -= s.buffer.true_size();
    pieces_.erase(it);
  }
  if (pieces_.empty()) recent_count_ = 0;
}

ReceiveQueue::Run ReceiveQueue::run_around(SeqNum seq) const {
  auto it = pieces_.upper_bound(seq);
  if (it == pieces_.begin()) return {seq, seq};
  --it;
  SeqNum begin = it->first;
  SeqNum end = it->first + it->second.length;
  if (end <= seq) return {seq, seq};
  for (auto b = it; b != pieces_.begin();) {
    --b;
    if (b->first + b->second.length != begin) break;
    begin = b->first;
  }
  for (auto f = std::next(it); f != pieces_.end() && f->first == end; ++f) {
    end = f->first + f->second.length;
  }
  return {begin, end};
}

std::size_t ReceiveQueue::sack_blocks(std::array<wire::SackBlock, 4>& to, std::size_t room) const {
  std::size_t n = 0;
  const auto add = [&](Run run) {
    if (run.begin == run.end || n == room) return;
    const wire::SackBlock block{run.begin.wire(), run.end.wire()};
    if (std::find(to.begin(), to.begin() + n, block) == to.begin() + n) to[n++] = block;
  };
  std::array<Run, 4> seen{};
  for (std::size_t i = 0; i < recent_count_; ++i) {
    const SeqNum at = recent_[i];
    // A run may have a thousand pieces: each is walked once an ACK, not once a recent change.
    const auto holds = [at](const Run& r) { return r.begin <= at && at < r.end; };
    if (std::any_of(seen.begin(), seen.begin() + i, holds)) continue;
    seen[i] = run_around(at);
    add(seen[i]);
  }
  return n;
}

void ReceiveQueue::forget_pieces() {
  pieces_.clear();
  pieces_memory_ = 0;
  recent_count_ = 0;
}

void ReceiveQueue::clear() {
  ready_.clear();
  forget_pieces();
}

}  // namespace estab::tcp
