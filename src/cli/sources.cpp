#include "cli/sources.h"

#include <iterator>

#include "cli/command.h"
#include "observe/linux/sock_diag.h"

namespace estab::cli {
namespace {

void append_linux(const SourceQuery& query, const std::string& verb,
                  std::vector<observe::Connection>& to) {
  observe::LinuxQuery ask;
  ask.owners = query.owners;
  ask.info = query.info;
  ask.ages = query.ages;
  ask.filter = query.filter;
  if (query.filter != nullptr) ask.states = query.filter->states;
  auto seen = observe::linux_connections(ask);
  if (!seen) throw Failure(seen.error());
  for (const std::string& line : seen->blind_spots) say(verb, line);
  std::move(seen->connections.begin(), seen->connections.end(), std::back_inserter(to));
}

}  // namespace

void add_source_options(CLI::App& verb, SourceFlags& flags) {
  verb.add_option("--source", flags.source,
                  "linux, estab (running stacks), all, or auto: the stacks if any runs, else linux")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"auto", "linux", "estab", "all"}));
  verb.add_option("--stack", flags.stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
}

ChosenSources chosen_sources(const SourceFlags& flags) {
  ChosenSources chosen;
  chosen.linux = flags.source == "linux" || flags.source == "all";
  if (flags.source == "linux" && !flags.stack.empty()) {
    throw WrongUse("--stack names a stack of estab: expected no --source linux");
  }
  if (flags.source == "linux") return chosen;
  auto found = observe::find_stacks(flags.stack);
  if (!found) throw Failure(found.error());
  chosen.stacks = std::move(*found);
  if (flags.source == "auto") chosen.linux = chosen.stacks.empty();
  return chosen;
}

std::vector<observe::Connection> connections_from(const SourceFlags& flags,
                                                  const SourceQuery& query,
                                                  const std::string& verb) {
  const ChosenSources chosen = chosen_sources(flags);
  std::vector<observe::Connection> all;
  if (!chosen.stacks.empty()) {
    auto of_stacks = observe::connections_of(chosen.stacks);
    if (!of_stacks) throw Failure(of_stacks.error());
    all = std::move(*of_stacks);
    if (query.filter != nullptr) {
      std::erase_if(all, [&](const observe::Connection& c) {
        return !query.filter->has_state(c.state) || !query.filter->matches(c);
      });
    }
  }
  if (chosen.linux) append_linux(query, verb, all);
  return all;
}

}  // namespace estab::cli
