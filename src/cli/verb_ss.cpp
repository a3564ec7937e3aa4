// `estab ss`: the connections of running stacks, as ss(8) shows Linux's.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "cli/command.h"
#include "observe/control_client.h"
#include "observe/ss_filter.h"
#include "observe/ss_summary.h"
#include "observe/ss_view.h"

namespace estab::cli {
namespace {

struct SsFlags {
  bool all = false, listening = false, tcp = false, v4 = false, v6 = false, summary = false;
  std::string stack;
  std::vector<std::string> filter;
  observe::SsFormat format;
  bool no_header = false;
};

constexpr const char* kAbout =
    "Connections of running stacks, in ss's columns and words.\n"
    "What reads ss's output reads this. Without -a or -l neither listeners nor TIME-WAIT nor\n"
    "half-open ones are shown, as in ss.";

constexpr const char* kFooter =
    "FILTER is ss's: [state NAME ...] [exclude NAME ...] [EXPRESSION]\n"
    "  NAME: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed,\n"
    "        close-wait, last-ack, listening, closing, in any spelling;\n"
    "        all, connected, synchronized, bucket, big\n"
    "  EXPRESSION: sport = :80, dport > :1024, src 10.0.0.0/8, dst 10.0.0.1:http,\n"
    "        joined by and, or, not and parentheses\n\n"
    "Examples:\n"
    "  estab ss -tano\n"
    "  estab ss -t state time-wait\n"
    "  estab ss -tn state established '( dport = :443 or sport = :80 )'\n"
    "  estab ss -tipe --stack web\n"
    "  estab ss -s\n";

std::vector<observe::StackAddress> stacks_to_ask(const std::string& selector) {
  auto found = observe::find_stacks(selector);
  if (!found) throw Failure(found.error());
  return *found;
}

int print_summary(const SsFlags& flags) {
  stack::control::Totals totals;
  const auto stacks = stacks_to_ask(flags.stack);
  for (const auto& address : stacks) {
    auto client = observe::ControlClient::open(address);
    if (!client) continue;
    if (const auto one = client->totals()) totals = observe::sum(totals, *one);
  }
  const auto connections = observe::connections_of(stacks);
  if (!connections) throw Failure(connections.error());
  fmt::print("{}", observe::ss_summary(totals, *connections));
  return kDone;
}

bool family_wanted(const SsFlags& flags, const observe::Connection& c) {
  return flags.v4 == flags.v6 || c.v6 == flags.v6;
}

int print_connections(const SsFlags& flags) {
  auto filter = observe::parse_ss_filter(flags.filter);
  if (!filter) throw WrongUse(filter.error().text);
  if (!filter->states_given) {
    filter->states = flags.all         ? observe::kAllStates
                     : flags.listening ? observe::kListeningStates
                                       : observe::kConnectedStates;
  }
  auto connections = observe::connections_of(stacks_to_ask(flags.stack));
  if (!connections) throw Failure(connections.error());
  std::erase_if(*connections, [&](const observe::Connection& c) {
    return !filter->has_state(c.state) || !filter->matches(c) || !family_wanted(flags, c);
  });
  const auto rank = [](const observe::Connection& c) {
    return std::tuple(c.state != State::Listen, c.local, c.remote);
  };
  std::sort(connections->begin(), connections->end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  observe::SsFormat format = flags.format;
  format.netid = !flags.tcp;
  format.header = !flags.no_header;
  // Which state they have goes without saying when one alone was asked for.
  format.state = (filter->states & (filter->states - 1)) != 0;
  format.timers = format.timers || format.extended;
  fmt::print("{}", observe::ss_table(*connections, format));
  return kDone;
}

}  // namespace

void add_ss(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<SsFlags>();
  CLI::App* verb = app.add_subcommand("ss", kAbout);
  verb->footer(kFooter);
  verb->add_flag("-a,--all", flags->all, "all states");
  verb->add_flag("-l,--listening", flags->listening, "listeners only");
  verb->add_flag("-t,--tcp", flags->tcp, "TCP (there is nothing else; drops the Netid column)");
  verb->add_flag("-n,--numeric", flags->format.numeric, "numbers, no service names");
  verb->add_flag("-4,--ipv4", flags->v4, "IPv4 only");
  verb->add_flag("-6,--ipv6", flags->v6, "IPv6 only");
  verb->add_flag("-o,--options", flags->format.timers, "timers, with the time left");
  verb->add_flag("-e,--extended", flags->format.extended, "uid and the connection's number");
  verb->add_flag("-m,--memory", flags->format.memory, "memory of the queues");
  verb->add_flag("-p,--processes", flags->format.processes, "the process that holds it");
  verb->add_flag("-i,--info", flags->format.info, "the protocol's values: rtt, cwnd, ...");
  verb->add_flag("-s,--summary", flags->summary, "counts only");
  verb->add_flag("-H,--no-header", flags->no_header, "no header line");
  verb->add_flag("-O,--oneline", flags->format.one_line, "each connection on one line");
  verb->add_option("--stack", flags->stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb->add_option("FILTER", flags->filter, "see below")->type_name("");
  verb->final_callback([flags, chosen] {
    chosen([flags] { return flags->summary ? print_summary(*flags) : print_connections(*flags); });
  });
}

}  // namespace estab::cli
