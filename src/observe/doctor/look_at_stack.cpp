// A running estab stack: all by its control socket.
#include <algorithm>
#include <optional>

#include "observe/doctor/gather.h"
#include "observe/stack_code.h"

namespace estab::observe::doctor {
namespace {

Numbers numbers_of(const std::vector<std::pair<std::string, std::uint64_t>>& values) {
  Numbers numbers;
  for (const auto& [name, value] : values) numbers[name] = static_cast<std::int64_t>(value);
  return numbers;
}

bool same_network(const IpAddress& a, const IpAddress& b) {
  return a.is_v4() && b.is_v4() ? a.v4_value() >> 8 == b.v4_value() >> 8 : a.high() == b.high();
}

class StackLooker final : public Looker {
 public:
  explicit StackLooker(StackAddress address) : address_(std::move(address)) {}

  tl::expected<void, std::string> begin() override {
    auto client = ControlClient::open(address_);
    if (!client) return tl::unexpected(client.error());
    client_.emplace(std::move(*client));
    auto who = client_->identity();
    if (!who) return tl::unexpected(who.error());
    who_ = std::move(*who);
    auto knobs = client_->tuning();
    if (!knobs) return tl::unexpected(knobs.error());
    for (const auto& [name, value] : knobs->values) census_.knobs[name] = value;
    census_.warnings = std::move(knobs->warnings);
    auto counters = client_->counters();
    if (!counters) return tl::unexpected(counters.error());
    census_.counters_before = numbers_of(counters->values);
    auto connections = client_->connections();
    if (!connections) return tl::unexpected(connections.error());
    census_.before = std::move(*connections);
    census_.samples.push_back(sample_of(census_.before));
    return {};
  }

  void sample() override {
    if (auto connections = client_->connections()) {
      census_.samples.push_back(sample_of(*connections));
    }
  }

  Gathering end() override {
    auto connections = client_->connections();
    if (!connections) return tl::unexpected(connections.error());
    auto counters = client_->counters();
    if (!counters) return tl::unexpected(counters.error());
    census_.source = Source::Stack;
    census_.stack_pid = who_.pid;
    census_.where = "stack " + who_.name + " (pid " + std::to_string(who_.pid) + ")";
    census_.after = std::move(*connections);
    census_.counters_after = numbers_of(counters->values);
    census_.samples.push_back(sample_of(census_.after));
    const std::uint64_t used = census_.samples.back().descriptors[who_.pid];
    const auto limit = static_cast<std::uint64_t>(census_.knobs["max_descriptors"]);
    census_.processes = {{who_.pid, who_.command, used, limit, 0}};
    add_dead_neighbours();
    if (auto named = name_code(); !named) return tl::unexpected(named.error());
    Gathered all;
    all.census = std::move(census_);
    return all;
  }

 private:
  // A stack does not tell its descriptors: each listener and each connection that somebody holds
  // has one.
  Sample sample_of(const std::vector<Connection>& connections) {
    Sample sample;
    std::uint64_t held = 0;
    for (const Connection& c : connections) {
      held += has_owner(c) && c.state != State::Closed ? 1 : 0;
    }
    sample.descriptors[who_.pid] = held;
    sample.ports = ports_in_use(connections, census_.knobs["ip_local_port_range_low"],
                                census_.knobs["ip_local_port_range_high"]);
    return sample;
  }

  // From the calls that it recorded, where its knob says so.
  tl::expected<void, std::string> name_code() {
    if (census_.knobs["record_call_sites"] == 0) return {};
    auto recorded = client_->call_sites();
    if (!recorded) return tl::unexpected(recorded.error());
    auto code = std::make_shared<StackCode>(std::move(*recorded), client_->process());
    census_.who_made = [code](std::uint64_t id) { return code->of(id); };
    census_.not_named = [code] { return code->unnamed(); };
    return {};
  }

  // A stack does not tell its neighbours either; but it counts packets for which there was none.
  void add_dead_neighbours() {
    const auto grown = [&](const char* name) {
      return census_.counters_after[name] > census_.counters_before[name];
    };
    if (!grown("EstabNeighbourUnresolved") && !grown("EstabNeighbourQueueFull")) return;
    for (const Connection& c : census_.after) {
      if (c.state == State::SynSent && c.timer.retries > 0 &&
          same_network(c.local.address, c.remote.address)) {
        census_.dead_neighbours.insert(c.remote.address);
      }
    }
  }

  StackAddress address_;
  std::optional<ControlClient> client_;
  stack::control::Identity who_;
  Census census_;
};

}  // namespace

std::unique_ptr<Looker> look_at_stack(StackAddress address) {
  return std::make_unique<StackLooker>(std::move(address));
}

}  // namespace estab::observe::doctor
