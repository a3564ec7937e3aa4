// ss's filter words over events: a state is asked for by name when the event leaves or enters it.
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/ss_filter.h"
#include "observe/trace_event.h"

namespace estab::observe {

class TraceFilter {
 public:
  // The error is one line.
  static tl::expected<TraceFilter, std::string> parse(const std::vector<std::string>& words);
  bool matches(const TraceEvent& event) const;

 private:
  explicit TraceFilter(SsFilter filter) : filter_(std::move(filter)) {}
  SsFilter filter_;
};

}  // namespace estab::observe
