#include "observe/doctor/evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace estab::observe::doctor {
namespace {

template <class Key>
std::vector<std::pair<Key, std::size_t>> most_first(const std::map<Key, std::size_t>& counts,
                                                    std::size_t most) {
  std::vector<std::pair<Key, std::size_t>> list(counts.begin(), counts.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (list.size() > most) list.resize(most);
  return list;
}

constexpr std::size_t kFds = 8;    // shown of one process
constexpr std::size_t kPeers = 5;  // shown of all

}  // namespace

Evidence::Evidence(const Census& census) : census_(census) {
  before_.reserve(census.before.size());
  for (const Connection& c : census.before) before_.emplace(c.cookie, &c);
  for (const Connection& c : census.after) {
    if (c.state == State::Listen) listeners_.emplace(c.local.port.value, &c);
  }
}

Rows Evidence::in(std::initializer_list<State> states) const {
  Rows rows;
  for (const Connection& c : census_.after) {
    if (std::find(states.begin(), states.end(), c.state) != states.end()) rows.push_back(&c);
  }
  return rows;
}

const Connection* Evidence::earlier(const Connection& c) const {
  const auto found = before_.find(c.cookie);
  if (found == before_.end()) return nullptr;
  const Connection* then = found->second;
  return then->local == c.local && then->remote == c.remote ? then : nullptr;
}

bool Evidence::stayed(const Connection& c) const {
  const Connection* then = earlier(c);
  return then != nullptr && then->state == c.state;
}

Duration Evidence::age(const Connection& c) const {
  const Duration known = c.in_state ? c.in_state->value : Duration{0};
  return std::max(known, stayed(c) ? census_.between : Duration{0});
}

Duration Evidence::window_closed_for(const Connection& c) const {
  const auto* info = info_of(c);
  if (info == nullptr) return age(c);
  const std::int64_t pauses = (std::int64_t{1} << std::min<int>(info->backoff, 10)) - 1;
  const Duration probing = std::chrono::microseconds(info->rto) * pauses;
  // A stack's probes carry a byte, so there the last data is the last probe.
  if (census_.source == Source::Stack) return probing;
  return std::max<Duration>(probing, std::chrono::milliseconds(info->last_data_sent));
}

bool Evidence::nothing_acknowledged(const Connection& c) const {
  const Connection* then = earlier(c);
  if (then == nullptr) return false;
  const auto* now_info = info_of(c);
  const auto* then_info = info_of(*then);
  if (now_info != nullptr && then_info != nullptr) {
    return now_info->bytes_acked == then_info->bytes_acked;
  }
  return c.send_queue == then->send_queue;
}

bool Evidence::nothing_received(const Connection& c) const {
  const Connection* then = earlier(c);
  if (then == nullptr) return false;
  const auto* now_info = info_of(c);
  const auto* then_info = info_of(*then);
  if (now_info == nullptr || then_info == nullptr) return true;
  return now_info->bytes_received == then_info->bytes_received;
}

const Connection* Evidence::listener(Port port) const {
  const auto found = listeners_.find(port.value);
  return found == listeners_.end() ? nullptr : found->second;
}

std::vector<Owner> Evidence::owners(const Connection& c) const {
  if (!c.owners.empty()) return c.owners;
  if (c.state == State::SynReceived || unaccepted(c)) {
    if (const Connection* at = listener(c.local.port)) return at->owners;
  }
  // A stack lives in one process: whatever it holds is that process's.
  if (census_.source == Source::Stack && !census_.processes.empty()) {
    const Process& only = census_.processes.front();
    return {{only.pid, -1, 0, only.command}};
  }
  return {};
}

Rows Evidence::vanished() const {
  std::set<std::uint64_t> there;
  for (const Connection& c : census_.after) there.insert(c.cookie);
  Rows gone;
  for (const Connection& c : census_.before) {
    if (!there.contains(c.cookie)) gone.push_back(&c);
  }
  return gone;
}

std::int64_t Evidence::counted(std::string_view name) const {
  const auto now = census_.counters_after.find(name);
  if (now == census_.counters_after.end()) return 0;
  const auto then = census_.counters_before.find(name);
  return now->second - (then == census_.counters_before.end() ? 0 : then->second);
}

std::optional<std::int64_t> Evidence::knob(std::string_view name) const {
  const auto found = census_.knobs.find(name);
  if (found == census_.knobs.end()) return std::nullopt;
  return found->second;
}

const Process* Evidence::process(std::uint32_t pid) const {
  for (const Process& p : census_.processes) {
    if (p.pid == pid) return &p;
  }
  return nullptr;
}

bool Evidence::enough(std::size_t n, std::size_t among) const {
  return n >= census_.thresholds.few && n * 100 >= among;
}

void Evidence::name_holders(const Rows& rows, Finding& finding) const {
  std::map<std::uint32_t, Holder> holders;
  std::map<std::string, std::size_t> peers, code;
  for (const Connection* c : rows) {
    if (c->state != State::Listen) ++peers[c->remote.address.to_string()];
    for (const Owner& owner : owners(*c)) {
      Holder& holder = holders[owner.pid];
      holder.pid = owner.pid;
      holder.command = owner.command;
      ++holder.connections;
      if (owner.fd < 0 || holder.fds.size() == kFds) continue;
      if (std::find(holder.fds.begin(), holder.fds.end(), owner.fd) == holder.fds.end()) {
        holder.fds.push_back(owner.fd);
      }
    }
    if (!census_.who_made) continue;
    if (auto made = census_.who_made(c->cookie)) ++code[*made];
  }
  for (auto& [pid, holder] : holders) finding.processes.push_back(std::move(holder));
  std::stable_sort(finding.processes.begin(), finding.processes.end(),
                   [](auto& a, auto& b) { return a.connections > b.connections; });
  finding.peers = most_first(peers, kPeers);
  finding.code = most_first(code, kPeers);
}

std::map<std::uint32_t, Rows> by_process(const Evidence& evidence, const Rows& rows) {
  std::map<std::uint32_t, Rows> groups;
  for (const Connection* c : rows) {
    const auto owners = evidence.owners(*c);
    groups[owners.empty() ? 0 : owners.front().pid].push_back(c);
  }
  return groups;
}

std::size_t prefixes(const Rows& rows) {
  std::set<std::string> networks;
  for (const Connection* c : rows) {
    const auto& bytes = c->remote.address.bytes();
    const std::size_t kept = c->remote.address.is_v4() ? 15 : 6;
    networks.insert(std::string(bytes.begin(), bytes.begin() + kept));
  }
  return networks.size();
}

Duration oldest(const Evidence& evidence, const Rows& rows) {
  Duration most{0};
  for (const Connection* c : rows) most = std::max(most, evidence.age(*c));
  return most;
}

std::string count(std::size_t n, std::string_view one, std::string_view many) {
  if (n == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", n, one) : fmt::format("{} {}", n, many);
}

std::string share(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return fmt::format("{}", part);
  return fmt::format("{} of {} ({} %)", part, whole, part * 100 / whole);
}

std::string who(const Finding& finding) {
  if (finding.processes.empty()) return "a process that is not known";
  const Holder& first = finding.processes.front();
  return fmt::format("{} (pid {})", first.command, first.pid);
}

std::string at_rate(std::int64_t n, Duration between) {
  const double seconds = std::chrono::duration<double>(between).count();
  if (seconds <= 0) return fmt::format("{}", n);
  return fmt::format("{} in {:.1f} s ({:.1f} a second)", n, seconds,
                     static_cast<double>(n) / seconds);
}

}  // namespace estab::observe::doctor
