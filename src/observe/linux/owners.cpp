#include "observe/linux/owners.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "observe/linux/proc_scan.h"

namespace estab::observe {

OwnersSeen find_owners(std::vector<Connection>& connections, bool threads, bool all_holders) {
  OwnersSeen seen;
  InodeTable wanted(connections.size());
  for (std::size_t i = 0; i < connections.size(); ++i) {
    wanted.add(connections[i].inode, static_cast<std::uint32_t>(i));
  }
  if (wanted.size() == 0) return seen;
  const ProcScan scan = scan_proc(wanted, threads, all_holders);
  for (const HeldSocket& held : scan.held) {
    const ScannedProcess& process = scan.processes[held.process];
    connections[held.row].owners.push_back(
        {process.pid, held.fd, threads ? process.tid : 0, process.command});
  }
  for (Connection& c : connections) {
    if (c.owners.size() < 2) continue;
    std::sort(c.owners.begin(), c.owners.end(), [](const Owner& a, const Owner& b) {
      return std::tie(a.pid, a.tid, a.fd) > std::tie(b.pid, b.tid, b.fd);
    });
  }
  if (::geteuid() != 0) {
    for (const ScannedProcess& process : scan.processes) {
      if (!process.readable) ++seen.unreadable_processes;
    }
  }
  return seen;
}

}  // namespace estab::observe
