// Who holds which socket, by /proc/PID/fd: the way that needs no privilege for one's own processes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "observe/linux/inode_table.h"

namespace estab::observe {

struct HeldSocket {
  std::uint32_t row;      // of the InodeTable
  std::uint32_t process;  // index of ProcScan::processes
  std::int32_t fd;
};
struct ScannedProcess {
  std::uint32_t pid = 0, tid = 0;
  std::uint64_t descriptors = 0;  // as /proc says, 0 where it does not
  bool readable = false;
  std::string command;
};
struct ProcScan {
  std::vector<ScannedProcess> processes;
  std::vector<HeldSocket> held;  // in no order
};

// With the most descriptors first, on several threads when they are many. Unless `all_holders`,
// ends when each inode of the table was found once.
ProcScan scan_proc(const InodeTable& wanted, bool threads, bool all_holders);

}  // namespace estab::observe
