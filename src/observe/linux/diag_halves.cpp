#include "observe/linux/diag_halves.h"

#include <cstdio>
#include <memory>
#include <thread>

#include "observe/linux/diag_bytecode.h"

namespace estab::observe {
namespace {

// Linux's own net.ipv4.ip_local_port_range; with another one the halves are less even.
constexpr std::uint16_t kFirstEphemeral = 32768;
constexpr std::uint16_t kMiddle = (32768 + 60999) / 2;
constexpr unsigned kMany = 20'000;  // sockets; fewer are dumped in less than 20 ms

using Node = std::unique_ptr<FilterNode>;

Node port_test(FilterField field, Compare compare, std::uint16_t port) {
  auto node = std::make_unique<FilterNode>();
  node->test.field = field;
  node->test.compare = compare;
  node->test.hosts.resize(1);
  node->test.hosts[0].port = port;
  return node;
}

Node joined(FilterNode::Kind kind, Node left, Node right) {
  auto node = std::make_unique<FilterNode>();
  node->kind = kind;
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

// "TCP: inuse 5 orphan 0 tw 3 ..." and "TCP6: inuse 2"; TIME-WAIT is counted once for both.
unsigned sockets_of(const char* path, const char* line_format) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return 0;
  unsigned in_use = 0;
  unsigned time_wait = 0;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, line_format, &in_use, &time_wait) > 0) break;
  }
  std::fclose(file);
  return in_use + time_wait;
}

unsigned sockets_here() {
  return sockets_of("/proc/thread-self/net/sockstat", "TCP: inuse %u orphan %*u tw %u") +
         sockets_of("/proc/thread-self/net/sockstat6", "TCP6: inuse %u");
}

}  // namespace

bool in_half(const Connection& c, Half half) {
  const Port port = c.remote.port.value >= kFirstEphemeral ? c.remote.port : c.local.port;
  return (port.value >= kMiddle) == (half == Half::Upper);
}

std::vector<std::uint8_t> half_bytecode(Half half) {
  using Kind = FilterNode::Kind;
  const bool upper = half == Half::Upper;
  const Compare compare = upper ? Compare::GreaterEqual : Compare::LessEqual;
  const std::uint16_t bound = upper ? kMiddle : kMiddle - 1;
  SsFilter filter;
  filter.root = joined(
      Kind::Or,
      joined(Kind::And, port_test(FilterField::RemotePort, Compare::GreaterEqual, kFirstEphemeral),
             port_test(FilterField::RemotePort, compare, bound)),
      joined(Kind::And, port_test(FilterField::RemotePort, Compare::LessEqual, kFirstEphemeral - 1),
             port_test(FilterField::LocalPort, compare, bound)));
  return diag_bytecode(filter);
}

bool worth_halving() { return std::thread::hardware_concurrency() > 1 && sockets_here() >= kMany; }

}  // namespace estab::observe
