// 2. TIME-WAIT that uses up the ports to one server, or its table.
#include <fmt/format.h>

#include <set>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"

namespace estab::observe::doctor {
namespace {

struct Use {
  std::set<std::uint16_t> ports;
  Rows time_wait, others;
};

// connect() may take such a port again a second later (RFC 6191), which needs timestamps.
bool reused(const Evidence& evidence, const Path& path) {
  const auto reuse = evidence.knob("tcp_tw_reuse").value_or(0);
  const bool asked = reuse == 1 || (reuse == 2 && path.to.address.is_loopback());
  return asked && evidence.knob("tcp_timestamps").value_or(1) != 0;
}

void remedies(const Census& census, const Evidence& evidence, const Path& path, std::uint64_t range,
              Finding& f) {
  const unsigned port = path.to.port.value;
  const std::string filter = fmt::format("state time-wait dst {}", path.to.to_string());
  f.now.push_back(show(census, "See them:", filter));
  if (evidence.knob("tcp_timestamps").value_or(1) != 0) {
    f.now.push_back(set(census,
                        "Let connect() take a port whose TIME-WAIT is over a second old; safe, "
                        "for timestamps tell old segments from new. Gives about " +
                            std::to_string(range) + " connections a second instead of " +
                            std::to_string(range / 60) + ".",
                        "tcp_tw_reuse", "1"));
    f.for_good.push_back(keep(census, "The same for good.", "tcp_tw_reuse", "1"));
  } else {
    f.now.push_back(set(census, "tcp_tw_reuse would need timestamps, which are off: turn them on.",
                        "tcp_timestamps", "1"));
  }
  if (range < 64512 - 1024) {
    const std::string text = fmt::format("More ports: {} instead of {}.", 65535 - 10240 + 1, range);
    if (census.source == Source::Linux) {
      f.now.push_back(set(census, text, "ip_local_port_range", "10240 65535"));
    } else {
      f.now.push_back(set(census, text, "ip_local_port_range_low", "10240"));
      f.now.push_back(set(census, "And up to the last one.", "ip_local_port_range_high", "65535"));
    }
  }
  f.for_good.push_back(
      words("Keep connections and use them again (HTTP keep-alive, a pool): one "
            "connection serves many requests, and no TIME-WAIT is left."));
  f.for_good.push_back(
      words(fmt::format("Or let the server on port {} close first: then TIME-WAIT "
                        "is the server's, where it costs memory and no port.",
                        port)));
  f.for_good.push_back(words("Or more addresses, here or there: each pair has its own ports."));
  f.for_good.push_back(words("Not a remedy: tcp_fin_timeout. It does not shorten TIME-WAIT."));
}

void report_ports(const Census& census, const Evidence& evidence, const Path& path, const Use& use,
                  std::uint64_t range, Findings& out) {
  Finding f;
  f.kind = 2;
  f.id = "time-wait-ports";
  const double full = static_cast<double>(use.ports.size()) / static_cast<double>(range);
  f.severity = full >= 0.95 ? Severity::Critical : Severity::Warning;
  f.sure = Sure::Certainly;
  evidence.name_holders(census.source == Source::Linux ? use.others : use.time_wait, f);
  f.peers = {{path.to.address.to_string(), use.ports.size()}};
  f.headline =
      fmt::format("{} % of the ports from {} to {} are used up, by TIME-WAIT",
                  static_cast<int>(full * 100), path.from.to_string(), path.to.to_string());
  f.seen.push_back(fmt::format("{} local ports in use towards {}; {} of them in TIME-WAIT.",
                               share(use.ports.size(), range), path.to.to_string(),
                               use.time_wait.size()));
  if (f.processes.empty()) {
    f.seen.push_back(
        "TIME-WAIT has no owner on Linux, and no process has a connection to that "
        "server at this moment: `estab trace` names who makes them.");
  }
  f.why =
      "This side closes first, so TIME-WAIT is here, for a minute each, and it keeps the port "
      "for this one server. At the end connect() fails with EADDRNOTAVAIL, and before it grows "
      "slow.";
  f.not_because = {"not the number of TIME-WAIT as such: it is one server that they stand against",
                   "no leak: connections still open are " + std::to_string(use.others.size())};
  f.numbers = {{"ports_used", static_cast<double>(use.ports.size())},
               {"ports", static_cast<double>(range)},
               {"time_wait", static_cast<double>(use.time_wait.size())}};
  remedies(census, evidence, path, range, f);
  out.push_back(std::move(f));
}

void report_table(const Census& census, const Evidence& evidence, std::size_t n, Findings& out) {
  const auto bound = evidence.knob("tcp_max_tw_buckets");
  const auto overflowed = evidence.counted("TcpExtTCPTimeWaitOverflow");
  if (!bound || *bound <= 0) return;
  const auto near = static_cast<double>(*bound) * census.thresholds.nearly;
  if (overflowed == 0 && static_cast<double>(n) < near) return;
  Finding f;
  f.kind = 2;
  f.id = "time-wait-table";
  f.sure = Sure::Certainly;
  f.severity = overflowed > 0 ? Severity::Critical : Severity::Warning;
  f.headline = overflowed > 0 ? "Connections skip TIME-WAIT: its table is full"
                              : "TIME-WAIT's table is nearly full";
  f.seen = {share(n, static_cast<std::uint64_t>(*bound)) + " of tcp_max_tw_buckets in use.",
            fmt::format("TCPTimeWaitOverflow grew by {}.", overflowed)};
  f.why =
      "What finds no room is closed at once: an old segment can then enter a new connection, "
      "and the peer's last FIN is answered by a RST.";
  const std::string twice = std::to_string(*bound * 2);
  f.now.push_back(
      set(census, "Twice as many (some hundred bytes each).", "tcp_max_tw_buckets", twice));
  f.for_good.push_back(keep(census, "The same for good.", "tcp_max_tw_buckets", twice));
  f.numbers = {{"time_wait", static_cast<double>(n)}, {"bound", static_cast<double>(*bound)}};
  out.push_back(std::move(f));
}

}  // namespace

void time_wait(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  const auto all = evidence.in({State::TimeWait});
  report_table(census, evidence, all.size(), out);
  const auto low = evidence.knob("ip_local_port_range_low");
  const auto high = evidence.knob("ip_local_port_range_high");
  if (!low || !high || *high < *low || all.empty()) return;
  const auto range = static_cast<std::uint64_t>(*high - *low + 1);
  std::map<Path, Use> paths;
  for (const Connection& c : census.after) {
    const auto port = c.local.port.value;
    if (c.state == State::Listen || port < *low || port > *high) continue;
    if (evidence.listener(c.local.port) != nullptr) continue;  // theirs is the port that was chosen
    Use& use = paths[{c.local.address, c.remote}];
    use.ports.insert(port);
    (c.state == State::TimeWait ? use.time_wait : use.others).push_back(&c);
  }
  for (const auto& [path, use] : paths) {
    const auto near = static_cast<double>(range) * census.thresholds.nearly;
    if (static_cast<double>(use.ports.size()) < near) continue;
    if (use.time_wait.size() * 2 < use.ports.size() || reused(evidence, path)) continue;
    report_ports(census, evidence, path, use, range, out);
  }
}

}  // namespace estab::observe::doctor
