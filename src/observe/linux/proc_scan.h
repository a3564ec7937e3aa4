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

// All processes (and with `threads` each thread of them), those with the most descriptors first; none
// is looked into yet.
ProcScan list_processes(bool threads);
std::uint64_t descriptors_of(const ProcScan& scan);  // as far as /proc counts them
// Looks into them, on several threads when the descriptors are many.
void scan_proc(ProcScan& scan, const InodeTable& wanted);

}  // namespace estab::observe
