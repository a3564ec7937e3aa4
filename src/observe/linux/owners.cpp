#include "observe/linux/owners.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "observe/bpf/task_files.h"
#include "observe/linux/namespaces.h"
#include "observe/linux/proc_scan.h"

namespace estab::observe {
namespace {

bool owners_by_bpf(std::vector<Connection>& connections, const InodeTable& wanted) {
  auto rows = bpf::task_files();
  if (!rows) return false;
  for (bpf::OwnerRow& row : *rows) {
    const std::uint32_t at = wanted.find(static_cast<std::uint32_t>(row.inode));
    if (at == InodeTable::kNone) continue;
    connections[at].owners.push_back(
        {row.pid, static_cast<std::int32_t>(row.fd), 0, std::move(row.command)});
  }
  return true;
}

void owners_by_proc(std::vector<Connection>& connections, const InodeTable& wanted, ProcScan& scan,
                    bool threads, bool all_holders) {
  scan_proc(scan, wanted, all_holders);
  for (const HeldSocket& held : scan.held) {
    const ScannedProcess& process = scan.processes[held.process];
    connections[held.row].owners.push_back(
        {process.pid, held.fd, threads ? process.tid : 0, process.command});
  }
}

}  // namespace

OwnersSeen find_owners(std::vector<Connection>& connections, bool threads, bool all_holders) {
  OwnersSeen seen;
  InodeTable wanted(connections.size());
  for (std::size_t i = 0; i < connections.size(); ++i) {
    wanted.add(connections[i].inode, static_cast<std::uint32_t>(i));
  }
  if (wanted.size() == 0) return seen;
  ProcScan scan = list_processes(threads);
  // Loading the iterator costs what looking into some thousand descriptors does.
  constexpr std::uint64_t kWorthBpf = 10'000;
  const bool by_bpf = !threads && ::geteuid() == 0 && descriptors_of(scan) > kWorthBpf &&
                      proc_is_of_own_processes();
  seen.by_bpf = by_bpf && owners_by_bpf(connections, wanted);
  if (!seen.by_bpf) owners_by_proc(connections, wanted, scan, threads, all_holders);
  for (Connection& c : connections) {
    if (c.owners.size() < 2) continue;
    std::sort(c.owners.begin(), c.owners.end(), [](const Owner& a, const Owner& b) {
      return std::tie(a.pid, a.tid, a.fd) > std::tie(b.pid, b.tid, b.fd);
    });
  }
  for (const Connection& c : connections) {
    if (c.owners.empty() && c.inode != 0 && has_owner(c)) ++seen.unseen;
  }
  if (seen.by_bpf) return seen;
  for (const ScannedProcess& process : scan.processes) {
    if (!process.readable) ++seen.unreadable_processes;
  }
  return seen;
}

std::string owners_not_seen(const OwnersSeen& seen) {
  if (seen.unseen == 0) return "";
  std::string line = std::to_string(seen.unseen) +
                     (seen.unseen == 1 ? " socket shows" : " sockets show") + " no owner: ";
  if (seen.unreadable_processes == 0) {
    return line +
           "no process of this /proc holds it (hidepid, or another process namespace); root "
           "outside "
           "sees all";
  }
  line += "the descriptors of " + std::to_string(seen.unreadable_processes) +
          " processes may not be read ";
  return line +
         (::geteuid() == 0 ? "(needs CAP_SYS_PTRACE, in their user namespace)" : "(root sees all)");
}

}  // namespace estab::observe
