// Commands for the system that was looked at: Linux's own, or `estab` for a stack.
#include <fmt/format.h>

#include "observe/doctor/evidence.h"

namespace estab::observe::doctor {
namespace {

// net.ipv4.tcp_fin_timeout, net.core.somaxconn.
std::string path_of(const std::string& knob) {
  return (knob == "somaxconn" ? "net.core." : "net.ipv4.") + knob;
}

}  // namespace

Remedy words(std::string text) { return {std::move(text), ""}; }

Remedy show(const Census& census, std::string text, const std::string& filter) {
  const std::string tool = census.source == Source::Linux
                               ? std::string("ss -tanpo ")
                               : fmt::format("estab ss --stack {} -tanpo ", census.stack_pid);
  return {std::move(text), tool + filter, Effect::Shows};
}

Remedy set(const Census& census, std::string text, const std::string& knob,
           const std::string& value) {
  if (census.source != Source::Linux) {
    return {std::move(text),
            fmt::format("estab tuning --stack {} {}={}", census.stack_pid, knob, value),
            Effect::Sets, knob, value};
  }
  const std::string path = path_of(knob);
  const std::string quoted = value.find(' ') != value.npos ? "'" + value + "'" : value;
  return {std::move(text), fmt::format("sysctl -w {}={}", path, quoted), Effect::Sets, path, value};
}

Remedy keep(const Census& census, std::string text, const std::string& knob,
            const std::string& value) {
  if (census.source != Source::Linux) {
    return words(
        fmt::format("{} Over a restart: start the program with {}={} among its stack's "
                    "options (--tune for estab's own verbs).",
                    text, knob, value));
  }
  const std::string path = path_of(knob);
  return {std::move(text), fmt::format("echo '{} = {}' >> /etc/sysctl.d/60-tcp.conf", path, value),
          Effect::Keeps, path, value};
}

Remedy end_connections(const Census& census, std::string text, const std::string& states,
                       const std::string& expression) {
  const std::string where = census.source == Source::Linux
                                ? std::string("--source linux")
                                : fmt::format("--stack {}", census.stack_pid);
  const auto old = std::chrono::duration_cast<std::chrono::seconds>(census.thresholds.old).count();
  const std::string filter =
      fmt::format("{} '{}{}age > {}s'", states, expression, expression.empty() ? "" : " and ", old);
  return {std::move(text), fmt::format("estab kill --yes {} {}", where, filter), Effect::Ends,
          "connections", fmt::format("{} {}", where, filter)};
}

std::optional<Remedy> record_calls(const Census& census) {
  const auto knob = census.knobs.find("record_call_sites");
  if (knob == census.knobs.end() || knob->second != 0) return std::nullopt;
  return set(census,
             "Which code is it? Let the stack record the calls from here on, and look again: new "
             "connections are then named with the functions that made and read them.",
             knob->first, "1");
}

Remedy end_process(std::string text, std::uint32_t pid) {
  return {std::move(text), fmt::format("kill -TERM {}", pid), Effect::Ends, std::to_string(pid)};
}

Remedy raise_limit(std::string text, std::uint32_t pid, std::uint64_t limit) {
  return {std::move(text), fmt::format("prlimit --pid {} --nofile={}:", pid, limit), Effect::Sets,
          fmt::format("nofile of {}", pid), std::to_string(limit)};
}

}  // namespace estab::observe::doctor
