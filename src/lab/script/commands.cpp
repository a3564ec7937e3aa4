#include "lab/script/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "lab/script/shell_words.h"

namespace estab::lab {
namespace {

constexpr int kMaxDepth = 4;  // of scripts that call scripts

// What the scripts' usual first command sets, as far as the stack has knobs for it; used when the
// file itself is not there.
constexpr const char* kDefaults = R"(
sysctl -q net.ipv4.tcp_rmem="4096 540000 15728640"
sysctl -q net.ipv4.tcp_wmem="4096 262144 4194304"
sysctl -q net.ipv4.tcp_timestamps=1 net.ipv4.tcp_syn_retries=5 net.ipv4.tcp_synack_retries=5
sysctl -q net.ipv4.tcp_sack=1 net.ipv4.tcp_dsack=1 net.ipv4.tcp_reordering=3
sysctl -q net.ipv4.tcp_slow_start_after_idle=0 net.ipv4.tcp_ecn=0
sysctl -q net.ipv4.tcp_notsent_lowat=4294967295 net.ipv4.tcp_fastopen=0x70403
sysctl -q net.ipv4.tcp_syncookies=1 net.ipv4.tcp_congestion_control=cubic
)";

[[noreturn]] void cannot(const std::string& why) { throw std::runtime_error(why); }

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

bool has_knob(std::string_view name) {
  return std::any_of(knobs().begin(), knobs().end(),
                     [name](const Knob& knob) { return knob.name == name; });
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// 0x70403 -> 459779; what is no number stays as it is.
std::string decimal(const std::string& value) {
  if (!value.starts_with("0x")) return value;
  return fmt::format("{}", std::strtoull(value.c_str() + 2, nullptr, 16));
}

// "net.ipv4.tcp_sack", "net/ipv4/tcp_sack", "/proc/sys/net/ipv4/tcp_sack" -> tcp_sack; "" when it
// is not of the IP family's knobs.
std::string knob_of(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  for (const std::string_view before : {".proc.sys.net.ipv4.", "net.ipv4.", ".proc.sys.net.core.",
                                        "net.core.", ".proc.sys.net.ipv6.", "net.ipv6."}) {
    if (name.starts_with(before)) return name.substr(before.size());
  }
  return "";
}

// Commands that prepare what a stack in virtual time does not have: a kernel's caches, its device,
// its counters' files.
bool means_nothing(const std::vector<std::string>& words) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "ethtool", "nstat", "true", ":", "set", "sleep", "modprobe", "sync", "export"};
  const std::string name = file_name(words[0]);
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
  if (words[0].starts_with("/tmp/sysctl_restore_")) return true;
  const auto has = [&](std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (name == "ip") return has("tcp_metrics");
  // One without pacing: packets leave when the stack sends them, as they do here.
  const bool plain = has("pfifo") || has("pfifo_fast") || has("del");
  return name == "tc" && has("qdisc") && plain && !has("limit");
}

}  // namespace

tl::expected<void, std::string> Commands::run(const std::string& text) {
  try {
    run_text(text, 0);
    return {};
  } catch (const std::runtime_error& problem) {
    return tl::unexpected(std::string(problem.what()));
  }
}

void Commands::run_text(const std::string& text, int depth) {
  if (depth > kMaxDepth) cannot("commands call each other without end");
  const auto commands = shell_commands(text);
  if (!commands) cannot(fmt::format("command is not supported: {}", commands.error()));
  for (std::size_t i = 0; i < commands->size(); ++i) {
    const ShellCommand& command = (*commands)[i];
    // nstat | grep COUNTER: whether it has counted anything.
    if (command.piped && file_name(command.words[0]) == "nstat" && i + 1 < commands->size()) {
      const auto& next = (*commands)[++i].words;
      if (target_.counter && next.size() > 1 && target_.counter(next.back()) == 0) {
        cannot(fmt::format("counter {} is 0", next.back()));
      }
      continue;
    }
    run_words(command.words, command.output, depth);
  }
}

void Commands::run_words(const std::vector<std::string>& words, const std::string& output,
                         int depth) {
  const std::string name = file_name(words[0]);
  if (name == "sysctl") {
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!words[i].starts_with("-")) assign(words[i]);
    }
  } else if (name == "set_sysctls.py") {
    for (std::size_t i = 1; i < words.size(); ++i) assign(words[i]);
  } else if (name == "echo" && output.starts_with("/proc/sys/")) {
    std::string value;
    for (std::size_t i = 1; i < words.size(); ++i) value += (i > 1 ? " " : "") + words[i];
    set(output, value);
  } else if (name == "echo" && (output.empty() || output.starts_with("/sys/"))) {
    // Says something, or sets what a kernel's module has.
  } else if (words[0].ends_with(".sh") && !means_nothing(words)) {
    run_file(words[0], depth);
  } else if (!means_nothing(words)) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    cannot(fmt::format("command is not supported: {}", text));
  }
}

void Commands::run_file(const std::string& path, int depth) {
  const auto file = std::filesystem::path(folder_) / path;
  if (std::ifstream in(file); in) {
    std::stringstream text;
    text << in.rdbuf();
    run_text(text.str(), depth + 1);
  } else if (file_name(path) == "defaults.sh") {
    run_text(kDefaults, depth + 1);
  } else {
    cannot(fmt::format("command is not supported: {} (no such file)", path));
  }
}

void Commands::assign(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals != word.npos) set(word.substr(0, equals), word.substr(equals + 1));
}

void Commands::set(const std::string& name, const std::string& value) {
  const std::string knob = knob_of(name);
  const auto set_one = [&](const std::string& one, const std::string& to) {
    if (const auto done = target_.set(one, decimal(to)); !done) cannot(done.error());
  };
  if (knob == "tcp_rmem" || knob == "tcp_wmem") {  // smallest, default, largest
    const auto values = split(value);
    if (values.size() != 3) cannot(fmt::format("expected three numbers for {}", name));
    set_one(knob + "_default", values[1]);
    set_one(knob + "_max", values[2]);
  } else if (knob == "tcp_fastopen") {  // the bits that the stack has
    set_one(knob, fmt::format("{}", std::strtoull(value.c_str(), nullptr, 0) & 3));
  } else if (knob == "ip_local_port_range" || has_knob(knob)) {
    set_one(knob, value);
  }
  // Others have no counterpart: what they change, the script will see.
}

}  // namespace estab::lab
