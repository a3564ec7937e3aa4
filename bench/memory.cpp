// What the stack keeps for an idle connection and for a TIME-WAIT record: a real pair of stacks is
// joined, connections are opened, and the heap of the process is read before and after. Both ends
// live in this process, so an established pair counts as two connections.
#include <fmt/format.h>
#include <malloc.h>

#include <vector>

#include "estab/devices.h"
#include "stack/stack.h"
#include "stack/time_wait_table.h"

namespace {

using namespace std::chrono_literals;
using namespace estab;

std::size_t heap() {
  const struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

struct Pair {
  std::unique_ptr<Device> left, right;
  std::unique_ptr<stack::Stack> client, server;
  Instant now = Instant{} + 1s;

  Pair() {
    auto pair = dev::memory_pair({});
    left = std::move(pair.first);
    right = std::move(pair.second);
    stack::Config config;
    config.tuning.ip_local_port_range_low = 1024;
    config.tuning.ip_local_port_range_high = 65535;
    config.tuning.tcp_max_tw_buckets = 1 << 20;
    client = std::make_unique<stack::Stack>(config);
    server = std::make_unique<stack::Stack>(config);
    client->attach(*left, {.addresses = {*Prefix::parse("10.0.0.1/24")}, .routes = {}});
    server->attach(*right, {.addresses = {*Prefix::parse("10.0.0.2/24")}, .routes = {}});
  }
  void settle() {
    for (int i = 0; i < 6; ++i) {
      client->poll(now);
      server->poll(now);
      (void)client->take_notices();
      (void)server->take_notices();
    }
  }
};

void report(const char* what, std::size_t bytes, std::size_t count) {
  fmt::print("{} {:.1f}\n", what, static_cast<double>(bytes) / static_cast<double>(count));
}

}  // namespace

int main() {
  constexpr std::size_t kCount = 20000;
  Pair p;
  const Endpoint to{IpAddress::v4(10, 0, 0, 2), Port{80}};
  const auto binding = p.server->bind(to, {});
  const auto listener = p.server->listen(*binding, {.backlog = 4096, .defer_accept = 0s},
                                         tcp::default_settings(p.server->tuning()), p.now);
  p.settle();
  std::vector<stack::ConnectionId> near, far;
  near.reserve(kCount);
  far.reserve(kCount);
  const std::size_t before = heap();
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto c = p.client->connect({}, to, tcp::default_settings(p.client->tuning()), p.now);
    if (!c) {
      fmt::print(stderr, "bench_memory: connect: {}\n", c.error().message());
      return 1;
    }
    near.push_back(*c);
    p.now += 100us;
    p.settle();
    for (;;) {
      const auto a = p.server->accept(*listener, p.now);
      if (!a) break;
      far.push_back(a->connection);
    }
  }
  if (far.size() != kCount) {
    fmt::print(stderr, "bench_memory: {} of {} connections were accepted\n", far.size(), kCount);
    return 1;
  }
  p.now += 1s;
  p.settle();
  report("established_bytes", heap() - before, 2 * kCount);
  for (std::size_t i = 0; i < kCount; ++i) {  // the client closes first: it keeps TIME-WAIT
    p.client->close(near[i], false, p.now);
    p.settle();
    p.server->close(far[i], false, p.now);
    p.now += 100us;
    p.settle();
  }
  report("time_wait_bytes", heap() > before ? heap() - before : 0, kCount);
  report("time_wait_record_v4", sizeof(stack::TimeWaitRecord4), 1);
  report("time_wait_record_v6", sizeof(stack::TimeWaitRecord6), 1);
  report("time_wait_kept", p.client->totals().time_wait_records, 1);
  return 0;
}
