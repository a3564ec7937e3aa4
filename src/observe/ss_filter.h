// ss's filter language over connections:
//
//   state time-wait exclude listening ( sport = :http or dport > :1024 ) and dst 10.0.0.0/8
//
// State words come first, then the expression. As in ss's own grammar `and` may be left out, and
// `and` and `or` bind alike, from left to right; `not` binds the one test or parenthesis after it.
// Tests that ss lacks: pid, comm, uid, age, recvq, sendq, rtt, retrans, timer, netns, stack.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/state.h"
#include "observe/connection.h"

namespace estab::observe {

// One bit a state, by Linux's numbers. Bit 0 stands for no state: ss's own `all` has it, and it
// keeps the State column where a group of states was asked for.
using StateMask = std::uint32_t;
constexpr StateMask bit_of(int linux_state) { return StateMask{1} << linux_state; }
StateMask mask_of(State state);
inline constexpr StateMask kAllStates = 0xfff;
// What ss shows without a state filter: with neither -a nor -l, and with -l.
inline constexpr StateMask kConnectedStates =
    kAllStates & ~(bit_of(10) | bit_of(7) | bit_of(6) | bit_of(3));
inline constexpr StateMask kListeningStates = bit_of(10) | bit_of(7);
// 0: no such name. Any spelling of a state, and ss's groups.
StateMask states_of_name(const std::string& name);

enum class Compare : std::uint8_t { Equal, NotEqual, Greater, Less, GreaterEqual, LessEqual };

enum class FilterField : std::uint8_t {
  Local,       // src, sport =
  Remote,      // dst, dport =
  LocalPort,   // sport by < > <= >=
  RemotePort,  // dport by the same
  Device,
  Mark,
  Cgroup,
  AutoBound,
  Pid,
  Command,
  Uid,
  Age,
  ReceiveQueue,
  SendQueue,
  Rtt,
  Retransmissions,
  TimerKind,
  Namespace,
  Stack,
};

// An address, a block of them, a port, or both.
struct HostTest {
  std::uint8_t family = 0;  // 4, 6; 0: any
  std::uint8_t prefix_length = 0;
  std::array<std::uint8_t, 16> address{};  // of IPv4: the first four bytes
  int port = -1;                           // -1: any
};

struct FilterTest {
  FilterField field = FilterField::Local;
  Compare compare = Compare::Equal;
  std::vector<HostTest> hosts;  // Local, Remote: one of them; ports: hosts[0].port
  std::uint64_t number = 0;     // index, mark, cgroup, pid, uid, bytes, count, netns' inode
  std::uint32_t mask = 0;       // Mark
  Duration duration{0};         // Age, Rtt
  std::string text;             // Command (a pattern with * and ?), Stack
};

struct FilterNode {
  enum class Kind : std::uint8_t { Or, And, Not, Test };
  Kind kind = Kind::Test;
  std::unique_ptr<const FilterNode> left, right;  // Not: left alone
  FilterTest test;
};

// What a filter's tests read beyond the row itself.
struct FilterNeeds {
  bool info = false, owners = false, ages = false;
};

struct SsFilter {
  StateMask states = 0;  // asked for by `state` and `exclude`
  bool states_given = false;
  std::uint8_t family = 0;  // 4 or 6 where a test names one (inet:, inet6:, or -4, -6): only these
  std::shared_ptr<const FilterNode> root;  // null: everything passes
  // Ports that Linux gives by itself, for `autobound`.
  std::uint16_t first_ephemeral = 32768, last_ephemeral = 60999;

  bool matches(const Connection& c) const;
  bool has_state(State s) const { return (states & mask_of(s)) != 0; }
  FilterNeeds needs() const;
};

// Why a filter was refused: one line, and ss's exit status for it (255 for a wrong state name or
// a wrong sentence, 1 for a value that can't be read).
struct FilterError {
  std::string text;
  int status = 255;
};

// The words after the options. `family`: 4 or 6 with -4 or -6, else 0. Looks up names of services,
// hosts, devices and control groups.
tl::expected<SsFilter, FilterError> parse_ss_filter(const std::vector<std::string>& words,
                                                    std::uint8_t family = 0);

}  // namespace estab::observe
