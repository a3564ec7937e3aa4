#include "ip/neighbours.h"

#include <algorithm>

namespace estab::ip {
namespace {

bool has_timer(NeighbourState state) {
  return state == NeighbourState::kDelay || state == NeighbourState::kProbe;
}

}  // namespace

std::string_view neighbour_state_name(NeighbourState state) {
  switch (state) {
    case NeighbourState::kIncomplete:
      return "INCOMPLETE";
    case NeighbourState::kReachable:
      return "REACHABLE";
    case NeighbourState::kStale:
      return "STALE";
    case NeighbourState::kDelay:
      return "DELAY";
    case NeighbourState::kProbe:
      return "PROBE";
  }
  return "?";
}

std::size_t NeighbourTable::most_unresolved() const {
  return std::max<std::size_t>(static_cast<std::size_t>(tuning_.gc_thresh3) / 4, 1);
}

std::size_t NeighbourTable::most_known() const {
  return static_cast<std::size_t>(tuning_.gc_thresh3) - most_unresolved();
}

void NeighbourTable::set_timer(const LinkAddress& neighbour, Instant& until, Instant at) {
  timers_.erase({until, neighbour});
  until = at;
  timers_.insert({until, neighbour});
}

void NeighbourTable::stop_timer(const LinkAddress& neighbour, const Known& known) {
  if (has_timer(known.state)) timers_.erase({known.until, neighbour});
}

void NeighbourTable::set_state(const LinkAddress& neighbour, Known& known, NeighbourState state,
                               Instant now) {
  stop_timer(neighbour, known);
  known.state = state;
  known.probes = 0;
  if (state == NeighbourState::kReachable) known.until = now + kReachable;
  if (state == NeighbourState::kDelay) set_timer(neighbour, known.until, now + kDelay);
}

std::optional<MacAddress> NeighbourTable::find(const LinkAddress& neighbour, Instant now) {
  Known* known = known_.find(neighbour);
  if (known == nullptr) return std::nullopt;
  if (known->state == NeighbourState::kReachable && known->until <= now) {
    known->state = NeighbourState::kStale;
  }
  if (known->state == NeighbourState::kStale) {
    set_state(neighbour, *known, NeighbourState::kDelay, now);
  }
  return known->mac;
}

void NeighbourTable::wait(const LinkAddress& neighbour, WaitingFrame frame, Instant now,
                          NeighbourActions& actions) {
  Unresolved* entry = unresolved_.find(neighbour);
  if (entry == nullptr) {
    while (unresolved_.size() >= most_unresolved()) {
      counters_.add(Counter::EstabNeighbourTableFull);
      drop_unresolved(unresolved_.oldest()->first, nullptr);
    }
    entry = &unresolved_.insert(neighbour, {});
    entry->solicitations = 1;
    set_timer(neighbour, entry->until, now + kRetry);
    actions.solicit.push_back({neighbour, std::nullopt});
  }
  if (entry->queue.size() >= kMaxQueued) {  // RFC 4861 7.2.2: the newest stay
    counters_.add(Counter::EstabNeighbourQueueFull);
    entry->queue.erase(entry->queue.begin());
  }
  entry->queue.push_back(std::move(frame));
}

NeighbourTable::Known* NeighbourTable::learn(const LinkAddress& neighbour, const MacAddress& mac,
                                             bool unasked) {
  while (known_.size() >= most_known()) {
    counters_.add(Counter::EstabNeighbourTableFull);
    if (unasked) return nullptr;  // strangers who ask don't push out those whom we talk to
    forget(known_.oldest()->first);
  }
  return &known_.insert(neighbour, {mac, NeighbourState::kStale, {}, 0});
}

void NeighbourTable::hear(const LinkAddress& neighbour, const MacAddress& mac, Heard how,
                          bool may_replace, Instant now, NeighbourActions& actions) {
  Unresolved* waiting = unresolved_.peek(neighbour);
  Known* known = known_.peek(neighbour);
  if (waiting != nullptr) {
    std::vector<WaitingFrame> queue = std::move(waiting->queue);
    drop_unresolved(neighbour, nullptr);
    known = learn(neighbour, mac, false);
    for (WaitingFrame& w : queue) {
      actions.release.push_back({neighbour.interface, mac, std::move(w.frame)});
    }
    if (how == Heard::kAnswer) set_state(neighbour, *known, NeighbourState::kReachable, now);
    return;
  }
  if (known == nullptr) {
    if (how == Heard::kQuestion) learn(neighbour, mac, true);
    return;
  }
  if (known->mac != mac) {
    if (!may_replace) {  // RFC 4861 7.2.5: doubt what is known, keep it
      if (known->state == NeighbourState::kReachable) known->state = NeighbourState::kStale;
      return;
    }
    const bool probed = how == Heard::kAnswer && known->state == NeighbourState::kProbe;
    known->mac = mac;
    set_state(neighbour, *known, probed ? NeighbourState::kReachable : NeighbourState::kStale, now);
    return;
  }
  if (how == Heard::kAnswer && known->state != NeighbourState::kReachable) {
    set_state(neighbour, *known, NeighbourState::kReachable, now);
  }
}

void NeighbourTable::confirm(const LinkAddress& neighbour, Instant now) {
  if (Known* known = known_.peek(neighbour)) {
    set_state(neighbour, *known, NeighbourState::kReachable, now);
  }
}

void NeighbourTable::doubt(const LinkAddress& neighbour) {
  Known* known = known_.peek(neighbour);
  if (known != nullptr && known->state == NeighbourState::kReachable) {
    known->state = NeighbourState::kStale;
  }
}

void NeighbourTable::forget(const LinkAddress& neighbour) {
  const LinkAddress key = neighbour;
  if (Known* known = known_.peek(key)) stop_timer(key, *known);
  known_.erase(key);
}

// Without `actions` the packets that wait are lost without a word.
void NeighbourTable::drop_unresolved(const LinkAddress& neighbour, NeighbourActions* actions) {
  const LinkAddress key = neighbour;
  Unresolved* entry = unresolved_.peek(key);
  timers_.erase({entry->until, key});
  counters_.add(Counter::EstabNeighbourUnresolved, entry->queue.size());
  if (actions != nullptr) {
    for (const WaitingFrame& w : entry->queue) {
      if (w.segment) actions->unreachable.push_back({key, *w.segment});
    }
  }
  unresolved_.erase(key);
}

void NeighbourTable::repeat(const LinkAddress& neighbour, Instant now, NeighbourActions& actions) {
  if (Unresolved* entry = unresolved_.peek(neighbour)) {
    if (entry->solicitations >= kMaxSolicitations) {
      drop_unresolved(neighbour, &actions);
      return;
    }
    ++entry->solicitations;
    set_timer(neighbour, entry->until, now + kRetry);
    actions.solicit.push_back({neighbour, std::nullopt});
    return;
  }
  Known* known = known_.peek(neighbour);
  if (known == nullptr) return;
  if (known->probes >= kMaxSolicitations) {  // the next packet asks all (RFC 4861 7.3.3)
    forget(neighbour);
    return;
  }
  known->state = NeighbourState::kProbe;
  ++known->probes;
  set_timer(neighbour, known->until, now + kRetry);
  actions.solicit.push_back({neighbour, known->mac});
}

void NeighbourTable::on_time(Instant now, NeighbourActions& actions) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const LinkAddress neighbour = timers_.begin()->second;
    timers_.erase(timers_.begin());
    repeat(neighbour, now, actions);
  }
}

void NeighbourTable::remove_interface(InterfaceId id) {
  for (const NeighbourInfo& n : list(Instant{})) {
    if (n.interface != id) continue;
    const LinkAddress key{n.interface, n.address};
    if (unresolved_.peek(key) != nullptr) {
      drop_unresolved(key, nullptr);
    } else {
      forget(key);
    }
  }
}

std::vector<NeighbourInfo> NeighbourTable::list(Instant now) const {
  std::vector<NeighbourInfo> all;
  for (const auto& [key, known] : known_) {
    const bool aged = known.state == NeighbourState::kReachable && known.until <= now;
    all.push_back(
        {key.interface, key.address, known.mac, aged ? NeighbourState::kStale : known.state, 0});
  }
  for (const auto& [key, entry] : unresolved_) {
    all.push_back({key.interface, key.address, std::nullopt, NeighbourState::kIncomplete,
                   entry.queue.size()});
  }
  return all;
}

}  // namespace estab::ip
