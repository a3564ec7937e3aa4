// `estab ss`: connections of running stacks and of Linux, with ss's options, words and columns.
#include <fmt/format.h>

#include <fstream>
#include <iostream>

#include "cli/command.h"
#include "cli/ss_request.h"

namespace estab::cli {
namespace {

struct SsFlags {
  SsRequest request;
  bool no_header = false, selinux = false, bpf = false;
  std::vector<std::string> families, queries;
  std::string filter_file, source = "auto", sort, groups;
  std::vector<std::string> filter;
  bool ignored = false;
};

constexpr const char* kAbout =
    "Connections of running stacks and of Linux, in ss's columns and words.\n"
    "What reads ss's output reads this. Without -a or -l neither listeners nor TIME-WAIT nor\n"
    "half-open ones are shown, as in ss. Shown are the running estab stacks if there are any, "
    "else\n"
    "Linux's sockets: --source says otherwise.";

constexpr const char* kFooter =
    "FILTER is ss's: [state NAME ...] [exclude NAME ...] [EXPRESSION]\n"
    "  NAME: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed,\n"
    "        close-wait, last-ack, listening, closing, in any spelling;\n"
    "        all, connected, synchronized, bucket, big\n"
    "  EXPRESSION: src and dst ADDRESS[/LENGTH][:PORT]; sport and dport OP :PORT;\n"
    "        dev NAME; fwmark MARK[/MASK]; cgroup PATH; autobound; and, beyond ss:\n"
    "        pid, uid, recvq, sendq, retrans OP NUMBER; age, rtt OP TIME; comm = NAME;\n"
    "        timer = KIND; netns = NAME; stack = NAME\n"
    "        OP: = != < > <= >= (eq ne lt gt le ge). Joined by and, or, not and parentheses;\n"
    "        and and or bind alike, from left to right, as in ss\n\n"
    "Examples:\n"
    "  estab ss -tano\n"
    "  estab ss -t state time-wait\n"
    "  estab ss -tn state established '( dport = :443 or sport = :80 )'\n"
    "  estab ss -tanp state close-wait age gt 1min comm = java\n"
    "  estab ss -tan --group-by state,process\n"
    "  estab ss -tani --json --sort rtt | jq '.[0].tcp_info'\n"
    "  estab ss -tipe --stack web\n"
    "  estab ss -s\n";

// What ss would call itself ill-used for: status 255.
struct SsMisuse : Ended {
  explicit SsMisuse(const std::string& text) : Ended(text, 255) {}
};

void read_filter_file(const std::string& path, std::vector<std::string>& words) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) throw SsMisuse("cannot read the filter file " + path);
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with('#')) words.push_back(line);
  }
}

// In the order of the command line: the last of -a, -l and of -4, -6 counts.
void read_kinds(const CLI::App& verb, const SsFlags& flags, SsKinds& kinds) {
  std::size_t families = 0;
  std::size_t queries = 0;
  for (const CLI::Option* option : verb.parse_order()) {
    const std::string name = option->get_lnames().empty() ? "" : option->get_lnames().front();
    if (name == "family") {
      const std::string& family = flags.families.at(families++);
      if (!kinds.add_family(family)) throw SsMisuse("\"" + family + "\" is invalid family");
    } else if (name == "query") {
      if (!kinds.add_query(flags.queries.at(queries++))) {
        throw SsMisuse("\"" + flags.queries.at(queries - 1) + "\" is illegal socket table id");
      }
    } else {
      kinds.add_option(name);
    }
  }
}

// What no option took. As an option of CLI11's it would lose the brackets of [::1].
void take_filter(const CLI::App& verb, SsFlags& flags) {
  for (const std::string& word : verb.remaining()) {
    if (word == "--") continue;
    if (word.size() > 1 && word.starts_with('-')) {
      throw SsMisuse("no such option: " + word + "; estab ss --help says more");
    }
    flags.filter.push_back(word);
  }
}

int ss(const CLI::App& verb, SsFlags& flags) {
  SsRequest& request = flags.request;
  if (flags.selinux) throw Failure("SELinux is not enabled.");
  read_kinds(verb, flags, request.kinds);
  request.format.header = !flags.no_header;
  if (request.format.extended || flags.bpf) request.format.timers = true;
  take_filter(verb, flags);
  if (!flags.filter_file.empty()) read_filter_file(flags.filter_file, flags.filter);
  auto filter = observe::parse_ss_filter(flags.filter, request.kinds.family());
  if (!filter) throw Ended(filter.error().text, filter.error().status);
  request.filter = std::move(*filter);
  const auto where = observe::where_named(flags.source);
  if (!where) throw WrongUse("--source is auto, linux, estab or all, not '" + flags.source + "'");
  request.look.where = *where;
  if (!flags.sort.empty()) {
    const auto sorting = observe::sorting_named(flags.sort);
    if (!sorting) throw WrongUse(sorting.error());
    request.sort = *sorting;
  }
  if (!flags.groups.empty()) {
    auto groups = observe::group_keys_named(flags.groups);
    if (!groups) throw WrongUse(groups.error());
    request.groups = std::move(*groups);
  }
  return run_ss(request);
}

