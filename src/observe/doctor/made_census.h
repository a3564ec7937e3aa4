// Censuses made by hand, for tests: one process, pid 7, on Linux.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "observe/doctor/rules.h"

namespace estab::observe::doctor {

inline Endpoint at(const char* text) { return *Endpoint::parse(text); }

class MadeCensus {
 public:
  MadeCensus() {
    census.where = "Linux";
    census.between = std::chrono::seconds(2);
    census.processes = {{7, "server", 100, 1024, 4096}};
    census.knobs = {{"ip_local_port_range_low", 40000},
                    {"ip_local_port_range_high", 40099},
                    {"tcp_timestamps", 1},
                    {"tcp_tw_reuse", 2},
                    {"tcp_fin_timeout", 60}};
  }

  // A connection that is the same at both looks, a minute and a half old.
  Connection& both(State state, const std::string& local, const std::string& remote) {
    Connection c;
    c.state = state;
    c.local = at(local.c_str());
    c.remote = at(remote.c_str());
    c.cookie = ++cookies_;
    c.inode = static_cast<std::uint32_t>(1000 + cookies_);
    c.owners = {{7, static_cast<std::int32_t>(cookies_), 0, "server"}};
    c.in_state = Age{std::chrono::seconds(90), Known::AtLeast};
    auto detail = std::make_shared<Detail>();
    detail->info = tcp::LinuxTcpInfo{};
    detail->info->snd_wnd = 65535;
    detail->info->last_ack_recv = detail->info->last_data_recv = detail->info->last_data_sent =
        90'000;
    c.detail = detail;
    census.before.push_back(c);
    census.after.push_back(c);
    return census.after.back();
  }
  void many(std::size_t n, State state, const std::string& local, const std::string& remote,
            const std::function<void(Connection&)>& change = {}) {
    for (std::size_t i = 0; i < n; ++i) {
      both(state, local, remote + std::to_string(i + 1) + ":5000");
      if (!change) continue;
      change(census.before.back());
      change(census.after.back());
    }
  }
  // The protocol's values at the second look, to be changed.
  static tcp::LinuxTcpInfo& info(Connection& c) {
    auto detail = std::make_shared<Detail>(*c.detail);
    auto& values = *detail->info;
    c.detail = detail;
    return values;
  }
  void counted(const std::string& name, std::int64_t n) { census.counters_after[name] = n; }

  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    for (const Finding& f : examine(census)) found.push_back(f.id);
    return found;
  }
  Finding only() const {
    auto all = examine(census);
    return all.size() == 1 ? all.front() : Finding{};
  }

  Census census;

 private:
  std::uint64_t cookies_ = 0;
};

}  // namespace estab::observe::doctor
