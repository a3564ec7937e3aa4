#include "cli/last_look.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "socket/control_directory.h"

namespace estab::cli {
namespace {

// Time since the boot, sleep included: no clock that somebody sets.
std::int64_t boot_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

// Which network namespace this process looks at. Its cookie is never given again; an inode's number
// is, as soon as the namespace has gone.
std::string namespace_id() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0;
  ::close(fd);
  if (known) return "cookie " + std::to_string(cookie);
  struct stat status {};
  return ::stat("/proc/self/ns/net", &status) == 0 ? std::to_string(status.st_ino) : "";
}

std::string whole_question(const std::string& question) { return namespace_id() + " " + question; }

std::optional<std::string> file_of(const std::string& question) {
  const auto directory = socket::open_control_directory("");
  if (!directory) return std::nullopt;
  const auto number = std::hash<std::string>{}(whole_question(question));
  return fmt::format("{}/summary-{:016x}.json", *directory, number);
}

}  // namespace

std::optional<LastLook> read_last_look(const std::string& question) {
  const auto path = file_of(question);
  if (!path) return std::nullopt;
  std::ifstream file(*path);
  const auto kept = nlohmann::json::parse(file, nullptr, false);
  // The file is the user's own, yet may be of another version or cut short.
  try {
    if (kept.at("question") != whole_question(question) || kept.at("boot") != boot_id()) {
      return std::nullopt;
    }
    LastLook look;
    look.ago = Duration{boot_nanoseconds() - kept.at("when").get<std::int64_t>()};
    look.totals = kept.at("totals").get<observe::EarlierTotals>();
    return look;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool keep_look(const std::string& question, const observe::EarlierTotals& totals) {
  const auto path = file_of(question);
  if (!path) return false;
  const nlohmann::json kept{{"question", whole_question(question)},
                            {"boot", boot_id()},
                            {"when", boot_nanoseconds()},
                            {"totals", totals}};
  // Under a name of its own first: two calls at once leave one whole file.
  const std::string fresh = *path + "." + std::to_string(::getpid());
  {
    std::ofstream file(fresh, std::ios::trunc);
    // Command names may be no UTF-8.
    file << kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!file.flush()) return false;
  }
  return ::rename(fresh.c_str(), path->c_str()) == 0;
}

}  // namespace estab::cli
