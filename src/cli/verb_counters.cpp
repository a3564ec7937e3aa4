// `estab counters`: what running stacks counted.
#include <fmt/format.h>
#include <fnmatch.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "estab/counters.h"
#include "observe/control_client.h"
#include "observe/linux/counters.h"

namespace estab::cli {
namespace {

using Values = std::vector<std::pair<std::string, std::uint64_t>>;

struct CounterFlags {
  std::string stack;
  std::string pattern;
  std::string source = "estab";
  bool json = false;
  bool nonzero = false;
  bool list = false;
};

constexpr const char* kAbout =
    "What running stacks, or Linux, counted.\n"
    "With Linux's names where Linux counts the same (as nstat has them). Several stacks are added\n"
    "up. PATTERN: a part of the name, or a pattern with * and ?.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab counters -z\n"
    "  estab counters TcpExtTW\n"
    "  estab counters 'Estab*' --stack web\n"
    "  estab counters --json | jq .TcpInSegs\n"
    "  estab counters --source linux 'TcpExtListen*'\n"
    "  estab counters --list\n";

bool matches(const std::string& pattern, const std::string& name) {
  if (pattern.find_first_of("*?[") != pattern.npos) {
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0;
  }
  return ::fnmatch(("*" + pattern + "*").c_str(), name.c_str(), FNM_CASEFOLD) == 0;
}

Values values_of_all(const std::string& selector) {
  const auto stacks = observe::find_stacks(selector);
  if (!stacks) throw Failure(stacks.error());
  if (stacks->empty())
    throw Failure("no stack is running; --source linux shows Linux's, --list what a stack counts");
  Values sum;
  for (const auto& address : *stacks) {
    auto client = observe::ControlClient::open(address);
    if (!client) throw Failure(client.error());
    const auto one = client->counters();
    if (!one) throw Failure(one.error());
    if (sum.empty()) {
      sum = one->values;
      continue;
    }
    for (std::size_t i = 0; i < sum.size() && i < one->values.size(); ++i) {
      sum[i].second += one->values[i].second;
    }
  }
  return sum;
}

// Of this network namespace.
Values values_of_linux() {
  const auto counted = observe::linux_counters();
  if (!counted) throw Failure(counted.error());
  Values values;
  for (const auto& [name, value] : *counted) {
    values.emplace_back(name, static_cast<std::uint64_t>(value));
  }
  return values;
}

Values nothing_counted() {
  Values values;
  for (std::size_t i = 0; i < kCounters; ++i) {
    values.emplace_back(counter_name(static_cast<Counter>(i)), 0);
  }
  return values;
}

int counters(const CounterFlags& flags) {
  const bool of_linux = flags.source == "linux";
  if (of_linux && (flags.list || !flags.stack.empty())) {
    throw WrongUse("--list and --stack are of estab's stacks: expected no --source linux");
  }
  Values values = flags.list ? nothing_counted()
                  : of_linux ? values_of_linux()
                             : values_of_all(flags.stack);
  std::erase_if(values, [&](const auto& v) {
    return (flags.nonzero && v.second == 0 && !flags.list) || !matches(flags.pattern, v.first);
  });
  if (values.empty() && !flags.nonzero) {
    throw WrongUse("no counter's name matches '" + flags.pattern + "'");
  }
  if (flags.json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::object();
    for (const auto& [name, value] : values) all[name] = value;
    fmt::print("{}\n", all.dump(2));
    return kDone;
  }
  for (const auto& [name, value] : values) {
    const auto counter = counter_by_name(name);
    const std::string_view meaning = counter ? counter_meaning(*counter) : "";
    if (flags.list) {
      fmt::print("{:<32} {}\n", name, meaning);
    } else {
      fmt::print("{:<32} {:<12} # {}\n", name, value, meaning);
    }
  }
  return kDone;
}

}  // namespace

void add_counters(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<CounterFlags>();
  CLI::App* verb = app.add_subcommand("counters", kAbout);
  verb->footer(kFooter);
  verb->add_option("PATTERN", flags->pattern, "which; all unless given")->type_name("");
  verb->add_flag("-z,--nonzero", flags->nonzero, "only those that counted something");
  verb->add_flag("--json", flags->json, "as a JSON object");
  verb->add_flag("--list", flags->list, "names and meanings; asks no stack");
  verb->add_option("--stack", flags->stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb->add_option("--source", flags->source, "estab (running stacks; unless given) or linux")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"estab", "linux"}));
  verb->final_callback([flags, chosen] { chosen([flags] { return counters(*flags); }); });
}

}  // namespace estab::cli
