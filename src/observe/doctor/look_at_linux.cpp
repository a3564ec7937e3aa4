// Linux's connections: sock_diag twice, the counters, the knobs of the namespace, the limits of the
// processes.
#include <algorithm>
#include <map>

#include "observe/doctor/gather.h"
#include "observe/linux/counters.h"
#include "observe/linux/neighbours.h"
#include "observe/linux/proc_file.h"
#include "observe/linux/process_limits.h"
#include "observe/linux/sock_diag.h"
#include "observe/linux/sysctls.h"

namespace estab::observe::doctor {
namespace {

// With more than so many, a sample costs as much as a look: then the trends of ports are not told.
constexpr std::size_t kMostToSample = 20000;

std::set<std::uint32_t> pids_of(const std::vector<Connection>& connections) {
  std::set<std::uint32_t> pids;
  for (const Connection& c : connections) {
    for (const Owner& owner : c.owners) pids.insert(owner.pid);
  }
  return pids;
}

// A process may end between the looks, and its number be another's.
bool is_called(std::uint32_t pid, const std::string& command) {
  const auto comm = read_proc_file("/proc/" + std::to_string(pid) + "/comm");
  return comm && !comm->empty() && comm->substr(0, comm->size() - 1) == command;
}

class LinuxLooker final : public Looker {
 public:
  tl::expected<void, std::string> begin() override {
    auto counters = linux_counters();
    if (!counters) return tl::unexpected(counters.error());
    census_.counters_before = std::move(*counters);
    LinuxQuery query;
    query.info = query.owners = true;
    auto seen = linux_connections(query);
    if (!seen) return tl::unexpected(seen.error());
    census_.before = std::move(seen->connections);
    census_.knobs = knobs_of(linux_sysctls());
    pids_ = pids_of(census_.before);
    census_.samples.push_back(sample_of(census_.before));
    return {};
  }

  void sample() override {
    if (census_.before.size() > kMostToSample) {
      census_.samples.push_back(sample_of({}));
      return;
    }
    std::vector<Connection> rows;
    (void)dump_linux({}, [&](Connection& c) { rows.push_back(std::move(c)); });
    census_.samples.push_back(sample_of(rows));
  }

  Gathering end() override {
    Gathered all;
    LinuxQuery query;
    query.info = query.owners = query.ages = true;
    auto seen = linux_connections(query);
    if (!seen) return tl::unexpected(seen.error());
    auto counters = linux_counters();
    if (!counters) return tl::unexpected(counters.error());
    census_.source = Source::Linux;
    census_.where = "Linux";
    census_.after = std::move(seen->connections);
    census_.counters_after = std::move(*counters);
    census_.dead_neighbours = observe::dead_neighbours();
    all.not_seen = std::move(seen->blind_spots);
    pids_.merge(pids_of(census_.after));
    add_processes(all.not_seen);
    census_.samples.push_back(sample_of(census_.after));
    if (census_.after.size() > kMostToSample) {
      for (Sample& sample : census_.samples) sample.ports.clear();
      all.not_seen.push_back(
          "The trend of ports in use: with so many connections they are looked "
          "at twice only.");
    }
    all.census = std::move(census_);
    return all;
  }

 private:
  Sample sample_of(const std::vector<Connection>& connections) const {
    Sample sample;
    for (const std::uint32_t pid : pids_) {
      if (const auto n = descriptors_of(pid)) sample.descriptors[pid] = *n;
    }
    const auto low = census_.knobs.find("ip_local_port_range_low");
    const auto high = census_.knobs.find("ip_local_port_range_high");
    if (low != census_.knobs.end() && high != census_.knobs.end()) {
      sample.ports = ports_in_use(connections, low->second, high->second);
    }
    return sample;
  }

  void add_processes(std::vector<std::string>& not_seen) {
    std::map<std::uint32_t, std::string> commands;
    for (const Connection& c : census_.after) {
      for (const Owner& owner : c.owners) commands.emplace(owner.pid, owner.command);
    }
    std::size_t unknown = 0;
    for (const auto& [pid, command] : commands) {
      Process process{pid, command, 0, 0, 0};
      const auto limits = descriptor_limits(pid);
      const auto used = descriptors_of(pid);
      const bool known = limits && used && is_called(pid, command);
      if (known) {
        process.limit = limits->soft;
        process.hard_limit = limits->hard;
        process.descriptors = *used;
      }
      unknown += known ? 0 : 1;
      census_.processes.push_back(std::move(process));
    }
    if (unknown > 0) {
      not_seen.push_back(
          "The descriptors of " + std::to_string(unknown) +
          " processes: they are other users' (root sees them), live in another process "
          "namespace, or have ended.");
    }
  }

  Census census_;
  std::set<std::uint32_t> pids_;
};

}  // namespace

std::unique_ptr<Looker> look_at_linux() { return std::make_unique<LinuxLooker>(); }

}  // namespace estab::observe::doctor
