#include "observe/trace_filter.h"

#include <utility>

namespace estab::observe {

tl::expected<TraceFilter, std::string> TraceFilter::parse(const std::vector<std::string>& words) {
  auto filter = parse_ss_filter(words);
  if (!filter) return tl::unexpected(filter.error().text);
  return TraceFilter(std::move(*filter));
}

bool TraceFilter::matches(const TraceEvent& event) const {
  if (filter_.states_given && !filter_.has_state(event.from) && !filter_.has_state(event.to)) {
    return false;
  }
  if (filter_.family != 0 && (filter_.family == 4) != event.tuple.local.address.is_v4()) {
    return false;
  }
  if (filter_.root == nullptr) return true;
  Connection seen;
  seen.source = event.stack.empty() ? Source::Linux : Source::Stack;
  seen.state = event.to;
  seen.v6 = event.tuple.local.address.is_v6();
  seen.local = event.tuple.local;
  seen.remote = event.tuple.remote;
  seen.cookie = event.connection;
  seen.uid = event.uid;
  seen.netns = event.netns;
  seen.stack = event.stack;
  if (event.in_state) {
    seen.in_state = Age{*event.in_state, event.at_least ? Known::AtLeast : Known::Exactly};
  }
  if (event.pid != 0) seen.owners.push_back({event.pid, -1, 0, event.command});
  return filter_.matches(seen);
}

}  // namespace estab::observe
