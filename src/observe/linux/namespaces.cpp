#include "observe/linux/namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace estab::observe {
namespace {

constexpr const char* kNamed = "/run/netns";

std::uint32_t inode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

template <class Visit>
void each_entry(const std::string& directory, const Visit& visit) {
  DIR* entries = ::opendir(directory.c_str());
  if (entries == nullptr) return;
  while (const dirent* entry = ::readdir(entries)) {
    if (entry->d_name[0] != '.') visit(std::string(entry->d_name));
  }
  ::closedir(entries);
}

tl::expected<void, std::string> enter(const std::string& path, const std::string& name) {
  const auto trouble = [&](const char* doing) {
    return tl::unexpected(std::string(doing) + " network namespace \"" + name + "\": " +
                          std::strerror(errno) + (errno == EPERM ? " (needs CAP_SYS_ADMIN)" : ""));
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return trouble("Cannot open");
  const int result = ::setns(fd, CLONE_NEWNET);
  const int error = errno;
  ::close(fd);
  errno = error;
  if (result != 0) return trouble("setting the");
  return {};
}

}  // namespace

std::uint32_t own_network_namespace() { return inode_of("/proc/thread-self/ns/net"); }

std::uint32_t own_process_namespace() {
  constexpr std::uint32_t kFirst = 0xeffffffc;  // the kernel's PROC_PID_INIT_INO
  const std::uint32_t own = inode_of("/proc/self/ns/pid");
  return own == kFirst ? 0 : own;
}

bool proc_is_of_own_processes() {
  char number[32];
  const ssize_t n = ::readlink("/proc/self", number, sizeof number - 1);
  return n > 0 && std::string(number, static_cast<std::size_t>(n)) == std::to_string(::getpid());
}

std::vector<NetworkNamespace> network_namespaces(std::size_t* unreadable) {
  std::vector<NetworkNamespace> all;
  const auto add = [&](const std::string& path, const std::string& name) {
    const std::uint32_t inode = inode_of(path);
    if (inode == 0 && errno == EACCES && unreadable != nullptr) ++*unreadable;
    if (inode == 0) return;
    const bool known = std::any_of(all.begin(), all.end(),
                                   [&](const NetworkNamespace& n) { return n.inode == inode; });
    if (!known) all.push_back({inode, path, name});
  };
  const std::uint32_t own = own_network_namespace();
  each_entry(kNamed, [&](const std::string& name) { add(std::string(kNamed) + "/" + name, name); });
  add("/proc/self/ns/net", "own");
  each_entry("/proc", [&](const std::string& name) {
    if (name[0] < '1' || name[0] > '9') return;
    add("/proc/" + name + "/ns/net", "pid " + name);
  });
  std::stable_partition(all.begin(), all.end(),
                        [&](const NetworkNamespace& n) { return n.inode == own; });
  return all;
}

tl::expected<void, std::string> enter_network_namespace(const std::string& name) {
  const bool is_path = name.find('/') != name.npos;
  return enter(is_path ? name : std::string(kNamed) + "/" + name, name);
}

tl::expected<void, std::string> in_network_namespace(const NetworkNamespace& at,
                                                     const std::function<void()>& look) {
  tl::expected<void, std::string> result;
  if (at.inode == own_network_namespace()) {
    look();
    return result;
  }
  std::thread([&] {
    result = enter(at.path, at.name);
    if (result) look();
  }).join();
  return result;
}

}  // namespace estab::observe
