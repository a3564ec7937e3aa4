#include "base/interval_set.h"

#include <algorithm>

namespace estab {

IntervalSet::const_iterator IntervalSet::first_ending_after(SeqNum n) const {
  return std::upper_bound(pieces_.begin(), pieces_.end(), n,
                          [](SeqNum value, const Interval& piece) { return value < piece.end; });
}

std::optional<std::int64_t> IntervalSet::insert(SeqNum begin, SeqNum end) {
  if (begin >= end) return 0;
  // All pieces that overlap or touch [begin, end) become one.
  const auto first =
      std::lower_bound(pieces_.begin(), pieces_.end(), begin,
                       [](const Interval& piece, SeqNum value) { return piece.end < value; });
  const auto last =
      std::upper_bound(first, pieces_.end(), end,
                       [](SeqNum value, const Interval& piece) { return value < piece.begin; });
  if (first == last) {
    if (pieces_.size() >= max_pieces_) return std::nullopt;
    pieces_.insert(first, Interval{begin, end});
    length_ += end - begin;
    return end - begin;
  }
  const Interval merged{std::min(begin, first->begin), std::max(end, std::prev(last)->end)};
  std::int64_t added = merged.length();
  for (auto piece = first; piece != last; ++piece) added -= piece->length();
  *first = merged;
  pieces_.erase(std::next(first), last);
  length_ += added;
  return added;
}

std::int64_t IntervalSet::erase_before(SeqNum limit) {
  const auto keep = first_ending_after(limit);
  std::int64_t removed = 0;
  for (auto piece = pieces_.cbegin(); piece != keep; ++piece) removed += piece->length();
  pieces_.erase(pieces_.cbegin(), keep);
  if (!pieces_.empty() && pieces_.front().begin < limit) {
    removed += limit - pieces_.front().begin;
    pieces_.front().begin = limit;
  }
  length_ -= removed;
  return removed;
}

std::int64_t IntervalSet::erase_from(SeqNum limit) {
  std::int64_t removed = 0;
  while (!pieces_.empty() && pieces_.back().begin >= limit) {
    removed += pieces_.back().length();
    pieces_.pop_back();
  }
  if (!pieces_.empty() && pieces_.back().end > limit) {
    removed += pieces_.back().end - limit;
    pieces_.back().end = limit;
  }
  length_ -= removed;
  return removed;
}

void IntervalSet::clear() {
  pieces_.clear();
  length_ = 0;
}

bool IntervalSet::contains(SeqNum n) const { return piece_at(n).has_value(); }

bool IntervalSet::contains(SeqNum begin, SeqNum end) const {
  if (begin >= end) return true;
  const auto piece = first_ending_after(begin);
  return piece != pieces_.end() && piece->begin <= begin && end <= piece->end;
}

bool IntervalSet::overlaps(SeqNum begin, SeqNum end) const {
  if (begin >= end) return false;
  const auto piece = first_ending_after(begin);
  return piece != pieces_.end() && piece->begin < end;
}

std::optional<Interval> IntervalSet::piece_at(SeqNum n) const {
  const auto piece = first_ending_after(n);
  if (piece == pieces_.end() || n < piece->begin) return std::nullopt;
  return *piece;
}

std::optional<Interval> IntervalSet::next_gap(SeqNum from, SeqNum limit) const {
  auto piece = first_ending_after(from);
  if (piece != pieces_.end() && piece->begin <= from) {  // pieces never touch: a gap follows
    from = piece->end;
    ++piece;
  }
  const SeqNum end = piece == pieces_.end() ? limit : std::min(limit, piece->begin);
  if (from >= end) return std::nullopt;
  return Interval{from, end};
}

std::int64_t IntervalSet::length_from(SeqNum from) const {
  std::int64_t sum = 0;
  for (auto piece = first_ending_after(from); piece != pieces_.end(); ++piece) {
    sum += piece->end - std::max(from, piece->begin);
  }
  return sum;
}

std::size_t IntervalSet::pieces_from(SeqNum from) const {
  return static_cast<std::size_t>(pieces_.end() - first_ending_after(from));
}

}  // namespace estab
