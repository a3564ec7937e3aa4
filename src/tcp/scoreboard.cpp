#include "tcp/scoreboard.h"

#include <algorithm>

namespace estab::tcp {

std::int64_t Scoreboard::record(const wire::TcpOptions& options, SeqNum snd_una, SeqNum snd_nxt,
                                SeqNum ack, bool& dsack, Counters& counters) {
  std::int64_t fresh = 0;
  dsack = false;
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    const SeqNum begin = SeqNum::unwrap(options.sack[i].begin, snd_una);
    const SeqNum end = SeqNum::unwrap(options.sack[i].end, snd_una);
    if (i == 0) {
      // RFC 2883 4: below the cumulative ACK, or inside the second block.
      const bool below = end <= ack && begin < end;
      const bool inside = options.sack_count > 1 &&
                          begin >= SeqNum::unwrap(options.sack[1].begin, snd_una) &&
                          end <= SeqNum::unwrap(options.sack[1].end, snd_una);
      if (below || inside) {
        dsack = true;
        continue;
      }
    }
    if (begin >= end || begin < snd_una || end > snd_nxt) {
      if (end > snd_una) counters.add(Counter::TcpExtTCPSACKDiscard);
      continue;
    }
    if (const auto added = sacked_.insert(begin, end)) {
      fresh += *added;
    } else {
      counters.add(Counter::EstabSackScoreboardFull);
    }
  }
  return fresh;
}

SeqNum Scoreboard::lost_edge(SeqNum snd_una, std::int64_t mss, std::int64_t reordering) const {
  std::int64_t bytes = 0;
  std::int64_t pieces = 0;
  for (auto it = sacked_.end(); it != sacked_.begin();) {
    --it;
    bytes += it->length();
    ++pieces;
    if (pieces >= reordering || bytes > (reordering - 1) * mss) return std::max(snd_una, it->begin);
  }
  return snd_una;
}

std::int64_t Scoreboard::holes(SeqNum from, SeqNum to) const {
  if (from >= to) return 0;
  std::int64_t n = to - from;
  for (const Interval& i : sacked_) {
    if (i.end <= from) continue;
    if (i.begin >= to) break;
    n -= std::min(i.end, to) - std::max(i.begin, from);
  }
  return n;
}

}  // namespace estab::tcp
