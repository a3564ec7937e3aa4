#include "observe/ss_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace estab::observe {

using stack::control::Totals;

std::string ss_summary(const Totals& totals, const std::vector<Connection>& connections) {
  const auto in = [&](State s) { return totals.by_state[static_cast<std::size_t>(s)]; };
  const std::uint64_t all =
      std::accumulate(totals.by_state.begin(), totals.by_state.end(), std::uint64_t{0});
  const std::uint64_t closed = in(State::Closed) + in(State::TimeWait);
  const std::uint64_t live = all - closed;
  std::uint64_t v6 = 0;
  for (const Connection& c : connections) {
    const State s = c.state;
    if (c.v6 && s != State::TimeWait && s != State::Closed) ++v6;
  }
  const std::uint64_t v4 = live - std::min(v6, live);
  std::string text = fmt::format("Total: {}\n", live);
  text += fmt::format("TCP:   {} (estab {}, closed {}, orphaned {}, timewait {})\n\n", all,
                      in(State::Established), closed, totals.orphans, in(State::TimeWait));
  text += fmt::format("{:<9} {:<9} {:<9} {}\n", "Transport", "Total", "IP", "IPv6");
  for (const char* name : {"TCP", "INET"}) {
    text += fmt::format("{:<9} {:<9} {:<9} {}\n", name, live, v4, v6);
  }
  return text;
}

Totals sum(const Totals& a, const Totals& b) {
  Totals total = a;
  for (std::size_t i = 0; i < total.by_state.size(); ++i) total.by_state[i] += b.by_state[i];
  total.orphans += b.orphans;
  total.listeners += b.listeners;
  total.syn_records += b.syn_records;
  total.time_wait_records += b.time_wait_records;
  total.connections += b.connections;
  total.payload_bytes += b.payload_bytes;
  total.table_bytes += b.table_bytes;
  return total;
}

}  // namespace estab::observe
