#include "lab/script/script_run.h"

#include <fmt/format.h>

#include <sstream>

namespace estab::lab {
namespace {

// No event takes no time: what answers at once would else tie with what a script says comes first.
constexpr Duration kEventTakes = std::chrono::microseconds(1);

std::string_view name_of(const Event& event) {
  if (std::holds_alternative<PacketSpec>(event.what)) return "inbound packet";
  if (std::holds_alternative<CallSpec>(event.what)) return "system call start";
  if (std::holds_alternative<CommandSpec>(event.what)) return "command";
  return "data collection for code";
}

}  // namespace

ScriptRun::ScriptRun(const DrillOptions& options, const ScriptSettings& settings,
                     const Script& script)
    : options_(options),
      settings_(settings),
      script_(script),
      commands_(options.folder, {}),
      time_(settings),
      // Past the ports that connect() of the other side would choose first, by the seed.
      next_port_(static_cast<std::uint16_t>(40000 + options.seed % 10000)) {}

void ScriptRun::make_host() {
  tuning_ = options_.tuning;
  commands_.set_target({[this](const std::string& name, const std::string& value) {
                          return set_knob(tuning_, name, value);
                        },
                        {}});
  if (const auto ran = commands_.run(script_.init); !ran) {
    throw Problem(Trouble::kNotSupported, script_.init_line, 0, ran.error());
  }
  HostOptions options;
  options.addresses = {settings_.local};
  options.mtu = settings_.mtu;
  options.tuning = tuning_;
  options.seed = options_.seed;
  auto host = VirtualHost::create(options);
  if (!host) throw Problem(Trouble::kWrong, script_.init_line, 0, host.error());
  host_ = std::move(*host);
  commands_.set_target({[this](const std::string& name,
                               const std::string& value) -> tl::expected<void, std::string> {
                          if (estab_stack_tune(host_->posix(), name.c_str(), value.c_str()) == 0) {
                            return {};
                          }
                          return tl::unexpected(std::string(estab_last_error()));
                        },
                        [this](const std::string& name) -> std::uint64_t {
                          return estab_stack_counter(host_->posix(), name.c_str());
                        }});
  start_ = host_->now();
}

std::string ScriptRun::run() {
  make_host();
  for (const Event& event : script_.events) {
    if (const std::string wrong = time_.next(event, now()); !wrong.empty()) mismatch(event, wrong);
    run_event(event);
    host_->advance_to(host_->now() + kEventTakes);
    look_at_pending();
  }
  await_pending();
  return run_python();
}

void ScriptRun::run_event(const Event& event) {
  if (const auto* packet = std::get_if<PacketSpec>(&event.what)) {
    run_packet(event, *packet);
  } else if (const auto* call = std::get_if<CallSpec>(&event.what)) {
    run_call(event, *call);
  } else if (const auto* command = std::get_if<CommandSpec>(&event.what)) {
    run_command(event, *command);
  } else {
    run_code(event, std::get<CodeSpec>(event.what));
  }
}

void ScriptRun::wait_for(const Event& event) {
  host_->advance_to(start_ + time_.due().begin);
  look_at_pending();
  const std::string wrong = time_.check(time_.due(), now(), name_of(event));
  if (!wrong.empty()) mismatch(event, wrong);
}

std::string ScriptRun::source_line(int line) const {
  std::istringstream in(options_.text);
  std::string text;
  for (int i = 0; i < line && std::getline(in, text); ++i) {
  }
  return text;
}

void ScriptRun::mismatch(const Event& event, const std::string& text) const {
  throw Mismatch(fmt::format("{}:{}: {}\n  script line: {}\n", options_.name, event.line, text,
                             source_line(event.line)));
}

void ScriptRun::run_command(const Event& event, const CommandSpec& command) {
  wait_for(event);
  if (const auto ran = commands_.run(command.text); !ran) {
    throw Problem(Trouble::kNotSupported, event.line, 0, ran.error());
  }
}

void ScriptRun::capture(Instant at, bool inbound, Bytes packet, int line) const {
  if (options_.capture == nullptr) return;
  options_.capture->add(at, inbound, packet, fmt::format("{}:{}", options_.name, line));
}

}  // namespace estab::lab
