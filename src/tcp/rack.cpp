#include "tcp/rack.h"

#include <algorithm>

namespace estab::tcp {
namespace {
constexpr std::uint8_t kPersist = 16;  // RFC 8985 6.2 step 4: recoveries
}  // namespace

void Rack::arrived(const SentSegment& s, Instant now, Duration min_rtt) {
  const Duration rtt = now - s.at;
  if (s.ever_resent && rtt < min_rtt) return;
  advanced_ = true;
  rtt_ =
      rtt;  // of the segment looked at last, later or not: a late one says how late others may be
  if (known_ && (s.at < at_ || (s.at == at_ && s.end <= end_))) return;
  known_ = true;
  at_ = s.at;
  end_ = s.end;
}

void Rack::duplicate_reported(SeqNum una, SeqNum nxt) {
  if (una < round_) return;
  round_ = nxt;
  steps_ = static_cast<std::uint8_t>(std::min(steps_ + 1, 255));
  persist_ = kPersist;
}

void Rack::recovered() {
  if (persist_ > 0 && --persist_ == 0) steps_ = 1;
}

void Rack::undone() { persist_ = static_cast<std::uint8_t>(std::min(persist_ + 1, int{kPersist})); }

Duration Rack::reordering_window(Duration min_rtt, Duration srtt, bool reordered, bool sure) const {
  if (!reordered && sure) return Duration{0};
  return std::min(min_rtt / 4 * steps_, srtt);
}

}  // namespace estab::tcp
