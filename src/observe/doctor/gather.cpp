#include "observe/doctor/gather.h"

#include <set>

namespace estab::observe::doctor {

namespace {
constexpr int kSteps = 4;  // samples between the looks: kSteps - 1
}

std::map<Path, std::uint64_t> ports_in_use(const std::vector<Connection>& connections,
                                           std::int64_t low, std::int64_t high) {
  std::set<std::uint16_t> listened;
  for (const Connection& c : connections) {
    if (c.state == State::Listen) listened.insert(c.local.port.value);
  }
  std::map<Path, std::uint64_t> paths;
  for (const Connection& c : connections) {
    const auto port = c.local.port.value;
    if (c.state == State::Listen || port < low || port > high || listened.contains(port)) continue;
    ++paths[{c.local.address, c.remote}];
  }
  return paths;
}

std::vector<Gathering> gather(std::vector<std::unique_ptr<Looker>> lookers, Duration interval,
                              const Clock& clock) {
  const Instant begun = clock.now();
  std::vector<std::string> errors(lookers.size());
  for (std::size_t i = 0; i < lookers.size(); ++i) {
    if (const auto ok = lookers[i]->begin(); !ok) errors[i] = ok.error();
  }
  for (int step = 1; step <= kSteps; ++step) {
    const Duration left = begun + interval * step / kSteps - clock.now();
    if (left > Duration{0} && !clock.wait(left)) break;
    for (std::size_t i = 0; i < lookers.size() && step != kSteps; ++i) {
      if (errors[i].empty()) lookers[i]->sample();
    }
  }
  const Duration between = clock.now() - begun;
  std::vector<Gathering> all;
  for (std::size_t i = 0; i < lookers.size(); ++i) {
    all.push_back(errors[i].empty() ? lookers[i]->end() : Gathering(tl::unexpected(errors[i])));
    if (all.back()) all.back()->census.between = between;
  }
  return all;
}

}  // namespace estab::observe::doctor
