#include "tcp/scoreboard.h"

namespace estab::tcp {

std::optional<Duplicate> find_duplicate(const wire::TcpOptions& options, SeqNum near, SeqNum ack) {
  if (options.sack_count == 0) return std::nullopt;
  const SeqNum begin = SeqNum::unwrap(options.sack[0].begin, near);
  const SeqNum end = SeqNum::unwrap(options.sack[0].end, near);
  if (begin >= end) return std::nullopt;
  if (begin < ack) return Duplicate{begin, end, true};
  if (options.sack_count < 2) return std::nullopt;
  const bool inside = begin >= SeqNum::unwrap(options.sack[1].begin, near) &&
                      end <= SeqNum::unwrap(options.sack[1].end, near);
  return inside ? std::optional(Duplicate{begin, end, false}) : std::nullopt;
}

}  // namespace estab::tcp
