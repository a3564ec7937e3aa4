// `estab kill`: ends connections by filter. Shows them, asks, and says what became of each.
#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/source_options.h"
#include "observe/linux/destroy.h"
#include "observe/ss_view.h"

namespace estab::cli {
namespace {

using observe::Connection;

struct KillFlags {
  observe::Look look;
  bool close = false, yes = false, dry_run = false;
  std::vector<std::string> filter;
};

constexpr std::size_t kShown = 20;  // rows, before "and N more"

constexpr const char* kAbout =
    "Ends connections that a filter names; shows them first and asks.\n"
    "On Linux as ss -K does (SOCK_DESTROY, needs CAP_NET_ADMIN): the peer gets a RST, the\n"
    "application reads ECONNABORTED, and its descriptor stays open until it closes it: a leak of\n"
    "descriptors is not cured by this. On running stacks the same, or --close: the sending side "
    "is\n"
    "shut down with a FIN, as if the application had done it.";

constexpr const char* kFooter =
    "FILTER is that of `estab ss`; without one nothing is ended. `state all` is all.\n\n"
    "Examples:\n"
    "  estab kill state close-wait 'pid = 4711'\n"
    "  estab kill --dry-run state time-wait\n"
    "  estab kill --yes 'dst 10.0.0.5 and age > 1h'\n"
    "  estab kill --close --stack web 'sport = :8080'\n";

void show(const std::vector<Connection>& all) {
  std::vector<Connection> first(
      all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kShown)));
  observe::SsFormat format;
  format.numeric = format.processes = true;
  fmt::print("{}", observe::ss_table(first, format));
  if (all.size() > kShown) fmt::print("and {} more\n", all.size() - kShown);
}

// What somebody who kills listeners or leaked sockets should know before.
void warn(const std::vector<Connection>& all) {
  const auto any = [&](State s) {
    return std::any_of(all.begin(), all.end(), [&](const Connection& c) { return c.state == s; });
  };
  if (any(State::Listen)) {
    fmt::print(
        "Listeners are among them: each accept() of theirs fails with EINVAL from then on.\n");
  }
  if (any(State::CloseWait)) {
    fmt::print(
        "CLOSE-WAIT are among them: the process keeps their descriptors until it closes them.\n");
  }
}

struct Outcome {
  std::size_t ended = 0, gone = 0, cannot = 0;
  std::string error;  // the last one
};

// A stack and those of its connections that are to end.
struct StackTargets {
  observe::ControlClient client;
  std::vector<Connection> connections;
};

std::vector<StackTargets> targets_of(const std::string& selector, const observe::SsFilter& filter) {
  const auto stacks = observe::find_stacks(selector);
  if (!stacks) throw Failure(stacks.error());
  std::vector<StackTargets> all;
  for (const observe::StackAddress& address : *stacks) {
    auto client = observe::ControlClient::open(address);
    if (!client) throw Failure(client.error());
    auto connections = client->connections();
    if (!connections) throw Failure(connections.error());
    std::erase_if(*connections, [&](const Connection& c) {
      return !filter.has_state(c.state) || !filter.matches(c);
    });
    all.push_back({std::move(*client), std::move(*connections)});
  }
  return all;
}

void end_of_stacks(std::vector<StackTargets>& targets, bool abort, Outcome& outcome) {
  for (StackTargets& one : targets) {
    for (const Connection& c : one.connections) {
      const auto there = one.client.end(c, abort);
      if (!there) {
        ++outcome.cannot;
        outcome.error = there.error();
      } else {
        ++(*there ? outcome.ended : outcome.gone);
      }
    }
  }
}

void end_of_linux(const std::vector<Connection>& all, Outcome& outcome) {
  if (all.empty()) return;
  const observe::DestroyReport report = observe::destroy_connections(all);
  outcome.ended += report.closed.size();
  outcome.gone += report.gone;
  outcome.cannot += all.size() - report.closed.size() - report.gone;
  if (!report.error.empty()) outcome.error = report.error;
}

int tell(const Outcome& outcome) {
  fmt::print("ended {}", outcome.ended);
  if (outcome.gone > 0) fmt::print(", {} had gone by themselves", outcome.gone);
  if (outcome.cannot > 0) fmt::print(", {} could not be ended", outcome.cannot);
  fmt::print("\n");
  if (!outcome.error.empty()) throw Failure(outcome.error);
  return outcome.cannot > 0 ? kFailed : kDone;
}

int kill(const KillFlags& flags) {
  if (flags.filter.empty()) {
    throw WrongUse(
        "expected a filter that says which to end, such as `state close-wait`; "
        "`state all` is all");
  }
  auto filter = observe::parse_ss_filter(flags.filter);
  if (!filter) throw WrongUse(filter.error().text);
  if (!filter->states_given) filter->states = observe::kConnectedStates;
  const auto where = observe::settled(flags.look);
  if (!where) throw Failure(where.error());
  if (flags.close && *where != observe::Where::Stacks) {
    throw WrongUse("Linux can only abort (SOCK_DESTROY): expected no --close, or --source estab");
  }
  std::vector<StackTargets> of_stacks;
  if (*where != observe::Where::Linux) {
    of_stacks = targets_of(flags.look.stack, *filter);
    const std::string hidden = flags.look.stack.empty() ? observe::stacks_not_seen() : "";
    if (!hidden.empty()) say("kill", hidden);
  }
  std::vector<Connection> of_linux;
  if (*where != observe::Where::Stacks) {
    observe::Look look = flags.look;
    look.where = observe::Where::Linux;
    look.query.states = filter->states;
    look.query.owners = true;
    look.query.filter = &*filter;
    of_linux = connections_of(look, "kill");
  }
  std::vector<Connection> all = of_linux;
  for (const StackTargets& one : of_stacks) {
    all.insert(all.end(), one.connections.begin(), one.connections.end());
  }
  if (all.empty()) {
    fmt::print("no connection matches; nothing was ended\n");
    return kDone;
  }
  show(all);
  warn(all);
  if (flags.dry_run) {
    fmt::print("--dry-run: {} would be {}\n", all.size(), flags.close ? "closed" : "aborted");
    return kDone;
  }
  const std::string question =
      fmt::format("{} {} of them?", flags.close ? "Close" : "Abort", all.size());
  if (!flags.yes && !confirmed(question)) {
    fmt::print("nothing was ended\n");
    return kDone;
  }
  Outcome outcome;
  end_of_stacks(of_stacks, !flags.close, outcome);
  end_of_linux(of_linux, outcome);
  return tell(outcome);
}

}  // namespace

void add_kill(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<KillFlags>();
  CLI::App* verb = app.add_subcommand("kill", kAbout);
  verb->footer(kFooter);
  verb->add_flag("--close", flags->close, "shuts the sending side down (stacks alone)");
  verb->add_flag("-y,--yes", flags->yes, "does not ask");
  verb->add_flag("--dry-run", flags->dry_run, "shows what would be ended, and ends nothing");
  add_source_options(*verb, flags->look);
  verb->add_option("FILTER", flags->filter, "see below")->type_name("");
  verb->final_callback([flags, chosen] { chosen([flags] { return kill(*flags); }); });
}

}  // namespace estab::cli
