#include "observe/linux/sock_diag.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <thread>

#include "observe/bpf/state_clock.h"
#include "observe/linux/ages.h"
#include "observe/linux/diag_bytecode.h"
#include "observe/linux/diag_dump.h"
#include "observe/linux/diag_halves.h"
#include "observe/linux/owners.h"

namespace estab::observe {
namespace {

constexpr std::size_t kMany = 4096;  // rows

// Asked for as well: what the filter and the ages read.
LinuxQuery completed(LinuxQuery query) {
  if (query.filter != nullptr) {
    const FilterNeeds needs = query.filter->needs();
    query.owners = query.owners || needs.owners;
    query.info = query.info || needs.info;
    query.ages = query.ages || needs.ages;
    if (query.filter->family == 4) query.v6 = false;
    if (query.filter->family == 6) query.v4 = false;
  }
  // TIME-WAIT, SYN-SENT and the like tell their age without it.
  constexpr StateMask kWithoutInfo = bit_of(2) | bit_of(3) | bit_of(6) | bit_of(7) | bit_of(10) | 1;
  if (query.ages && (query.states & ~kWithoutInfo) != 0) query.info = true;
  return query;
}

// What a tracer that runs, or was left behind, knows: the exact time in state, and who held those
// that no application holds any more.
void add_recorded_lives(std::vector<Connection>& connections, const LinuxQuery& query) {
  const auto clock = bpf::StateClock::read();
  if (!clock) return;
  const Instant now = bpf::monotonic_now();
  for (Connection& c : connections) {
    const bpf::SocketLife* life = clock->of(c.cookie);
    if (life == nullptr) continue;
    if (query.ages && life->state == c.state && life->since) {
      c.in_state = Age{now - *life->since, Known::Exactly};
    }
    if (query.owners && c.owners.empty() && life->owner != 0 && !life->owner_is_listener) {
      c.owners.push_back({life->owner, -1, 0, life->command});
    }
  }
}

// What the kernel's walk hands to one thread.
struct Rows {
  std::vector<Connection> v4, v6;
  std::optional<std::string> trouble;
};

tl::expected<void, std::string> dump_part(const LinuxQuery& query, std::optional<Half> half,
                                          const TakeConnection& take) {
  if (!query.v4 && !query.v6) return {};
  std::vector<std::uint8_t> bytecode;
  if (query.filter != nullptr) bytecode = diag_bytecode(*query.filter);
  if (half) bytecode = both_programs(std::move(bytecode), half_bytecode(*half));
  bool any = false;
  const auto taken = [&](Connection& c) {
    any = true;
    if (!half || in_half(c, *half)) take(c);
  };
  int error = dump(query, bytecode, taken);
  // Marks need a privilege to be tested there, and old kernels know fewer tests.
  const bool refused = error == EPERM || error == EINVAL;
  if (refused && !bytecode.empty() && !any) error = dump(query, {}, taken);
  if (error != 0) {
    return tl::unexpected(std::string("cannot read Linux's sockets: ") + std::strerror(error));
  }
  return {};
}

Rows rows_of(const LinuxQuery& query, std::optional<Half> half, const SsFilter* test) {
  Rows rows;
  const LinuxTimes times = query.ages ? read_linux_times() : LinuxTimes{};
  const auto done = dump_part(query, half, [&](Connection& c) {
    if (query.ages && !c.in_state) c.in_state = estimated_age(c, times);
    if (test != nullptr && !test->matches(c)) return;
    std::vector<Connection>& to = c.v6 ? rows.v6 : rows.v4;
    // Room that is not touched costs nothing, and moving so many rows does.
    if (to.size() == kMany) to.reserve(64 * kMany);
    to.push_back(std::move(c));
  });
  if (!done) rows.trouble = done.error();
  return rows;
}

void append(std::vector<Connection>& to, std::vector<Connection>&& from) {
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// A long table is walked by two threads at once, each for its half of the rows: nearly all of the
// time goes into the kernel's writing of them.
tl::expected<std::vector<Connection>, std::string> all_rows(const LinuxQuery& query,
                                                            const SsFilter* test) {
  std::array<Rows, 2> halves;
  if (worth_halving()) {
    std::thread other([&] { halves[1] = rows_of(query, Half::Upper, test); });
    halves[0] = rows_of(query, Half::Lower, test);
    other.join();
  } else {
    halves[0] = rows_of(query, std::nullopt, test);
  }
  for (const Rows& rows : halves) {
    if (rows.trouble) return tl::unexpected(*rows.trouble);
  }
  std::vector<Connection> all;
  for (Rows& rows : halves) append(all, std::move(rows.v4));
  for (Rows& rows : halves) append(all, std::move(rows.v6));
  return all;
}

}  // namespace

tl::expected<void, std::string> dump_linux(const LinuxQuery& query, const TakeConnection& take) {
  return dump_part(query, std::nullopt, take);
}

tl::expected<LinuxConnections, std::string> linux_connections(const LinuxQuery& asked) {
  const LinuxQuery query = completed(asked);
  const FilterNeeds needs = query.filter != nullptr ? query.filter->needs() : FilterNeeds{};
  const bool filter_late = needs.owners || needs.ages;
  LinuxConnections seen;
  std::optional<OwnerSearch> search;
  if (query.owners) search.emplace(query.threads);
  auto rows = all_rows(query, filter_late ? nullptr : query.filter);
  if (!rows) return tl::unexpected(rows.error());
  seen.connections = std::move(*rows);
  if (search) {
    const OwnersSeen owners = search->fill(seen.connections);
    if (auto line = owners_not_seen(owners); !line.empty()) {
      seen.blind_spots.push_back(std::move(line));
    }
  }
  if (query.owners || query.ages) add_recorded_lives(seen.connections, query);
  if (query.filter != nullptr && filter_late) {
    std::erase_if(seen.connections, [&](const Connection& c) { return !query.filter->matches(c); });
  }
  return seen;
}

}  // namespace estab::observe
