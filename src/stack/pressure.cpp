// Past tcp_mem. New work is refused where it begins (half_open.cpp, connect.cpp, calls.cpp); here
// those give memory back who only hold it: what lies beyond a gap, and connections whose peer takes
// nothing of what is queued for it (sockstress, Netkill; RFC 6429 3).
#include "base/defence.h"
#include "stack/impl.h"

namespace estab::stack {
namespace {

constexpr std::uint32_t kLookAtOnce = 1024;  // connections
constexpr Duration kPressurePeriod = std::chrono::milliseconds(10);
constexpr std::size_t kWorthPruning = 16384;  // bytes

}  // namespace

// A bounded number of connections, not more often than each period: a full stack is not slowed down
// by looking for the guilty. Ends when an eighth is free again.
void Stack::Impl::relieve_memory(Instant now) {
  if (now < pressure_at_ || !defended(Defence::MemoryPressure)) return;
  pressure_at_ = now + kPressurePeriod;
  const Duration limit = seconds_of(tuning_.tcp_stall_limit);
  const auto enough = static_cast<std::uint64_t>(tuning_.tcp_mem - tuning_.tcp_mem / 8);
  const auto look = [&](ConnectionId, ConnectionEntry& entry) {
    tcp::Connection& c = entry.connection;
    if (!entry.attached || payload_bytes_ < enough) return;
    tcp::Context into = context(now);
    const Instant since = c.stalled_since();
    if (since != kNever && now - since >= limit && tcp::kSynchronized.has(c.state())) {
      c.give_up_for_memory(into);
    } else if (c.memory() >= kWorthPruning) {
      c.prune(into);
    } else {
      return;
    }
    settle(entry, now);
  };
  pressure_cursor_ = connections_.visit(pressure_cursor_, kLookAtOnce, look);
  if (pressure_cursor_ == connections_.kEnd) pressure_cursor_ = 0;
}

}  // namespace estab::stack
