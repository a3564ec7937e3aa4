#include "socket/control_directory.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "stack/control_protocol.h"

namespace estab::socket {
namespace {

// Empty: the directory is good.
std::string why_not(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return std::strerror(errno);
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) return std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return "it is not a directory";
  if (status.st_uid != ::geteuid()) return "it belongs to another user";
  if ((status.st_mode & 077) != 0) return "others may enter it: chmod 700 it";
  if (::access(directory.c_str(), W_OK | X_OK) != 0) return std::strerror(errno);
  return "";
}

bool somebody_accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return true;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const bool refused =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  ::close(fd);
  return !refused;
}

}  // namespace

tl::expected<std::string, std::string> open_control_directory(const std::string& wanted) {
  if (!wanted.empty()) {
    const std::string reason = why_not(wanted);
    if (reason.empty()) return wanted;
    return tl::unexpected("cannot use " + wanted + " for the control socket: " + reason);
  }
  std::string reasons;
  for (const std::string& directory : stack::control::runtime_directories(
           std::getenv("ESTAB_RUNTIME_DIR"), std::getenv("XDG_RUNTIME_DIR"), ::geteuid())) {
    const std::string reason = why_not(directory);
    if (reason.empty()) return directory;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", directory, reason);
  }
  return tl::unexpected("no directory for the control socket (set ESTAB_RUNTIME_DIR to one): " +
                        reasons);
}

void remove_stale_sockets(const std::string& directory) {
  DIR* entries = ::opendir(directory.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    const auto [pid, name] = stack::control::parse_socket_file_name(entry->d_name);
    if (pid == 0) continue;
    const bool alive = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
    const std::string path = directory + "/" + entry->d_name;
    if (!alive && !somebody_accepts(path)) ::unlink(path.c_str());
  }
  ::closedir(entries);
}

}  // namespace estab::socket
