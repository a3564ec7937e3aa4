#include "observe/trace_filter.h"

#include <utility>

namespace estab::observe {

tl::expected<TraceFilter, std::string> TraceFilter::parse(const std::vector<std::string>& words) {
  auto filter = parse_ss_filter(words);
  if (!filter) return tl::unexpected(filter.error());
  return TraceFilter(std::move(*filter));
}

bool TraceFilter::matches(const TraceEvent& event) const {
  if (filter_.states_given && !filter_.has(event.from) && !filter_.has(event.to)) return false;
  tcp::Info seen;
  seen.tuple = event.tuple;
  seen.state = event.to;
  return filter_.matches(seen);
}

}  // namespace estab::observe
