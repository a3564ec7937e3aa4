#include "observe/linux/diag_bytecode.h"

#include <linux/inet_diag.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

namespace estab::observe {
namespace {

// A program's tests fall out of its end when they hold, and jump four bytes behind its end when
// they do not. So two programs in a row are `and`.
using Program = std::vector<std::uint8_t>;
constexpr std::size_t kJump = 4;
constexpr std::size_t kLongest = 32768;  // jumps are 16 bits

void put(Program& to, const void* bytes, std::size_t size) {
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  to.insert(to.end(), from, from + size);
}

void put_op(Program& to, int code, std::size_t yes, std::size_t no) {
  inet_diag_bc_op op{};
  op.code = static_cast<unsigned char>(code);
  op.yes = static_cast<unsigned char>(yes);
  op.no = static_cast<unsigned short>(no);
  put(to, &op, sizeof op);
}

void put_jump(Program& to, std::size_t distance) { put_op(to, INET_DIAG_BC_JMP, kJump, distance); }

// All jumps of `program` that mean "does not hold" go `further` bytes on.
void move_failure(Program& program, std::size_t further) {
  std::size_t at = 0;
  while (at < program.size()) {
    inet_diag_bc_op op;
    std::memcpy(&op, program.data() + at, sizeof op);
    if (op.no == program.size() - at + kJump) {
      op.no = static_cast<unsigned short>(op.no + further);
      std::memcpy(program.data() + at, &op, sizeof op);
    }
    at += op.yes;
  }
}

Program negated(Program inner) {
  put_jump(inner, 2 * kJump);
  return inner;
}

Program port_program(int code, int port) {
  Program program;
  put_op(program, code, 8, 12);
  put_op(program, 0, 0, static_cast<std::size_t>(port));
  return program;
}

Program compared_port(bool local, Compare how, int port) {
  const int ge = local ? INET_DIAG_BC_S_GE : INET_DIAG_BC_D_GE;
  const int le = local ? INET_DIAG_BC_S_LE : INET_DIAG_BC_D_LE;
  switch (how) {
    case Compare::GreaterEqual:
      return port_program(ge, port);
    case Compare::LessEqual:
      return port_program(le, port);
    case Compare::Greater:
      return negated(port_program(le, port));
    case Compare::Less:
      return negated(port_program(ge, port));
    case Compare::Equal:
    case Compare::NotEqual:
      break;
  }
  return {};
}

std::size_t address_size(const HostTest& host) {
  return host.family == 0 ? 0 : host.family == 6 ? 16 : 4;
}

Program host_program(bool local, const std::vector<HostTest>& hosts) {
  const int code = local ? INET_DIAG_BC_S_COND : INET_DIAG_BC_D_COND;
  std::size_t whole = 0;
  for (const HostTest& host : hosts) {
    whole += sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond) + address_size(host) + kJump;
  }
  whole -= kJump;
  Program program;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const HostTest& host = hosts[i];
    const std::size_t size =
        sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond) + address_size(host);
    put_op(program, code, size, size + kJump);
    inet_diag_hostcond condition{};
    condition.family = static_cast<__u8>(host.family == 0   ? AF_UNSPEC
                                         : host.family == 6 ? AF_INET6
                                                            : AF_INET);
    condition.prefix_len = host.prefix_length;
    condition.port = host.port;
    put(program, &condition, sizeof condition);
    put(program, host.address.data(), address_size(host));
    if (i + 1 < hosts.size()) put_jump(program, whole - program.size());
  }
  return program;
}

template <class Argument>
Program test_of(int code, const Argument& argument) {
  Program program;
  put_op(program, code, kJump + sizeof argument, kJump + sizeof argument + kJump);
  put(program, &argument, sizeof argument);
  return program;
}

std::optional<Program> test_program(const FilterTest& test) {
  const bool same = test.compare == Compare::Equal;
  const auto maybe_not = [&](Program p) { return same ? p : negated(std::move(p)); };
  // A block of all addresses is the family alone; the kernel takes it as it is.
  if (test.field == FilterField::Local || test.field == FilterField::Remote) {
    return maybe_not(host_program(test.field == FilterField::Local, test.hosts));
  }
  if (test.field == FilterField::LocalPort || test.field == FilterField::RemotePort) {
    return compared_port(test.field == FilterField::LocalPort, test.compare, test.hosts[0].port);
  }
  const bool both = same || test.compare == Compare::NotEqual;
  if (test.field == FilterField::Device && both) {
    return maybe_not(test_of(INET_DIAG_BC_DEV_COND, static_cast<std::uint32_t>(test.number)));
  }
  if (test.field == FilterField::Mark) {
    const std::uint32_t words[2] = {static_cast<std::uint32_t>(test.number), test.mask};
    return maybe_not(test_of(INET_DIAG_BC_MARK_COND, words));
  }
  if (test.field == FilterField::Cgroup) {
    return maybe_not(test_of(INET_DIAG_BC_CGROUP_COND, test.number));
  }
  if (test.field == FilterField::AutoBound) {
    Program program;
    put_op(program, INET_DIAG_BC_AUTO, 4, 8);
    return program;
  }
  return std::nullopt;
}

// `exactly`: under a `not` a part left out would let less through, not more.
std::optional<Program> program_of(const FilterNode& node, bool exactly) {
  if (node.kind == FilterNode::Kind::Test) return test_program(node.test);
  if (node.kind == FilterNode::Kind::Not) {
    auto inner = program_of(*node.left, true);
    if (!inner) return std::nullopt;
    return negated(std::move(*inner));
  }
  auto left = program_of(*node.left, exactly);
  auto right = program_of(*node.right, exactly);
  if (node.kind == FilterNode::Kind::And && !exactly && !(left && right)) {
    return left ? std::move(left) : std::move(right);
  }
  if (!left || !right) return std::nullopt;
  if (left->size() + right->size() > kLongest) return std::nullopt;
  if (node.kind == FilterNode::Kind::And) {
    move_failure(*left, right->size());
  } else {
    put_jump(*left, right->size() + kJump);  // where a failure lands: behind this jump
  }
  left->insert(left->end(), right->begin(), right->end());
  return left;
}

}  // namespace

std::vector<std::uint8_t> diag_bytecode(const SsFilter& filter) {
  if (filter.root == nullptr) return {};
  return program_of(*filter.root, false).value_or(Program{});
}

std::vector<std::uint8_t> both_programs(std::vector<std::uint8_t> first,
                                        const std::vector<std::uint8_t>& second) {
  if (first.size() + second.size() > kLongest) return first;
  move_failure(first, second.size());
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace estab::observe
