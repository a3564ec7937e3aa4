// Who holds which TCP socket, of all processes and namespaces, by one walk in the kernel: about
// 0.1 s for 100,000, where /proc takes four times as long.
#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace estab::observe::bpf {

struct OwnerRow {
  std::uint32_t pid = 0;  // of the caller's process namespace
  std::uint32_t fd = 0;
  std::string command;      // the process's name, as /proc/PID/comm has it; not escaped
  std::uint32_t inode = 0;  // the socket's, as in socket:[4711]
};

// A socket held twice (fork, dup) has two rows. The error is one line for the user: not built with
// BPF, no privilege, an old kernel.
tl::expected<std::vector<OwnerRow>, std::string> task_files();

}  // namespace estab::observe::bpf
