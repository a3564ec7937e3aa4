// `estab drill`: packet scripts against a stack in virtual time.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/command.h"
#include "cli/stack_flags.h"
#include "lab/script/drill.h"

namespace estab::cli {
namespace {

using lab::Outcome;
using lab::Verdict;

struct DrillFlags {
  std::vector<std::string> files;
  std::uint64_t seed = 1;
  std::string pcap;
  std::string ip_version;
  std::vector<std::string> defines;
  std::vector<std::string> options;
  std::vector<std::string> tune;
  bool check_ecr = false;
  bool quiet = false;
};

constexpr const char* kAbout =
    "Runs packet scripts against a stack in virtual time.\n"
    "The language is packetdrill's: docs/packet-scripts.md. Each script has a stack of its own; a\n"
    "minute of TIME-WAIT takes no time. Nothing leaves the process, and no command of a script is\n"
    "executed.";

constexpr const char* kFooter =
    "Exit codes: 0 all passed or skipped, 1 one failed, 2 one is no script, or wrong arguments.\n"
    "Examples:\n"
    "  estab drill handshake.pkt\n"
    "  estab drill --pcap all.pcapng tests/scripts/*/*.pkt\n"
    "  estab drill --ip-version ipv6 --option tolerance_usecs=10000 handshake.pkt\n";

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in || std::filesystem::is_directory(path)) {
    throw WrongUse("cannot read " + path + ": expected a packet script");
  }
  return text.str();
}

// NAME or NAME=VALUE, dashes before it or not.
lab::ScriptOption option_of(std::string word) {
  word.erase(0, std::min(word.find_first_not_of('-'), word.size()));
  const std::size_t equals = word.find('=');
  if (equals == word.npos) return {word, "", 0};
  return {word.substr(0, equals), word.substr(equals + 1), 0};
}

lab::DrillOptions drill_options(const DrillFlags& flags) {
  lab::DrillOptions options;
  options.seed = flags.seed;
  options.check_timestamp_echo = flags.check_ecr;
  tune(options.tuning, flags.tune);
  for (const std::string& word : flags.options) options.options.push_back(option_of(word));
  for (const std::string& define : flags.defines) {
    const std::size_t equals = define.find('=');
    if (equals == define.npos) throw WrongUse("--define " + define + ": expected NAME=VALUE");
    options.definitions[define.substr(0, equals)] = define.substr(equals + 1);
  }
  return options;
}

// A script that is for one family says so by the end of its name.
std::string wrong_family(const std::string& ip_version, const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  const bool v6 = ip_version == "ipv6";
  if (stem.ends_with("v4") && v6) return path + ": it is for IPv4";
  if (stem.ends_with("v6") && !v6 && !ip_version.empty()) return path + ": it is for IPv6";
  return "";
}

struct Tally {
  int passed = 0;
  int failed = 0;
  int broken = 0;
  int skipped = 0;

  void count(const Outcome& outcome) {
    if (outcome.verdict == Verdict::kPassed) ++passed;
    if (outcome.verdict == Verdict::kFailed) ++failed;
    if (outcome.verdict == Verdict::kBroken) ++broken;
    if (outcome.verdict == Verdict::kSkipped) ++skipped;
  }
};

void print(const DrillFlags& flags, const std::string& path, const Outcome& outcome) {
  switch (outcome.verdict) {
    case Verdict::kPassed:
      if (!flags.quiet) fmt::print("passed  {}\n{}", path, outcome.text);
      break;
    case Verdict::kFailed:
      fmt::print("FAILED  {}\n{}\n", path, outcome.text);
      break;
    case Verdict::kBroken:
      fmt::print("BROKEN  {}\n", outcome.text);
      break;
    case Verdict::kSkipped:
      fmt::print("skipped {}\n", outcome.text);
      break;
  }
}

void write_capture(const std::string& path, const lab::ScriptCapture& capture) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(capture.bytes().data()),
            static_cast<std::streamsize>(capture.bytes().size()));
  if (!out.flush()) throw Failure("cannot write " + path);
}

Outcome drill_file(const std::string& path, const std::string& ip_version,
                   lab::DrillOptions options) {
  const std::string other_family = wrong_family(ip_version, path);
  if (!other_family.empty()) return {Verdict::kSkipped, other_family};
  options.name = path;
  options.text = text_of(path);
  options.folder = std::filesystem::path(path).parent_path().string();
  if (options.folder.empty()) options.folder = ".";
  const bool v6_by_name = std::filesystem::path(path).stem().string().ends_with("v6");
  const std::string version = ip_version.empty() && v6_by_name ? "ipv6" : ip_version;
  if (!version.empty()) options.options.push_back({"ip_version", version, 0});
  return lab::drill(options);
}

int drill(const DrillFlags& flags) {
  lab::DrillOptions options = drill_options(flags);
  lab::ScriptCapture capture;
  if (!flags.pcap.empty()) options.capture = &capture;
  std::vector<std::string> versions = {flags.ip_version};
  if (flags.ip_version == "all") versions = {"ipv4", "ipv6", "ipv4-mapped-ipv6"};
  Tally tally;
  for (const std::string& path : flags.files) {
    for (const std::string& version : versions) {
      const Outcome outcome = drill_file(path, version, options);
      print(flags, versions.size() > 1 ? fmt::format("{} {}", path, version) : path, outcome);
      tally.count(outcome);
    }
  }
  if (!flags.pcap.empty()) write_capture(flags.pcap, capture);
  fmt::print("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
  fmt::print("{}\n", tally.broken > 0 ? fmt::format(", {} broken", tally.broken) : "");
  if (tally.broken > 0) return kWrongUse;
  return tally.failed > 0 ? kFailed : kDone;
}

}  // namespace

void add_drill(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<DrillFlags>();
  CLI::App* verb = app.add_subcommand("drill", kAbout);
  verb->footer(kFooter);
  verb->add_option("FILE", flags->files, "packet scripts")->required()->type_name("");
  verb->add_option("--seed", flags->seed, "of ports, initial sequence numbers and the like; 1")
      ->type_name("N");
  verb->add_option("--pcap", flags->pcap,
                   "a pcapng capture of all of them, by their virtual clocks")
      ->type_name("FILE");
  verb->add_option(
          "--ip-version,--ip_version", flags->ip_version,
          "ipv4, ipv6 or ipv4-mapped-ipv6 (IPv6 sockets over IPv4), whatever a script says")
      ->type_name("VERSION")
      ->check(CLI::IsMember({"ipv4", "ipv6", "ipv4-mapped-ipv6", "all"}));
  verb->add_option("--option", flags->options,
                   "one of the language's --NAME=VALUE, whatever a script says; may come again")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
  verb->add_option("--tune", flags->tune,
                   "a knob of `estab tuning`, for where a script says nothing of it; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  verb->add_option("-D,--define", flags->defines, "a word of the script and what stands for it")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  verb->add_flag("--check-ecr", flags->check_ecr,
                 "compare the echo of outbound timestamps too, which packetdrill does not");
  verb->add_flag("-q,--quiet", flags->quiet, "say nothing of those that passed");
  verb->final_callback([flags, chosen] { chosen([flags] { return drill(*flags); }); });
}

}  // namespace estab::cli
