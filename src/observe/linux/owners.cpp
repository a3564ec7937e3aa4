#include "observe/linux/owners.h"

#include <unistd.h>

#include <algorithm>
#include <tuple>

#include "observe/linux/namespaces.h"

namespace estab::observe {
namespace {

void put_owners(std::vector<Connection>& connections, const InodeTable& wanted,
                std::vector<bpf::OwnerRow>& rows) {
  for (bpf::OwnerRow& row : rows) {
    const std::uint32_t at = wanted.find(row.inode);
    if (at == InodeTable::kNone) continue;
    connections[at].owners.push_back(
        {row.pid, static_cast<std::int32_t>(row.fd), 0, std::move(row.command)});
  }
}

void owners_by_proc(std::vector<Connection>& connections, const InodeTable& wanted, ProcScan& scan,
                    bool threads) {
  scan_proc(scan, wanted);
  for (const HeldSocket& held : scan.held) {
    const ScannedProcess& process = scan.processes[held.process];
    connections[held.row].owners.push_back(
        {process.pid, held.fd, threads ? process.tid : 0, process.command});
  }
}

}  // namespace

OwnerSearch::OwnerSearch(bool threads) : threads_(threads), scan_(list_processes(threads)) {
  // Loading the iterator costs what looking into some thousand descriptors does.
  constexpr std::uint64_t kWorthBpf = 10'000;
  const bool by_bpf = !threads && ::geteuid() == 0 && descriptors_of(scan_) > kWorthBpf &&
                      proc_is_of_own_processes();
  if (by_bpf) by_bpf_ = std::async(std::launch::async, bpf::task_files);
}

OwnersSeen OwnerSearch::fill(std::vector<Connection>& connections) {
  OwnersSeen seen;
  InodeTable wanted(connections.size());
  for (std::size_t i = 0; i < connections.size(); ++i) {
    wanted.add(connections[i].inode, static_cast<std::uint32_t>(i));
  }
  if (wanted.size() == 0) return seen;
  if (by_bpf_.valid()) {
    auto rows = by_bpf_.get();
    seen.by_bpf = rows.has_value();
    if (rows) put_owners(connections, wanted, *rows);
  }
  if (!seen.by_bpf) owners_by_proc(connections, wanted, scan_, threads_);
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
  for (const ScannedProcess& process : scan_.processes) {
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
