// 9. Descriptors, or the ports to one server, that run out: said before they do.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

constexpr std::uint64_t kWorthLooking = 4;  // a quarter of the bound must be in use
constexpr double kFull = 0.95;

struct Trend {
  std::uint64_t used = 0, bound = 0;
  std::uint64_t grown = 0;  // between the looks; 0: it did not only grow
  Duration left{0};         // until the end, where it grows
};

// Up and down is life; only what never came down between the looks, and rose in most steps, grows.
Trend trend_of(const std::vector<std::uint64_t>& values, std::uint64_t bound, Duration between) {
  Trend t{values.empty() ? 0 : values.back(), bound, 0, Duration{0}};
  if (values.size() < 3 || bound == 0) return t;
  std::size_t rises = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] < values[i - 1]) return t;
    rises += values[i] > values[i - 1] ? 1 : 0;
  }
  if (rises * 2 <= values.size() - 1) return t;
  t.grown = values.back() - values.front();
  const std::uint64_t room = bound > t.used ? bound - t.used : 0;
  t.left =
      Duration(static_cast<std::int64_t>(static_cast<double>(between.count()) *
                                         static_cast<double>(room) / static_cast<double>(t.grown)));
  return t;
}

bool worth_telling(const Census& census, const Trend& t) {
  if (t.bound == 0) return false;
  if (static_cast<double>(t.used) >= static_cast<double>(t.bound) * kFull) return true;
  return t.grown >= census.thresholds.few && t.used * kWorthLooking >= t.bound &&
         t.left <= census.thresholds.horizon;
}

void say_trend(const Trend& t, const Census& census, Finding& f) {
  f.seen.push_back(share(t.used, t.bound) + " in use.");
  if (t.grown > 0) {
    f.seen.push_back(fmt::format(
        "Grew by {}, without ever falling; at this pace the end comes in {}.",
        at_rate(static_cast<std::int64_t>(t.grown), census.between), plain_duration(t.left)));
  }
  f.severity =
      t.grown == 0 || t.left > std::chrono::minutes(10) ? Severity::Warning : Severity::Critical;
  if (static_cast<double>(t.used) >= static_cast<double>(t.bound) * kFull) {
    f.severity = Severity::Critical;
  }
  f.sure = Sure::Likely;
  f.numbers = {{"used", static_cast<double>(t.used)},
               {"bound", static_cast<double>(t.bound)},
               {"grown", static_cast<double>(t.grown)},
               {"seconds_left", std::chrono::duration<double>(t.left).count()}};
}

std::string ending(const Trend& t) {
  return t.grown > 0 ? "run out in " + plain_duration(t.left) : "are nearly used up";
}

void descriptors(const Census& census, const Process& process, const Trend& t, Findings& out) {
  Finding f;
  f.kind = 9;
  f.id = "descriptors-run-out";
  say_trend(t, census, f);
  std::size_t connections = 0;
  for (const Connection& c : census.after) {
    for (const Owner& owner : c.owners) connections += owner.pid == process.pid ? 1 : 0;
  }
  f.processes = {{process.pid, process.command, connections, {}}};
  f.headline = fmt::format("The descriptors of {} {}", who(f), ending(t));
  f.seen.push_back(fmt::format("{} of its descriptors are TCP sockets.", connections));
  f.why =
      "When none is left, accept(), socket() and open() fail with EMFILE: the process answers "
      "nobody any more, and often spins.";
  f.not_because = {"no sawtooth: it never fell between the looks"};
  const bool stack = census.source == Source::Stack;
  if (stack) {
    f.now.push_back(
        set(census, "Buy time: twice as many.", "max_descriptors", std::to_string(t.bound * 2)));
  } else if (process.hard_limit > process.limit) {
    f.now.push_back(raise_limit("Buy time: more descriptors.", process.pid,
                                std::min(process.limit * 2, process.hard_limit)));
  }
  f.for_good = {words("Find what is opened and never closed: the states of its connections (see "
                      "the other findings), and ls -l /proc/PID/fd."),
                words("If it needs that many: LimitNOFILE= in its unit.")};
  out.push_back(std::move(f));
}

void ports(const Census& census, const Evidence& evidence, const Path& path, const Trend& t,
           Findings& out) {
  Finding f;
  f.kind = 9;
  f.id = "ports-run-out";
  say_trend(t, census, f);
  Rows rows;
  for (const Connection& c : census.after) {
    if (c.local.address == path.from && c.remote == path.to) rows.push_back(&c);
  }
  evidence.name_holders(rows, f);
  f.headline = fmt::format("The ports from {} to {} {}", path.from.to_string(), path.to.to_string(),
                           ending(t));
  f.why =
      "Each connection to one server needs a local port of its own; when none is left connect() "
      "fails with EADDRNOTAVAIL.";
  f.not_because = {"not TIME-WAIT: most of them are open", "no sawtooth: it never fell"};
  f.now.push_back(show(census, "See them:", fmt::format("dst {}", path.to.to_string())));
  f.for_good = {
      words("Close connections that are done with, or bound the pool; more addresses on "
            "either side give more ports.")};
  out.push_back(std::move(f));
}

}  // namespace

void exhaustion(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  for (const Process& process : census.processes) {
    std::vector<std::uint64_t> values;
    for (const Sample& sample : census.samples) {
      const auto found = sample.descriptors.find(process.pid);
      if (found != sample.descriptors.end()) values.push_back(found->second);
    }
    const Trend t = trend_of(values, process.limit, census.between);
    if (worth_telling(census, t)) descriptors(census, process, t, out);
  }
  const auto low = evidence.knob("ip_local_port_range_low");
  const auto high = evidence.knob("ip_local_port_range_high");
  if (!low || !high || *high < *low || census.samples.empty()) return;
  std::map<Path, std::size_t> lingering;  // TIME-WAIT is the second kind's
  for (const Connection* c : evidence.in({State::TimeWait})) {
    ++lingering[{c->local.address, c->remote}];
  }
  for (const auto& [path, used] : census.samples.back().ports) {
    std::vector<std::uint64_t> values;
    for (const Sample& sample : census.samples) {
      const auto found = sample.ports.find(path);
      values.push_back(found == sample.ports.end() ? 0 : found->second);
    }
    const Trend t = trend_of(values, static_cast<std::uint64_t>(*high - *low + 1), census.between);
    const auto waiting = lingering.find(path);
    if (waiting != lingering.end() && waiting->second * 2 >= used) continue;
    if (worth_telling(census, t)) ports(census, evidence, path, t, out);
  }
}

}  // namespace estab::observe::doctor
