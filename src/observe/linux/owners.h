// Who holds sockets: pid, descriptor and command by inode.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

struct OwnersSeen {
  std::size_t unreadable_processes = 0;  // whose descriptors may not be read
  std::size_t unseen = 0;                // sockets that somebody holds, and nobody was found
  bool by_bpf = false;
};

// Fills `owners` of each connection that has an inode, the highest pid and descriptor first (ss's
// order). By BPF's task-file iterator where that can be had, else by /proc: then the processes with
// the most descriptors come first, and the scan ends when every inode is found, unless `all_holders`
// wants those that share a socket too.
OwnersSeen find_owners(std::vector<Connection>& connections, bool threads, bool all_holders = true);

// What could not be seen, why and how to get it, in one line; empty: nothing.
std::string owners_not_seen(const OwnersSeen& seen);

}  // namespace estab::observe
