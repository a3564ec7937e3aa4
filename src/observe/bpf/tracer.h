// The kernel's own record of every TCP transition, through BPF on the tracepoint
// sock:inet_sock_set_state and those of resets and retransmissions. What comes out is raw: the
// tracepoint leaves out TIME-WAIT, half-open connections and the right process;
// trace_synthesis.h puts them in.
//
// While it runs, each socket carries its last transition and its owner in the kernel (sk_storage).
// share() pins a reader of that under /sys/fs/bpf/estab/, for state_clock.h.
//
// Needs root, or CAP_BPF and CAP_PERFMON; Linux 5.13 with BTF. One thread at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/time.h"
#include "observe/bpf/raw_event.h"

namespace estab::observe::bpf {

struct TracerOptions {
  bool all_namespaces = false;  // else that of this process alone
  bool events = true;           // false: only keep time and owners, hand out nothing
  bool resets = false;
  bool retransmits = false;
  // Keep the user stacks that made each socket, moved it, and (without events) read it last.
  bool stacks = false;
};

using OnRawEvent = std::function<void(const raw_event&)>;
using StackFrames = std::vector<std::uint64_t>;  // instruction pointers, innermost first

class Tracer {
 public:
  static tl::expected<Tracer, std::string> start(const TracerOptions& options);
  ~Tracer();
  Tracer(Tracer&&) noexcept;
  Tracer& operator=(Tracer&&) noexcept;

  // Waits up to `patience` for events and hands out all that are there, in the order in which the
  // kernel wrote them. A signal ends the wait early, without an error.
  tl::expected<void, std::string> poll(Duration patience, const OnRawEvent& on);
  // Events for which the ring buffer had no room, since start().
  std::uint64_t lost() const;
  // What this kernel did not let us attach to: one line each.
  std::vector<std::string> blind_spots() const;

  // Pins the readers for state_clock.h; they go when this object does.
  tl::expected<void, std::string> share();
  // Pins the programs too: time and owners are kept on after this process's end, in place of what
  // an earlier keep() left.
  tl::expected<void, std::string> keep();

  // With options.stacks: the frames of a number in raw_life.
  tl::expected<StackFrames, std::string> stack(std::int32_t number) const;

  // The words that lay on top of the user's stack at the latest such call; `call`: raw_top_key's.
  StackFrames stack_top(std::uint64_t cookie, std::uint32_t call) const;

  struct Impl;

 private:
  explicit Tracer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace estab::observe::bpf
