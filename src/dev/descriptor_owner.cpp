#include "dev/descriptor_owner.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace estab::dev {
namespace {

namespace fs = std::filesystem;

// A TUN's descriptor names its interface in /proc/PID/fdinfo/N: "iff:\ttun0".
bool holds(const fs::path& fdinfo, const std::string& interface) {
  std::ifstream lines(fdinfo);
  for (std::string line; std::getline(lines, line);) {
    if (line == "iff:\t" + interface) return true;
  }
  return false;
}

bool process_holds(const fs::path& process, const std::string& interface) {
  std::error_code error;
  // The process may end at any moment: an error is the end of the list.
  for (fs::directory_iterator fd(process / "fd", error), end; fd != end; fd.increment(error)) {
    if (fs::read_symlink(fd->path(), error) != "/dev/net/tun") continue;
    if (holds(process / "fdinfo" / fd->path().filename(), interface)) return true;
  }
  return false;
}

}  // namespace

std::string tun_owner(const std::string& interface) {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/ns/net", error);
  for (fs::directory_iterator it("/proc", error), end; it != end; it.increment(error)) {
    const fs::path process = it->path();
    const std::string pid = process.filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (fs::read_symlink(process / "ns/net", error) != here) continue;
    if (!process_holds(process, interface)) continue;
    std::string command;
    std::getline(std::ifstream(process / "comm") >> std::ws, command);
    return fmt::format("pid {} ({})", pid, command);
  }
  return "";
}

}  // namespace estab::dev
