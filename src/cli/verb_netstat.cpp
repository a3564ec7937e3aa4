// `estab netstat`: connections of running stacks and of Linux, with netstat's options and columns.
#include <fmt/format.h>
#include <poll.h>

#include "cli/command.h"
#include "cli/print_whole.h"
#include "cli/source_options.h"
#include "observe/netstat_statistics.h"
#include "observe/netstat_view.h"

namespace estab::cli {
namespace {

struct NetstatFlags {
  observe::NetstatFormat format;
  observe::Look look;
  bool numeric = false, tcp = false, others = false, v4 = false, v6 = false;
  bool continuous = false, statistics = false;
};

constexpr const char* kAbout =
    "Connections of stacks and of Linux, in netstat's columns and words.\n"
    "TCP alone. Without -a and -l: what has a peer. Shown are the running estab stacks if there\n"
    "are any, else Linux's sockets: --source says otherwise.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab netstat -tan\n"
    "  estab netstat -an | grep TIME_WAIT | wc -l\n"
    "  estab netstat -tlnp\n"
    "  estab netstat -tanpo --stack web\n"
    "  estab netstat -st\n";

std::string drawn(const NetstatFlags& flags) {
  if (flags.statistics) return observe::linux_netstat_statistics();
  return observe::netstat_table(connections_of(flags.look, "netstat"), flags.format);
}

int netstat(NetstatFlags& flags) {
  if (flags.numeric) {
    flags.format.numeric_hosts = flags.format.numeric_ports = flags.format.numeric_users = true;
  }
  observe::LinuxQuery& query = flags.look.query;
  if (flags.v4 != flags.v6) {
    query.v4 = flags.v4;
    query.v6 = flags.v6;
  }
  query.owners = flags.format.programs;
  const bool only_others = flags.others && !flags.tcp;
  if (flags.others) say("netstat", "only TCP is shown here: other kinds of sockets are left out");
  if (only_others) query.v4 = query.v6 = false;
  if (only_others) query.states = 0;
  for (;;) {
    if (!print_whole(drawn(flags))) return kFailed;
    if (!flags.continuous) return kDone;
    ::poll(nullptr, 0, 1000);
  }
}

void add_options(CLI::App& verb, NetstatFlags& flags) {
  verb.add_flag("-a,--all", flags.format.all, "listeners too");
  verb.add_flag("-l,--listening", flags.format.listening, "listeners only");
  verb.add_flag("-t,--tcp", flags.tcp, "TCP (there is nothing else)");
  verb.add_flag("-n,--numeric", flags.numeric, "numbers, no names");
  verb.add_flag("--numeric-hosts", flags.format.numeric_hosts, "no names of hosts");
  verb.add_flag("--numeric-ports", flags.format.numeric_ports, "no names of services");
  verb.add_flag("--numeric-users", flags.format.numeric_users, "no names of users");
  verb.add_flag("-e,--extend", flags.format.extended, "user and inode");
  verb.add_flag("-p,--programs", flags.format.programs, "process and program");
  verb.add_flag("-o,--timers", flags.format.timers, "timers, with the seconds left");
  verb.add_flag("-W,--wide", flags.format.wide, "addresses whole, however long");
  verb.add_flag("-c,--continuous", flags.continuous, "every second, until stopped");
  verb.add_flag("-s,--statistics", flags.statistics, "Linux's TCP counters in words");
  verb.add_flag("-4,--inet", flags.v4, "IPv4 only");
  verb.add_flag("-6,--inet6", flags.v6, "IPv6 only");
  add_source_options(verb, flags.look);
  for (const char* other : {"-u,--udp", "-w,--raw", "-x,--unix", "-U,--udplite", "-S,--sctp"}) {
    verb.add_flag(other, flags.others, "left out: not TCP")->group("");
  }
}

}  // namespace

void add_netstat(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<NetstatFlags>();
  CLI::App* verb = app.add_subcommand("netstat", kAbout);
  verb->footer(kFooter);
  add_options(*verb, *flags);
  verb->final_callback([flags, chosen] { chosen([flags] { return netstat(*flags); }); });
}

}  // namespace estab::cli