void add_views(CLI::App& verb, SsFlags& flags) {
  SsRequest& r = flags.request;
  verb.add_flag("-n,--numeric", r.format.numeric, "numbers, no service names");
  verb.add_flag("-r,--resolve", r.format.resolve, "names of hosts");
  verb.add_flag("-o,--options", r.format.timers, "timers, with the time left");
  verb.add_flag("-e,--extended", r.format.extended, "uid, inode, cookie, control group");
  verb.add_flag("-m,--memory", r.format.memory, "memory of the queues");
  verb.add_flag("-p,--processes", r.format.processes, "the processes that hold it");
  verb.add_flag("-T,--threads", r.format.threads, "and their threads");
  verb.add_flag("-i,--info", r.format.info, "the protocol's values: rtt, cwnd, ...");
  verb.add_flag("--tos", r.format.tos, "type of service, priority");
  verb.add_flag("--cgroup", r.format.cgroup, "control groups");
  verb.add_flag("--inet-sockopt", r.format.socket_options, "options set on the socket");
  verb.add_flag("-H,--no-header", flags.no_header, "no header line");
  verb.add_flag("-O,--oneline", r.format.one_line, "each connection on one line");
  verb.add_flag("-s,--summary", r.summary, "counts only");
  verb.add_flag("-b,--bpf", flags.bpf, "as -o: socket filters are not TCP's");
  verb.add_flag("-Z,--context,-z,--contexts", flags.selinux, "not here: for SELinux");
}

void add_kinds(CLI::App& verb, SsFlags& flags) {
  verb.add_flag("-a,--all", flags.ignored, "all states");
  verb.add_flag("-l,--listening", flags.ignored, "listeners only");
  verb.add_flag("-t,--tcp", flags.ignored, "TCP alone (drops the Netid column)");
  verb.add_flag("-4,--ipv4", flags.ignored, "IPv4 only");
  verb.add_flag("-6,--ipv6", flags.ignored, "IPv6 only");
  verb.add_option("-f,--family", flags.families, "inet or inet6")
      ->type_name("FAMILY")
      ->allow_extra_args(false);
  verb.add_option("-A,--query,--socket", flags.queries, "tables of sockets: tcp")
      ->type_name("TABLES")
      ->allow_extra_args(false);
  // What ss knows beside TCP: taken, so that a script runs, and said to be left out.
  for (const char* other : {"-u,--udp", "-w,--raw", "-x,--unix", "-d,--dccp", "-S,--sctp",
                            "-M,--mptcp", "-0,--packet", "--tipc", "--vsock", "--xdp"}) {
    verb.add_flag(other, flags.ignored, "left out: not TCP")->group("");
  }
  verb.add_flag("--tipcinfo", flags.ignored, "not TCP")->group("");
}

void add_beyond(CLI::App& verb, SsFlags& flags) {
  SsRequest& r = flags.request;
  verb.add_option("-N,--net", r.namespace_name, "in this network namespace")->type_name("NAME");
  verb.add_flag("--all-namespaces", r.look.all_namespaces, "in all network namespaces at once");
  verb.add_flag("-E,--events", r.events, "sockets as they end, until stopped");
  verb.add_flag("-K,--kill", r.kill, "close what the filter finds; asks before");
  verb.add_flag("--yes", r.yes, "with -K: do not ask");
  verb.add_option("-F,--filter", flags.filter_file, "the filter from a file, - is standard input")
      ->type_name("FILE");
  verb.add_option("--source", flags.source, "auto, linux, estab or all")->type_name("SOURCE");
  verb.add_option("--stack", r.look.stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb.add_flag("--age", r.format.ages, "time in the present state; ~ before an estimate");
  verb.add_flag("--json", r.json, "as JSON: docs/json.md; -i, -e, -m, -p add what they show");
  verb.add_option("--sort", flags.sort,
                  "recvq, sendq, age, rtt, retrans, bytes, state, local, "
                  "peer, port, peerport, pid, uid; -KEY turns it round")
      ->type_name("KEY");
  verb.add_option("--group-by", flags.groups,
                  fmt::format("counts by one or more of {}", observe::kGroupNames))
      ->type_name("KEYS");
}

}  // namespace

void add_ss(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<SsFlags>();
  CLI::App* verb = app.add_subcommand("ss", kAbout);
  verb->footer(kFooter);
  verb->allow_extras();
  add_kinds(*verb, *flags);
  add_views(*verb, *flags);
  add_beyond(*verb, *flags);
  verb->final_callback(
      [flags, verb, chosen] { chosen([flags, verb] { return ss(*verb, *flags); }); });
}

}  // namespace estab::cli
