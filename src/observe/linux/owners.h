// Who holds sockets: pid, descriptor and command by inode.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

struct OwnersSeen {
  std::size_t unreadable_processes = 0;  // others' processes, whose descriptors may not be read
  bool by_bpf = false;
};

// Fills `owners` of each connection that has an inode, the highest pid and descriptor first (ss's
// order). By BPF's task-file iterator where that can be had, else by /proc: then the processes with
// the most descriptors come first, and the scan ends when every inode is found, unless `all_holders`
// wants those that share a socket too.
OwnersSeen find_owners(std::vector<Connection>& connections, bool threads, bool all_holders = true);

}  // namespace estab::observe
