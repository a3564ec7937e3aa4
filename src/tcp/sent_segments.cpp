#include "tcp/sent_segments.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace estab::tcp {
namespace {
constexpr std::size_t kFewest = 4;
}  // namespace

SentSegments::Index SentSegments::find(SeqNum seq) const {
  Index low = 0, high = segments();
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (at(begin_ + middle).end > seq) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return begin_ + low;
}

void SentSegments::reserve(std::size_t n) {
  if (n <= ring_.size()) return;
  std::vector<SentSegment> larger(std::bit_ceil(std::max(n, kFewest)));
  for (Index i = begin_; i != end_; ++i) larger[i & (larger.size() - 1)] = at(i);
  ring_ = std::move(larger);
}

void SentSegments::push(SeqNum begin, SeqNum end, Instant now) {
  reserve(segments() + std::size_t{1});
  if (empty()) {
    first_ = begin;
    lost_hint_ = begin_;
  }
  const Index i = end_++;
  at(i) = SentSegment{.end = end, .at = now};
  link(i);
}

void SentSegments::pop() {
  const Index i = begin_;
  SentSegment& s = at(i);
  if (s.in_time) unlink(i);
  sacked_ -= s.sacked ? 1 : 0;
  lost_ -= s.lost ? 1 : 0;
  resent_ -= s.resent ? 1 : 0;
  first_ = s.end;
  if (lost_hint_ == i) ++lost_hint_;
  if (++begin_ == end_) clear();
}

void SentSegments::clear() { *this = SentSegments{}; }

void SentSegments::link(Index i) {
  SentSegment& s = at(i);
  s.in_time = true;
  s.earlier = s.later = i;
  if (timed_++ == 0) {
    oldest_ = newest_ = i;
    return;
  }
  s.earlier = newest_;
  at(newest_).later = i;
  newest_ = i;
}

void SentSegments::unlink(Index i) {
  SentSegment& s = at(i);
  s.in_time = false;
  const bool first = s.earlier == i, last = s.later == i;
  if (!first) at(s.earlier).later = last ? s.earlier : s.later;
  if (!last) at(s.later).earlier = first ? s.later : s.earlier;
  if (first) oldest_ = s.later;
  if (last) newest_ = s.earlier;
  --timed_;
}

void SentSegments::resend(Index i, Instant now) {
  SentSegment& s = at(i);
  if (s.in_time) unlink(i);
  if (!s.resent) ++resent_;
  s.resent = s.ever_resent = true;
  s.at = now;
  link(i);
}

void SentSegments::mark_sacked(Index i) {
  SentSegment& s = at(i);
  assert(!s.sacked);
  // Not marked lost, its copy is still under way: the original arrived.
  if (s.lost && s.resent) {
    s.resent = false;
    --resent_;
  }
  if (s.lost) {
    s.lost = false;
    --lost_;
  }
  if (s.in_time) unlink(i);
  s.sacked = true;
  ++sacked_;
}

bool SentSegments::mark_lost(Index i) {
  SentSegment& s = at(i);
  if (s.sacked || (s.lost && !s.resent)) return false;
  if (s.in_time) unlink(i);
  if (s.resent) {
    s.resent = false;
    --resent_;
  }
  if (!s.lost) {
    s.lost = true;
    ++lost_;
  }
  if (static_cast<std::int32_t>(i - lost_hint_) < 0) lost_hint_ = i;
  return true;
}

void SentSegments::forget_copy(Index i) {
  SentSegment& s = at(i);
  if (!s.resent) return;
  s.resent = false;
  --resent_;
}

SentSegments::Index SentSegments::next_lost() {
  if (lost_ == 0) return end_;
  for (; lost_hint_ != end_; ++lost_hint_) {
    const SentSegment& s = at(lost_hint_);
    if (s.lost && !s.resent) break;
  }
  return lost_hint_;
}

void SentSegments::forget_sacked() {
  std::vector<SentSegment> all;
  for (Index i = begin_; i != end_; ++i) all.push_back(at(i));
  for (SentSegment& s : all) s.sacked = false;
  rebuild(all);
}

void SentSegments::forget_lost() {
  if (lost_ == 0) return;
  std::vector<SentSegment> all;
  for (Index i = begin_; i != end_; ++i) all.push_back(at(i));
  for (SentSegment& s : all) s.lost = false;
  rebuild(all);
}

void SentSegments::split(Index i, SeqNum seq) {
  std::vector<SentSegment> all;
  for (Index j = begin_; j != end_; ++j) {
    all.push_back(at(j));
    if (j != i || seq <= begin_of(j) || seq >= at(j).end) continue;
    all.back().end = seq;
    all.push_back(at(j));
  }
  rebuild(all);
}

void SentSegments::join(Index i, SeqNum edge) {
  const auto joins = [&](Index j) { return j != end_ && !at(j).sacked && at(j).end <= edge; };
  if (!joins(i + 1)) return;
  std::vector<SentSegment> all;
  for (Index j = begin_; j != end_; ++j) {
    all.push_back(at(j));
    if (j != i) continue;
    for (; joins(j + 1); ++j) {
      all.back().end = at(j + 1).end;
      all.back().ever_resent = all.back().ever_resent || at(j + 1).ever_resent;
    }
  }
  rebuild(all);
}

// What is left of one that was too long goes with the next, if that one was, too.
void SentSegments::limit_length(std::int64_t most) {
  std::vector<SentSegment> all;
  const auto is_long = [&](Index i) { return !at(i).sacked && at(i).end - begin_of(i) > most; };
  bool cut = false;
  SeqNum from = first_;
  for (Index i = begin_; i != end_; ++i) {
    const bool too_long = is_long(i);
    cut = cut || too_long;
    for (; too_long && at(i).end - from > most; from += most) {
      all.push_back(at(i));
      all.back().end = from + most;
    }
    if (too_long && i + 1 != end_ && is_long(i + 1)) continue;
    if (at(i).end > from) all.push_back(at(i));
    from = at(i).end;
  }
  if (cut) rebuild(all);
}

// After what is rare and changes much: counts and links anew. Equal times keep the order of numbers.
void SentSegments::rebuild(const std::vector<SentSegment>& all) {
  const SeqNum first = first_;
  clear();
  if (all.empty()) return;
  first_ = first;
  reserve(all.size());
  std::vector<Index> by_time;
  for (const SentSegment& s : all) {
    at(end_) = s;
    at(end_).in_time = false;
    sacked_ += s.sacked ? 1 : 0;
    lost_ += s.lost ? 1 : 0;
    resent_ += s.resent ? 1 : 0;
    if (!s.sacked && (!s.lost || s.resent)) by_time.push_back(end_);
    ++end_;
  }
  std::stable_sort(by_time.begin(), by_time.end(),
                   [this](Index a, Index b) { return at(a).at < at(b).at; });
  for (const Index i : by_time) link(i);
}

}  // namespace estab::tcp
