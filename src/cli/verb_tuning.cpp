// `estab tuning`: the knobs, their meaning and their values, on a running stack or by default.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "estab/tuning.h"
#include "observe/control_client.h"
#include "observe/linux/sysctls.h"

namespace estab::cli {
namespace {

using stack::control::KnobValues;

struct TuningFlags {
  std::string stack;
  bool json = false;
  bool defaults = false;
  std::string source = "estab";
  std::vector<std::string> words;
};

constexpr const char* kAbout =
    "The knobs of running stacks: shows and sets them; Linux's: shows them.\n"
    "Each with its value, unit and meaning. NAME=VALUE sets it there and then. Names are Linux's\n"
    "where Linux has the knob (net.ipv4. may be left out).";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab tuning\n"
    "  estab tuning time_wait tcp_fin_timeout\n"
    "  estab tuning time_wait=10\n"
    "  estab tuning --stack web tcp_tw_reuse=1\n"
    "  estab tuning --source linux tcp_tw_reuse tcp_fin_timeout\n"
    "  estab tuning --default > tuning.conf    (a file for --tuning-file)\n";

const Knob* knob_named(std::string_view name) {
  for (const Knob& knob : knobs()) {
    if (knob.name == name) return &knob;
  }
  return nullptr;
}

// "net.ipv4.tcp_fin_timeout" is tcp_fin_timeout; what is unknown is refused with its neighbours.
std::string plain_name(const std::string& word) {
  std::string name = word.substr(word.rfind('.') + 1);
  if (knob_named(name) != nullptr || name == "ip_local_port_range") return name;
  std::string near;
  for (const Knob& knob : knobs()) {
    if (knob.name.find(name) != knob.name.npos) near += " " + std::string(knob.name);
  }
  throw WrongUse("no knob is named " + word + (near.empty() ? "" : "; expected one of" + near));
}

bool wanted(const TuningFlags& flags, std::string_view name) {
  if (flags.words.empty()) return true;
  return std::any_of(flags.words.begin(), flags.words.end(), [&](const std::string& word) {
    return plain_name(word.substr(0, word.find('='))) == name ||
           (word.starts_with("ip_local_port_range") && name.starts_with("ip_local_port_range"));
  });
}

void print_json(const TuningFlags& flags, const KnobValues& values) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& [name, value] : values.values) {
    const Knob* knob = knob_named(name);
    if (knob == nullptr || !wanted(flags, name)) continue;
    all[name] = {{"value", value},
                 {"unit", knob->unit},
                 {"default", knob->default_value},
                 {"smallest", knob->smallest},
                 {"largest", knob->largest},
                 {"why", knob->why}};
  }
  fmt::print("{}\n", all.dump(2));
}

void print_text(const TuningFlags& flags, const KnobValues& values) {
  for (const auto& [name, value] : values.values) {
    const Knob* knob = knob_named(name);
    if (knob == nullptr || !wanted(flags, name)) continue;
    const std::string line = fmt::format("{} = {}", name, value);
    const std::string changed =
        value != knob->default_value ? fmt::format(" [default {}]", knob->default_value) : "";
    fmt::print("{:<36} # {}: {}{}\n", line, knob->unit, knob->why, changed);
  }
}

void print_values(const TuningFlags& flags, const KnobValues& values) {
  if (flags.json) return print_json(flags, values);
  print_text(flags, values);
  for (const std::string& warning : values.warnings) say("tuning", "warning: " + warning);
}

KnobValues default_values() {
  const Tuning tuning;
  KnobValues values;
  for (const Knob& knob : knobs()) values.values.emplace_back(knob.name, tuning.*knob.value);
  return values;
}

KnobValues ask(const TuningFlags& flags, const observe::StackAddress& address) {
  auto client = observe::ControlClient::open(address);
  if (!client) throw Failure(client.error());
  for (const std::string& word : flags.words) {
    const std::size_t at = word.find('=');
    if (at == word.npos) continue;
    const auto set = client->set_tuning(word.substr(0, at), word.substr(at + 1));
    if (!set) throw WrongUse(set.error());
  }
  auto values = client->tuning();
  if (!values) throw Failure(values.error());
  return *values;
}

// Of this network namespace. Vectors as Linux writes them; with our words where we have the knob.
int tuning_of_linux(const TuningFlags& flags) {
  const auto asked = [&](const std::string& name) {
    return flags.words.empty() ||
           std::any_of(flags.words.begin(), flags.words.end(), [&](const std::string& word) {
             return name == word || name.substr(name.rfind('.') + 1) == word;
           });
  };
  if (!flags.stack.empty() || flags.defaults) {
    throw WrongUse("--stack and --default are of estab's stacks: expected no --source linux");
  }
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const std::string& word : flags.words) {
    if (word.find('=') != word.npos) {
      throw WrongUse("Linux's knobs are set by sysctl -w " + word + "; expected names alone");
    }
  }
  for (const auto& [name, value] : observe::linux_sysctls()) {
    if (!asked(name)) continue;
    all[name] = value;
    if (flags.json) continue;
    const Knob* knob = knob_named(name.substr(name.rfind('.') + 1));
    const std::string line = fmt::format("{} = {}", name, value);
    if (knob == nullptr) {
      fmt::print("{}\n", line);
    } else {
      fmt::print("{:<48} # {}: {}\n", line, knob->unit, knob->why);
    }
  }
  if (flags.json) fmt::print("{}\n", all.dump(2));
  if (all.empty()) throw Failure("Linux has no such knob here, or it may not be read");
  return kDone;
}

int tuning(const TuningFlags& flags) {
  if (flags.source == "linux") return tuning_of_linux(flags);
  for (const std::string& word : flags.words) plain_name(word.substr(0, word.find('=')));
  const bool sets = std::any_of(flags.words.begin(), flags.words.end(),
                                [](const std::string& w) { return w.find('=') != w.npos; });
  if (flags.defaults && sets) throw WrongUse("--default only shows: expected no NAME=VALUE");
  if (flags.defaults) {
    print_values(flags, default_values());
    return kDone;
  }
  const auto stacks = observe::find_stacks(flags.stack);
  if (!stacks) throw Failure(stacks.error());
  if (stacks->empty() && sets) throw Failure("no stack is running; --tune sets knobs of a new one");
  if (stacks->empty()) {
    say("tuning", "no stack is running; these are the defaults");
    print_values(flags, default_values());
  }
  for (const auto& address : *stacks) {
    if (stacks->size() > 1) fmt::print("# stack {} (pid {})\n", address.name, address.pid);
    print_values(flags, ask(flags, address));
  }
  return kDone;
}

}  // namespace

void add_tuning(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<TuningFlags>();
  CLI::App* verb = app.add_subcommand("tuning", kAbout);
  verb->footer(kFooter);
  verb->add_option("NAME[=VALUE]", flags->words, "knobs to show or to set; all unless given")
      ->type_name("");
  verb->add_option("--stack", flags->stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb->add_flag("--default", flags->defaults, "the defaults, whatever runs");
  verb->add_flag("--json", flags->json, "as JSON, with ranges");
  verb->add_option("--source", flags->source, "estab (running stacks; unless given) or linux")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"estab", "linux"}));
  verb->final_callback([flags, chosen] { chosen([flags] { return tuning(*flags); }); });
}

}  // namespace estab::cli
