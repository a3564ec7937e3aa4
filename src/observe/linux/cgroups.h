// Control groups by number and by path.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>

namespace estab::observe {

// The number of a control group, by a path in the file system or below cgroup2's mount point; 0: no
// such group.
std::uint64_t cgroup_of_path(const std::string& path);

// Paths of control groups, each looked up once.
class CgroupPaths {
 public:
  // "/system.slice/x.service"; ss's own "unreachable:7b" for a group that was removed or lies
  // outside of the caller's root. Outlives the next calls.
  const std::string& path(std::uint64_t cgroup);

 private:
  bool walked_ = false;
  std::unordered_map<std::uint64_t, std::string> known_;
};

}  // namespace estab::observe
