// Who holds sockets: pid, descriptor and command by inode.
#pragma once
#include <cstdint>
#include <future>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/bpf/task_files.h"
#include "observe/connection.h"
#include "observe/linux/proc_scan.h"

namespace estab::observe {

struct OwnersSeen {
  std::size_t unreadable_processes = 0;  // whose descriptors may not be read
  std::size_t unseen = 0;                // sockets that somebody holds, and nobody was found
  bool by_bpf = false;
};

// Begun before the sockets are asked for, so that where descriptors are many both go on at once.
class OwnerSearch {
 public:
  explicit OwnerSearch(bool threads);
  // Fills `owners` of each connection that has an inode, the highest pid and descriptor first
  // (ss's order). By BPF's task-file iterator where that can be had, else by /proc. Once.
  OwnersSeen fill(std::vector<Connection>& connections);

 private:
  bool threads_;
  ProcScan scan_;
  std::future<tl::expected<std::vector<bpf::OwnerRow>, std::string>> by_bpf_;  // maybe none
};

// What could not be seen, why and how to get it, in one line; empty: nothing.
std::string owners_not_seen(const OwnersSeen& seen);

}  // namespace estab::observe
