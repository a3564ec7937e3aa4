// `estab doctor`: what is wrong with the connections of this system, why, and what to do.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "observe/code_watch.h"
#include "observe/control_client.h"
#include "observe/doctor/alerts.h"
#include "observe/doctor/gather.h"
#include "observe/doctor/report.h"
#include "observe/doctor/rules.h"
#include "observe/linux/namespaces.h"

namespace estab::cli {
namespace {

namespace doctor = observe::doctor;

struct DoctorFlags {
  double interval = 2;
  double old_seconds = 60;
  double idle_seconds = 7200;
  bool watch = false;
  bool json = false;
  std::string alerts;
  std::string source = "auto";
  std::string stack;
  std::string net;  // a network namespace to look into; empty: the caller's
};

constexpr int kHealthy = 0, kWarnings = 1, kCritical = 2, kCouldNotLook = 3;

constexpr const char* kAbout =
    "What is wrong with connections here: the cause, the process, the remedy.\n"
    "Looks twice, two seconds apart, at Linux's sockets (of this network namespace) and at "
    "running\n"
    "stacks. Finds ten kinds of trouble, from a CLOSE-WAIT leak to settings that contradict each\n"
    "other. Exit status: 0 healthy, 1 warnings, 2 critical, 3 could not look. docs/doctor.md says\n"
    "what is looked at, and the thresholds.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab doctor\n"
    "  estab doctor --interval 10 --source linux\n"
    "  estab doctor --watch\n"
    "  estab doctor -N blue --source linux\n"
    "  estab doctor --source linux -N /proc/4711/ns/net    (a container's, by a process in it)\n"
    "  estab doctor --json | jq '.findings[].headline'\n"
    "  estab doctor --alerts /etc/prometheus/rules/tcp.yml\n";

Instant clock_now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant{} + std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

// False when a signal ended it.
bool let_pass(Duration time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec left{seconds.count(), static_cast<long>((time - seconds).count())};
  ::pselect(0, nullptr, nullptr, nullptr, &left, nullptr);
  return !interrupted();
}

Duration seconds_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::vector<std::unique_ptr<doctor::Looker>> lookers(const DoctorFlags& flags,
                                                     std::vector<std::string>& failed,
                                                     std::vector<std::string>& not_seen) {
  std::vector<std::unique_ptr<doctor::Looker>> all;
  const bool stacks_only = flags.source == "estab" || !flags.stack.empty();
  if (!stacks_only) all.push_back(doctor::look_at_linux());
  if (flags.source == "linux") return all;
  auto stacks = observe::find_stacks(flags.stack);
  if (!stacks) {
    failed.push_back(stacks.error());
    return all;
  }
  for (const auto& address : *stacks) all.push_back(doctor::look_at_stack(address));
  if (all.empty()) failed.push_back("no stack is running");
  if (flags.source != "auto" && flags.stack.empty()) {
    if (auto hidden = observe::stacks_not_seen(); !hidden.empty()) not_seen.push_back(hidden);
  }
  return all;
}

// `code`: who made the sockets; null when nobody watches.
doctor::Report look(const DoctorFlags& flags, observe::CodeWatch* code) {
  doctor::Report report;
  auto gathered = doctor::gather(lookers(flags, report.failed, report.not_seen),
                                 seconds_of(flags.interval), {clock_now, let_pass});
  for (auto& one : gathered) {
    if (!one) {
      report.failed.push_back(one.error());
      continue;
    }
    doctor::Census& census = one->census;
    census.thresholds.old = seconds_of(flags.old_seconds);
    census.thresholds.idle = seconds_of(flags.idle_seconds);
    if (code != nullptr && census.source == observe::Source::Linux) {
      if (const auto read = code->refresh(); !read) report.not_seen.push_back(read.error());
      census.who_made = [code](std::uint64_t cookie) { return code->of(cookie); };
      census.not_named = [code] { return code->unnamed(); };
    }
    report.looked_at.push_back(census.where);
    report.seconds = std::chrono::duration<double>(census.between).count();
    report.connections += census.after.size();
    for (auto& finding : doctor::examine(census)) report.findings.push_back(std::move(finding));
    if (census.not_named) {
      for (auto& line : census.not_named()) report.not_seen.push_back(std::move(line));
    }
    for (auto& line : one->not_seen) report.not_seen.push_back(std::move(line));
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const auto& a, const auto& b) { return a.severity > b.severity; });
  return report;
}

int exit_status(const doctor::Report& report) {
  const auto status = doctor::status_of(report);
  if (status == "healthy") return report.failed.empty() ? kHealthy : kCouldNotLook;
  if (status == "warning") return kWarnings;
  return status == "critical" ? kCritical : kCouldNotLook;
}

bool coloured() {
  const char* no = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == 0);
}

