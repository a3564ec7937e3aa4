#include <fnmatch.h>

#include <algorithm>
#include <cstring>

#include "observe/ss_filter.h"

namespace estab::observe {
namespace {

template <class T>
bool holds(Compare how, const T& a, const T& b) {
  switch (how) {
    case Compare::Equal:
      return a == b;
    case Compare::NotEqual:
      return a != b;
    case Compare::Greater:
      return a > b;
    case Compare::Less:
      return a < b;
    case Compare::GreaterEqual:
      return a >= b;
    case Compare::LessEqual:
      return a <= b;
  }
  return false;
}

bool same_bits(const std::uint8_t* a, const std::uint8_t* b, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a, b, static_cast<std::size_t>(whole)) != 0) return false;
  const int rest = bits % 8;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

// As the kernel's inet_diag_bc_run(): a mapped address in an IPv6 socket answers to IPv4's name.
bool host_matches(const HostTest& test, const Endpoint& end, bool v6) {
  if (test.port != -1 && test.port != end.port.value) return false;
  if (test.family == 0) return true;
  const auto& bytes = end.address.bytes();
  if (test.family == 6) {
    return v6 && same_bits(bytes.data(), test.address.data(), test.prefix_length);
  }
  return end.address.is_v4() &&
         same_bits(bytes.data() + 12, test.address.data(), test.prefix_length);
}

bool any_host(const FilterTest& test, const Endpoint& end, bool v6) {
  const bool found = std::any_of(test.hosts.begin(), test.hosts.end(),
                                 [&](const HostTest& h) { return host_matches(h, end, v6); });
  return found == (test.compare == Compare::Equal);
}

bool owner_matches(const FilterTest& test, const Connection& c) {
  const bool wants_same = test.compare != Compare::NotEqual;
  const bool found = std::any_of(c.owners.begin(), c.owners.end(), [&](const Owner& o) {
    if (test.field == FilterField::Command) {
      return ::fnmatch(test.text.c_str(), o.command.c_str(), 0) == 0;
    }
    return wants_same ? holds<std::uint64_t>(test.compare, o.pid, test.number)
                      : o.pid == test.number;
  });
  return found == wants_same;
}

bool text_matches(const FilterTest& test, const std::string& value) {
  return (::fnmatch(test.text.c_str(), value.c_str(), 0) == 0) == (test.compare == Compare::Equal);
}

// What was not told can't be compared: such tests fail.
bool info_matches(const FilterTest& test, const Connection& c) {
  const tcp::LinuxTcpInfo* info = info_of(c);
  if (info == nullptr) return false;
  if (test.field == FilterField::Retransmissions) {
    return holds<std::uint64_t>(test.compare, info->total_retrans, test.number);
  }
  if (info->rtt == 0) return false;
  return holds<Duration>(test.compare, std::chrono::microseconds(info->rtt), test.duration);
}

bool test_matches(const FilterTest& test, const Connection& c, const SsFilter& filter) {
  const auto number = [&](std::uint64_t value) {
    return holds<std::uint64_t>(test.compare, value, test.number);
  };
  switch (test.field) {
    case FilterField::Local:
      return any_host(test, c.local, c.v6);
    case FilterField::Remote:
      return any_host(test, c.remote, c.v6);
    case FilterField::LocalPort:
      return holds<int>(test.compare, c.local.port.value, test.hosts[0].port);
    case FilterField::RemotePort:
      return holds<int>(test.compare, c.remote.port.value, test.hosts[0].port);
    case FilterField::Device:
      return number(c.interface);
    case FilterField::Mark:
      return ((c.mark & test.mask) == test.number) == (test.compare == Compare::Equal);
    case FilterField::Cgroup:
      return number(c.cgroup);
    case FilterField::AutoBound:
      return c.local.port.value >= filter.first_ephemeral &&
             c.local.port.value <= filter.last_ephemeral;
    case FilterField::Pid:
    case FilterField::Command:
      return owner_matches(test, c);
    case FilterField::Uid:
      return number(c.uid);
    case FilterField::Age:
      return c.in_state && holds(test.compare, c.in_state->value, test.duration);
    case FilterField::ReceiveQueue:
      return number(c.receive_queue);
    case FilterField::SendQueue:
      return number(c.send_queue);
    case FilterField::Rtt:
    case FilterField::Retransmissions:
      return info_matches(test, c);
    case FilterField::TimerKind:
      return number(static_cast<std::uint64_t>(c.timer.kind));
    case FilterField::Namespace:
      return number(c.netns);
    case FilterField::Stack:
      return text_matches(test, c.stack);
  }
  return false;
}

bool node_matches(const FilterNode& node, const Connection& c, const SsFilter& filter) {
  switch (node.kind) {
    case FilterNode::Kind::Or:
      return node_matches(*node.left, c, filter) || node_matches(*node.right, c, filter);
    case FilterNode::Kind::And:
      return node_matches(*node.left, c, filter) && node_matches(*node.right, c, filter);
    case FilterNode::Kind::Not:
      return !node_matches(*node.left, c, filter);
    case FilterNode::Kind::Test:
      return test_matches(node.test, c, filter);
  }
  return false;
}

void add_needs(const FilterNode* node, FilterNeeds& needs) {
  if (node == nullptr) return;
  add_needs(node->left.get(), needs);
  add_needs(node->right.get(), needs);
  if (node->kind != FilterNode::Kind::Test) return;
  const FilterField f = node->test.field;
  needs.info = needs.info || f == FilterField::Rtt || f == FilterField::Retransmissions;
  needs.owners = needs.owners || f == FilterField::Pid || f == FilterField::Command;
  needs.ages = needs.ages || f == FilterField::Age;
}

}  // namespace

bool SsFilter::matches(const Connection& c) const {
  if (family != 0 && (family == 6) != c.v6) return false;
  return root == nullptr || node_matches(*root, c, *this);
}

FilterNeeds SsFilter::needs() const {
  FilterNeeds all;
  add_needs(root.get(), all);
  return all;
}

}  // namespace estab::observe
