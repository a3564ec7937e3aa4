#include "observe/linux/sysctls.h"

#include <dirent.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "observe/linux/proc_file.h"

namespace estab::observe {
namespace {

constexpr const char* kCore[] = {"somaxconn",    "rmem_max",           "wmem_max", "rmem_default",
                                 "wmem_default", "netdev_max_backlog", "busy_poll"};

bool wanted(std::string_view name) {
  // Both may be written and not read, or are a secret.
  if (name == "tcp_fastopen_key" || name == "tcp_probe") return false;
  return name.starts_with("tcp_") || name.starts_with("ip_local_") ||
         name == "ip_unprivileged_port_start" || name == "ip_nonlocal_bind";
}

std::string tidy(std::string text) {
  std::replace(text.begin(), text.end(), '\t', ' ');
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::vector<std::int64_t> numbers_in(std::string_view text) {
  std::vector<std::int64_t> all;
  while (!text.empty()) {
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{}) return {};
    all.push_back(value);
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  }
  return all;
}

}  // namespace

std::map<std::string, std::string, std::less<>> linux_sysctls() {
  std::map<std::string, std::string, std::less<>> all;
  const auto take = [&](const std::string& folder, const std::string& name) {
    if (auto text = read_proc_file("/proc/sys/net/" + folder + "/" + name)) {
      all["net." + folder + "." + name] = tidy(std::move(*text));
    }
  };
  if (DIR* entries = ::opendir("/proc/sys/net/ipv4")) {
    while (const dirent* entry = ::readdir(entries)) {
      if (wanted(entry->d_name)) take("ipv4", entry->d_name);
    }
    ::closedir(entries);
  }
  for (const char* name : kCore) take("core", name);
  return all;
}

std::map<std::string, std::int64_t, std::less<>> knobs_of(
    const std::map<std::string, std::string, std::less<>>& sysctls) {
  std::map<std::string, std::int64_t, std::less<>> knobs;
  for (const auto& [path, text] : sysctls) {
    const std::string name = path.substr(path.rfind('.') + 1);
    const auto values = numbers_in(text);
    if (values.size() == 1) knobs[name] = values[0];
    if (values.size() == 2) {
      knobs[name + "_low"] = values[0];
      knobs[name + "_high"] = values[1];
    }
    if (values.size() == 3 && name != "tcp_mem") {
      knobs[name + "_default"] = values[1];
      knobs[name + "_max"] = values[2];
    }
  }
  return knobs;
}

}  // namespace estab::observe
