#include "observe/linux/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <mntent.h>

#include <cstring>
#include <filesystem>

namespace estab::observe {
namespace {

std::string mount_point() {
  std::string found;
  std::FILE* mounts = ::setmntent("/proc/self/mounts", "re");
  if (mounts == nullptr) return found;
  mntent entry{};
  char room[8192];
  while (::getmntent_r(mounts, &entry, room, sizeof room) != nullptr) {
    if (std::strcmp(entry.mnt_type, "cgroup2") == 0) {
      found = entry.mnt_dir;
      break;
    }
  }
  ::endmntent(mounts);
  return found;
}

// The number is the directory's file handle.
std::uint64_t number_of(const std::string& path) {
  constexpr unsigned kSize = sizeof(std::uint64_t);
  alignas(file_handle) std::uint8_t room[sizeof(file_handle) + kSize] = {};
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = kSize;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0) != 0) return 0;
  if (handle->handle_bytes != kSize) return 0;
  std::uint64_t number = 0;
  std::memcpy(&number, room + sizeof(file_handle), sizeof number);
  return number;
}

}  // namespace

std::uint64_t cgroup_of_path(const std::string& path) {
  if (const std::uint64_t number = number_of(path)) return number;
  const std::string root = mount_point();
  return root.empty() ? 0 : number_of(root + "/" + path);
}

const std::string& CgroupPaths::path(std::uint64_t cgroup) {
  namespace fs = std::filesystem;
  if (!walked_) {
    walked_ = true;
    if (const std::string root = mount_point(); !root.empty()) {
      known_[number_of(root)] = "/";
      std::error_code error;
      fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied,
                                          error);
      for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        std::error_code trouble;
        if (!at->is_directory(trouble) || at->is_symlink(trouble)) continue;
        const std::string path = at->path().string();
        known_[number_of(path)] = path.substr(root.size());
      }
    }
  }
  auto [found, is_new] = known_.try_emplace(cgroup);
  if (is_new) found->second = fmt::format("unreachable:{:x}", cgroup);
  return found->second;
}

}  // namespace estab::observe
