#include <poll.h>
#include <time.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "observe/bpf/state_clock.h"
#include "observe/linux/namespaces.h"
#include "observe/linux_cause.h"
#include "observe/small_sockets.h"
#include "observe/trace_source.h"

namespace estab::observe {
namespace {

class LinuxPoll : public TraceSource {
 public:
  LinuxPoll(Duration between, OnTraceEvent on) : between_(between), on_(std::move(on)) {}

  tl::expected<void, std::string> step(Duration patience) override {
    const Instant now = bpf::monotonic_now();
    const Duration wait = std::min(patience, looked_ + between_ - now);
    if (looked_ != Instant{} && wait > Duration{0}) {
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait);
      ::poll(nullptr, 0, static_cast<int>(ms.count()));
      if (bpf::monotonic_now() - looked_ < between_) return {};
    }
    return look();
  }
  std::uint64_t lost() const override { return 0; }
  std::vector<std::string> blind_spots() const override {
    return {
        "looking at all sockets again and again instead: what lasts shorter than " +
        std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(between_).count()) +
        " ms is not seen and not counted, nor are processes, causes and resets"};
  }

 private:
  struct Seen {
    SampledSocket row;
    Instant since;
    bool exact_enough = false;  // its beginning was seen, between two looks
  };

  tl::expected<void, std::string> look() {
    const bool first = looked_ == Instant{};
    looked_ = bpf::monotonic_now();
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    offset_ =
        std::chrono::seconds(wall.tv_sec) + Duration{wall.tv_nsec} - looked_.time_since_epoch();
    const auto rows = look_at_sockets(kAllStates, netns_);
    if (!rows) return tl::unexpected(rows.error());
    std::unordered_map<std::uint64_t, Seen> now;
    now.reserve(rows->size());
    for (const SampledSocket& row : *rows) {
      Seen one{row, looked_, !first};
      const auto before = seen_.find(row.cookie);
      if (before != seen_.end()) {
        if (before->second.row.state == row.state)
          one = before->second;
        else
          tell(before->second, row.state);
        seen_.erase(before);
      } else if (!first) {
        tell({row, looked_, false}, State::Closed, true);
      }
      now.emplace(row.cookie, std::move(one));
    }
    for (const auto& [cookie, gone] : seen_) tell(gone, State::Closed);
    seen_ = std::move(now);
    return {};
  }

  // From what was seen to `to`; or, when it is new, from CLOSED to what is seen now.
  void tell(const Seen& before, State to, bool is_new = false) {
    TraceEvent e;
    e.at = looked_;
    e.wall_offset = offset_;
    e.connection = before.row.cookie;
    e.tuple = before.row.tuple;
    e.uid = before.row.uid;
    e.netns = before.row.netns;
    e.from = is_new ? State::Closed : before.row.state;
    e.to = is_new ? before.row.state : to;
    if (!is_new) e.in_state = looked_ - before.since;
    e.at_least = !before.exact_enough;
    e.inferred = true;
    const Cause cause = arrow_cause(e.from, e.to);
    e.event = cause.event;
    e.arrow = cause.arrow;
    on_(e);
  }

  Duration between_;
  OnTraceEvent on_;
  std::unordered_map<std::uint64_t, Seen> seen_;
  Instant looked_{};
  Duration offset_{0};
  const std::uint32_t netns_ = own_network_namespace();
};

}  // namespace

tl::expected<TraceSourcePtr, std::string> poll_linux(Duration between, OnTraceEvent on) {
  const auto probe = look_at_sockets(bit_of(2), 0);
  if (!probe) return tl::unexpected(probe.error());
  return std::make_unique<LinuxPoll>(between, std::move(on));
}

}  // namespace estab::observe