int once(const DoctorFlags& flags) {
  const auto report = look(flags, nullptr);
  fmt::print("{}", flags.json ? doctor::json_report(report, true)
                              : doctor::text_report(report, terminal_width(), coloured()));
  return exit_status(report);
}

// The whole at first, then what is new and what is gone; as JSON a line each time.
int watch(const DoctorFlags& flags) {
  note_interrupts();
  std::unique_ptr<observe::CodeWatch> code;
  if (flags.source != "estab" && flags.stack.empty()) {
    auto opened = observe::CodeWatch::open();
    if (!opened) say("doctor", "cannot tell which code makes sockets: " + opened.error());
    if (opened) code = std::move(*opened);
  }
  std::map<std::string, std::string> known;  // key, headline
  int status = kHealthy;
  for (bool first = true; !interrupted(); first = false) {
    const auto report = look(flags, code.get());
    if (interrupted()) break;
    status = exit_status(report);
    std::map<std::string, std::string> present;
    doctor::Report fresh = report;
    fresh.findings.clear();
    for (const auto& finding : report.findings) {
      const std::string key = doctor::key_of(finding);
      if (!known.contains(key)) fresh.findings.push_back(finding);
      present[key] = doctor::finding_line(finding, terminal_width(), false);
    }
    if (flags.json) {
      fmt::print("{}", doctor::json_report(report, false));
    } else if (first || !fresh.findings.empty()) {
      if (!first) fmt::print("\nNew:\n");
      fmt::print("{}", doctor::text_report(fresh, terminal_width(), coloured()));
    }
    for (const auto& [key, line] : known) {
      if (!flags.json && !present.contains(key)) fmt::print("\nGone: {}", line);
    }
    known = std::move(present);
    if (std::fflush(stdout) != 0) return kCouldNotLook;
  }
  return status;
}

int alerts(const DoctorFlags& flags) {
  const std::string rules = doctor::alert_rules();
  if (flags.alerts == "-") {
    fmt::print("{}", rules);
    return kDone;
  }
  std::ofstream file(flags.alerts);
  file << rules;
  file.close();
  if (!file) {
    say("doctor", "cannot write " + flags.alerts);
    return kCouldNotLook;
  }
  return kDone;
}

int run_doctor(const DoctorFlags& flags) {
  if (!flags.alerts.empty()) return alerts(flags);
  if (!flags.net.empty()) {
    const auto entered = observe::enter_network_namespace(flags.net);
    if (!entered) {
      say("doctor", entered.error());
      return kCouldNotLook;
    }
  }
  return flags.watch ? watch(flags) : once(flags);
}

}  // namespace

void add_doctor(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* verb = app.add_subcommand("doctor", kAbout);
  verb->footer(kFooter);
  verb->add_option("--interval", flags->interval, "time between the two looks; 2 unless given")
      ->check(CLI::Range(0.1, 86400.0))
      ->type_name("SECONDS");
  verb->add_flag("--watch", flags->watch, "again and again: says what is new and what is gone");
  verb->add_flag("--json", flags->json, "for machines; with --watch a line each time");
  verb->add_option("--source", flags->source,
                   "linux, estab (running stacks), all; auto: Linux and the stacks there are")
      ->check(CLI::IsMember({"linux", "estab", "all", "auto"}))
      ->type_name("SOURCE");
  verb->add_option("--stack", flags->stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb->add_option("-N,--net", flags->net,
                   "in this network namespace, a name or a path, as ss has it")
      ->type_name("NAME");
  verb->add_option("--old", flags->old_seconds,
                   "from when on a connection stays too long in a state; 60 unless given")
      ->check(CLI::Range(0.1, 1e6))
      ->type_name("SECONDS");
  verb->add_option("--idle", flags->idle_seconds,
                   "from when on an established connection is idle; 7200 unless given")
      ->check(CLI::Range(0.1, 1e6))
      ->type_name("SECONDS");
  verb->add_option("--alerts", flags->alerts,
                   "writes Prometheus alert rules for the same kinds, and looks at nothing; -: to "
                   "standard output")
      ->type_name("FILE");
  verb->final_callback([flags, chosen] { chosen([flags] { return run_doctor(*flags); }); });
}

}  // namespace estab::cli
