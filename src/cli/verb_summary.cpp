// `estab summary`: how many connections are in which state, and what changed.
#include <fmt/format.h>
#include <poll.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/last_look.h"
#include "cli/source_options.h"
#include "cli/terminal.h"
#include "observe/distribution.h"
#include "observe/duration_text.h"
#include "observe/ss_filter.h"

namespace estab::cli {
namespace {

struct SummaryFlags {
  observe::Look look;
  std::string by = "state";
  observe::GroupKey key = observe::GroupKey::State;  // what `by` names
  double wait = 0;                                   // seconds between looks, 0: one look
  int count = 0;                                     // looks, 0: until interrupted
  std::size_t rows = 20;
  bool json = false, no_header = false, no_change = false;
  std::vector<std::string> filter;
};

constexpr const char* kAbout =
    "How many connections are in which state, and what changed.\n"
    "Since the last call, or with -w since the last look. By state, or for each process, port,\n"
    "peer ...: the state distribution check in one command. Connections that no process\n"
    "holds say why.";

constexpr const char* kFooter =
    "FILTER is that of `estab ss`.\n\n"
    "Examples:\n"
    "  estab summary\n"
    "  estab summary --by process state close-wait\n"
    "  estab summary --by peer -w 5 'dport = :5432'\n"
    "  estab summary --by port --json | jq '.groups[0]'\n";

nlohmann::ordered_json states_json(const std::array<std::uint64_t, kStates>& by_state) {
  nlohmann::ordered_json states = nlohmann::ordered_json::object();
  for (std::size_t s = 0; s < by_state.size(); ++s) {
    if (by_state[s] != 0) states[std::string(ss_name(static_cast<State>(s)))] = by_state[s];
  }
  return states;
}

std::string json_text(const observe::Distribution& d, const std::optional<LastLook>& earlier) {
  nlohmann::ordered_json all{{"by", observe::group_name(d.by)},
                             {"total", d.total},
                             {"states", states_json(d.by_state)},
                             {"groups", nlohmann::ordered_json::array()}};
  if (earlier) all["since_seconds"] = static_cast<double>(earlier->ago.count()) / 1e9;
  for (const observe::StateGroup& group : d.groups) {
    nlohmann::ordered_json one{{"name", group.name}, {"total", group.total}};
    if (d.by != observe::GroupKey::State) one["states"] = states_json(group.by_state);
    if (earlier) {
      const auto before = earlier->totals.find(group.name);
      const std::uint64_t was = before == earlier->totals.end() ? 0 : before->second;
      one["change"] = static_cast<std::int64_t>(group.total) - static_cast<std::int64_t>(was);
    }
    all["groups"].push_back(std::move(one));
  }
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

observe::Distribution look(const SummaryFlags& flags, const observe::SsFilter& filter) {
  observe::Look at = flags.look;
  at.query.states = filter.states;
  at.query.owners = flags.key == observe::GroupKey::Process;
  at.query.filter = &filter;
  return observe::distribution(connections_of(at, "summary"), flags.key);
}

void print(const SummaryFlags& flags, const observe::Distribution& now,
           const std::optional<LastLook>& earlier) {
  if (flags.json) {
    fmt::print("{}\n", json_text(now, earlier));
  } else {
    observe::DistributionStyle style;
    style.width = terminal_width();
    style.rows = flags.rows;
    style.header = !flags.no_header;
    style.earlier = earlier ? &earlier->totals : nullptr;
    fmt::print("{}", observe::distribution_text(now, style));
    if (earlier) fmt::print("since {} ago\n", observe::plain_duration(earlier->ago));
  }
  std::fflush(stdout);
}

// False: a signal asked to end.
bool wait_for_next_look(double seconds) {
  ::poll(nullptr, 0, static_cast<int>(seconds * 1000));
  return !interrupted();
}

int watch(const SummaryFlags& flags, const observe::SsFilter& filter) {
  note_interrupts();
  std::optional<LastLook> earlier;
  for (int looks = 1; !interrupted(); ++looks) {
    const observe::Distribution now = look(flags, filter);
    if (looks > 1 && !flags.json) fmt::print("\n");
    print(flags, now, earlier);
    if (looks == flags.count || !wait_for_next_look(flags.wait)) break;
    earlier = LastLook{std::chrono::milliseconds(static_cast<std::int64_t>(flags.wait * 1000)),
                       observe::totals_of(now)};
  }
  return kDone;
}

int summary(SummaryFlags& flags) {
  const auto key = observe::group_key_named(flags.by);
  if (!key) throw WrongUse(fmt::format("cannot count by '{}': {}", flags.by, observe::kGroupNames));
  flags.key = *key;
  auto filter = observe::parse_ss_filter(flags.filter);
  if (!filter) throw WrongUse(filter.error().text);
  if (!filter->states_given) filter->states = observe::kAllStates;
  if (flags.wait > 0) return watch(flags, *filter);
  if (flags.count > 0) throw WrongUse("expected -w SECONDS with --count");

  const observe::Distribution now = look(flags, *filter);
  if (flags.no_change) {
    print(flags, now, std::nullopt);
    return kDone;
  }
  std::string question =
      fmt::format("{} {} {} {}", observe::group_name(flags.key), static_cast<int>(flags.look.where),
                  flags.look.stack, flags.look.all_namespaces);
  for (const std::string& word : flags.filter) question += " " + word;
  print(flags, now, read_last_look(question));
  keep_look(question, observe::totals_of(now));
  return kDone;
}

}  // namespace

void add_summary(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<SummaryFlags>();
  CLI::App* verb = app.add_subcommand("summary", kAbout);
  verb->footer(kFooter);
  verb->add_option("--by", flags->by, fmt::format("one of {}", observe::kGroupNames))
      ->type_name("KEY");
  verb->add_option("-w,--wait", flags->wait, "looks again every so many seconds")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.01, 86400.0));
  verb->add_option("--count", flags->count, "with -w: ends after so many looks")
      ->type_name("LOOKS")
      ->check(CLI::Range(1, 1000000000));
  verb->add_option("--rows", flags->rows, "groups shown at most, 0: all; 20 unless given")
      ->type_name("N");
  verb->add_flag("--json", flags->json, "one JSON object a look");
  verb->add_flag("-H,--no-header", flags->no_header, "no header line");
  verb->add_flag("--no-change", flags->no_change, "no column of changes, and nothing is kept");
  add_source_options(*verb, flags->look);
  verb->add_flag("--all-namespaces", flags->look.all_namespaces, "Linux: each network namespace");
  verb->add_option("FILTER", flags->filter, "see below")->type_name("");
  verb->final_callback([flags, chosen] { chosen([flags] { return summary(*flags); }); });
}

}  // namespace estab::cli
