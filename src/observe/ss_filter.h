// ss's filter language over connections:
//
//   state time-wait exclude listening ( sport = :http or dport > :1024 ) and dst 10.0.0.0/8
//
// State words come first, then the expression; `and` may be left out.
#pragma once
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/state.h"
#include "observe/connection.h"

namespace estab::observe {

struct SsFilter {
  // States asked for by `state` and `exclude`; nothing: the options decide.
  std::vector<State> states;
  bool states_given = false;
  std::function<bool(const tcp::Info&)> matches;  // never empty

  bool has(State s) const;
};

// The words after the options. The error is one line: what was expected, and where.
tl::expected<SsFilter, std::string> parse_ss_filter(const std::vector<std::string>& words);

// Which states ss shows without a state filter: neither -a nor -l, -a, -l.
std::vector<State> ss_default_states(bool all, bool listening);

}  // namespace estab::observe
