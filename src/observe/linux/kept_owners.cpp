#include "observe/linux/kept_owners.h"

#include <algorithm>

#include "observe/bpf/state_clock.h"

namespace estab::observe {
namespace {

bool forgotten(const Connection& c) {
  if (c.source != Source::Linux || !c.owners.empty()) return false;
  return c.state == State::TimeWait || c.orphan;
}

}  // namespace

void add_kept_owners(std::vector<Connection>& connections) {
  const bool any = std::any_of(connections.begin(), connections.end(),
                               [](const Connection& c) { return c.owners.empty(); });
  if (!any) return;
  const auto clock = bpf::StateClock::read();
  if (!clock) return;
  for (Connection& c : connections) {
    if (!c.owners.empty()) continue;
    const bpf::SocketLife* life = clock->of(c.cookie);
    if (life == nullptr || life->owner == 0 || life->owner_is_listener) continue;
    c.owners.push_back({life->owner, -1, 0, life->command});
  }
}

std::string owners_not_kept(const std::vector<Connection>& connections) {
  const auto n = std::count_if(connections.begin(), connections.end(), forgotten);
  if (n == 0) return "";
  const std::string whose =
      std::to_string(n) +
      (n == 1 ? " socket that was closed shows" : " sockets that were closed show") + " no owner: ";
  switch (bpf::StateClock::kept()) {
    case bpf::Kept::No:
      return whose +
             "Linux forgets it; estab trace --keep (root) remembers it for what closes from then "
             "on";
    case bpf::Kept::NotForUs:
      return whose + "what a tracer keeps of them may be read by root alone";
    case bpf::Kept::Yes:
      return whose + "closed before the tracer began, or kept for another process namespace";
  }
  return whose;
}

}  // namespace estab::observe
