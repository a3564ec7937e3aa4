// Network namespaces: which there are, and how to look into one.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace estab::observe {

struct NetworkNamespace {
  std::uint32_t inode = 0;
  std::string path;  // to open it by
  std::string name;  // of /run/netns, else "pid 4711": the first process that lives there
};

// The caller's first. Of other users' processes only what may be read: all, for root; `unreadable`
// counts the others.
std::vector<NetworkNamespace> network_namespaces(std::size_t* unreadable = nullptr);
std::uint32_t own_network_namespace();  // its inode; 0: not known

// Inode of the caller's process namespace; 0: the first of all (or not known). BPF tells processes by
// the numbers of that first one, unless it is told otherwise.
std::uint32_t own_process_namespace();
// /proc shows the processes of the caller's own namespace, as it does in most containers.
bool proc_is_of_own_processes();

// Moves the calling thread into the namespace: a name of /run/netns, or a path. The error is one
// line, in ss's words.
tl::expected<void, std::string> enter_network_namespace(const std::string& name);
// Runs `look` in a thread of its own that lives there; the caller stays where it is. In the caller's
// own namespace that needs no privilege.
tl::expected<void, std::string> in_network_namespace(const NetworkNamespace& at,
                                                     const std::function<void()>& look);

}  // namespace estab::observe
