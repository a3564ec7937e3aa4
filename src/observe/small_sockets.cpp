#include "observe/small_sockets.h"

#include "observe/linux/sock_diag.h"

namespace estab::observe {

tl::expected<std::vector<SampledSocket>, std::string> look_at_sockets(StateMask states,
                                                                      std::uint32_t netns) {
  LinuxQuery query;
  query.states = states;
  std::vector<SampledSocket> rows;
  const auto done = dump_linux(query, [&](Connection& c) {
    rows.push_back({c.cookie, {c.local, c.remote}, c.state, c.timer.left, netns, c.uid});
  });
  if (!done) return tl::unexpected(done.error());
  return rows;
}

}  // namespace estab::observe
