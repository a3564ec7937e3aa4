#include <time.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "observe/bpf/stacks.h"
#include "observe/bpf/state_clock.h"
#include "observe/bpf/tracer.h"
#include "observe/code_text.h"
#include "observe/linux/namespaces.h"
#include "observe/small_sockets.h"
#include "observe/trace_source.h"
#include "observe/trace_synthesis.h"

namespace estab::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kBetweenLooks = seconds(1);

long number_in(const char* path, long otherwise) {
  std::ifstream file(path);
  long value = 0;
  return file >> value ? value : otherwise;
}

Duration wall_offset() {
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const Instant now = bpf::monotonic_now();
  return seconds(wall.tv_sec) + Duration{wall.tv_nsec} - now.time_since_epoch();
}

SynthesisOptions synthesis_options(const LinuxTraceOptions& options) {
  SynthesisOptions with;
  with.wall_offset = wall_offset();
  with.fin_timeout = seconds(number_in("/proc/sys/net/ipv4/tcp_fin_timeout", 60));
  with.resets = options.resets;
  with.synack_again = options.retransmits;
  with.netns = own_network_namespace();
  const long most = number_in("/proc/sys/net/ipv4/tcp_max_tw_buckets", 0);
  with.most_records = std::max(with.most_records, static_cast<std::size_t>(std::max(most, 0L)));
  return with;
}

class LinuxTrace : public TraceSource {
 public:
  LinuxTrace(bpf::Tracer tracer, const LinuxTraceOptions& options, OnTraceEvent on)
      : tracer_(std::move(tracer)),
        on_(std::move(on)),
        name_calls_(options.stacks),
        synthesis_(synthesis_options(options),
                   [this](const TraceEvent& e) { batch_.push_back(e); }) {
    const auto done = options.keep ? tracer_.keep() : tracer_.share();
    if (!done)
      blind_.push_back(done.error() + ": estab ss cannot read the time in state from here");
  }

  tl::expected<void, std::string> step(Duration patience) override {
    // What is still in the buffer is younger than this: nothing is given up before it came.
    const Instant before = bpf::monotonic_now();
    const auto polled = tracer_.poll(patience, [&](const bpf::raw_event& raw) {
      // A process that calls may have ended when its call is told of.
      if (name_calls_ && (raw.flags & bpf::RAW_BY_CALL) != 0) symbols_.of(raw.running.pid);
      synthesis_.feed(raw);
    });
    if (!polled) return polled;
    synthesis_.flush(before);
    if (before - looked_ >= kBetweenLooks) look(before);
    hand_out();
    return {};
  }

  std::uint64_t lost() const override { return tracer_.lost() + synthesis_.forgotten(); }
  std::vector<std::string> blind_spots() const override {
    auto all = tracer_.blind_spots();
    all.insert(all.end(), blind_.begin(), blind_.end());
    all.insert(all.end(), unnamed_.begin(), unnamed_.end());
    return all;
  }

 private:
  // What was held back for its cause or port comes later than what came after it.
  void hand_out() {
    std::stable_sort(batch_.begin(), batch_.end(),
                     [](const TraceEvent& a, const TraceEvent& b) { return a.at < b.at; });
    for (TraceEvent& e : batch_) {
      if (name_calls_ && e.call.pid != 0) name_call(e);
      on_(e);
    }
    batch_.clear();
  }

  void name_call(TraceEvent& e) {
    TraceCode code;
    code.called_by = functions({e.connection, e.call.call, e.call.stack, e.call.pid});
    if (e.call.made_stack >= 0) {
      code.made_by = functions({e.connection, bpf::RAW_TOP_MADE, e.call.made_stack, e.call.maker});
    }
    e.code = std::make_shared<const TraceCode>(std::move(code));
  }

  std::vector<std::string> functions(const bpf::StackAsked& asked) {
    std::vector<std::string> reasons;
    const auto frames = bpf::kernel_stack(tracer_, asked, symbols_, reasons);
    if (asked.number == -EFAULT) return {};  // its process ends, and has no stack any more
    if (frames.empty()) {
      reasons = {"some calls' stacks were not kept: too many different ones, or not readable"};
    } else if (!symbols_.of(asked.pid)) {
      reasons = {"processes that ended before they were looked at: addresses in place of names"};
    }
    for (std::string& line : reasons) bpf::add_once(unnamed_, std::move(line));
    return function_lines(frames);
  }

  // Half-open connections, and what the other small sockets became.
  void look(Instant now) {
    looked_ = now;
    synthesis_.set_wall_offset(wall_offset());
    const StateMask states = synthesis_.wants_sample() ? kSmallStates : kHalfOpenState;
    const auto rows = look_at_sockets(states, netns_);
    if (rows) synthesis_.sample(*rows, now);
  }

  bpf::Tracer tracer_;
  OnTraceEvent on_;
  const bool name_calls_;
  bpf::ProcessSymbols symbols_;
  std::vector<std::string> unnamed_;
  std::vector<TraceEvent> batch_;
  TraceSynthesis synthesis_;
  std::vector<std::string> blind_;
  Instant looked_{};
  const std::uint32_t netns_ = own_network_namespace();
};

}  // namespace

tl::expected<TraceSourcePtr, std::string> trace_linux(const LinuxTraceOptions& options,
                                                      OnTraceEvent on) {
  bpf::TracerOptions with;
  with.all_namespaces = options.all_namespaces;
  with.resets = options.resets;
  with.retransmits = options.retransmits;
  with.stacks = options.stacks;
  auto tracer = bpf::Tracer::start(with);
  if (!tracer) return tl::unexpected(tracer.error());
  return std::make_unique<LinuxTrace>(std::move(*tracer), options, std::move(on));
}

}  // namespace estab::observe
