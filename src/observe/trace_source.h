// Where `estab trace` gets its events: Linux by tracepoints, Linux by repeated looks where those
// cannot be had, and running estab stacks by their event logs. One thread; each step waits a while
// and hands out what came.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/trace_event.h"

namespace estab::observe {

class TraceSource {
 public:
  TraceSource() = default;
  TraceSource(const TraceSource&) = delete;
  TraceSource& operator=(const TraceSource&) = delete;
  virtual ~TraceSource() = default;
  // Waits at most `patience`. The error is one line; the source is of no use after it.
  virtual tl::expected<void, std::string> step(Duration patience) = 0;
  // Events that happened and were not handed out, as far as they can be counted.
  virtual std::uint64_t lost() const = 0;
  // What this source cannot see, a line each: for stderr. More may come with time.
  virtual std::vector<std::string> blind_spots() const = 0;
};
using TraceSourcePtr = std::unique_ptr<TraceSource>;

struct LinuxTraceOptions {
  bool all_namespaces = false;
  bool resets = false;
  bool retransmits = false;
  bool stacks = false;  // name the functions whose calls moved it (TraceEvent::code)
  bool keep = false;    // time and owners are kept on after the end (state_clock.h)
};
// By BPF. The error is one line: no privilege, an old kernel, built without it.
tl::expected<TraceSourcePtr, std::string> trace_linux(const LinuxTraceOptions& options,
                                                      OnTraceEvent on);

// By looking at all sockets again and again: needs no privilege, and misses what comes and goes
// between two looks.
tl::expected<TraceSourcePtr, std::string> poll_linux(Duration between, OnTraceEvent on);

// All running stacks, also those that start meanwhile; with a selector (find_stacks) those it names.
// `name_calls`: fill in TraceEvent::code, from the calls that a stack records.
tl::expected<TraceSourcePtr, std::string> trace_stacks(const std::string& selector, bool name_calls,
                                                       OnTraceEvent on);

}  // namespace estab::observe
