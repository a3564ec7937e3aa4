// One connection as seen from outside, whoever showed it (a running stack, Linux, a capture): what
// every view, filter and finding reads.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "estab/address.h"
#include "estab/state.h"
#include "estab/time.h"
#include "tcp/info.h"
#include "tcp/linux_tcp_info.h"

namespace estab::observe {

enum class Source : std::uint8_t { Stack, Linux, Capture };

// One descriptor that holds the connection; several processes may.
struct Owner {
  std::uint32_t pid = 0;
  std::int32_t fd = -1;   // -1: not known
  std::uint32_t tid = 0;  // only where threads were asked for
  std::string command;    // as it is: views escape
};

// How a value was come by. Views write "~" before an estimate, ">=" before a lower bound.
enum class Known : std::uint8_t { Exactly, Estimated, AtLeast };

// Time in the present state.
struct Age {
  Duration value{0};
  Known known = Known::Exactly;
};

struct Timer {
  tcp::TimerKind kind = tcp::TimerKind::None;
  Duration left{0};
  std::uint32_t retries = 0;  // so far
};

// Memory as ss -m has it: skmem. Bytes, but `drops`: packets.
struct Memory {
  std::uint32_t rmem_alloc = 0, rcvbuf = 0, wmem_alloc = 0, sndbuf = 0, fwd_alloc = 0;
  std::uint32_t wmem_queued = 0, optmem = 0, backlog = 0, drops = 0;
};

// The shorter form, which Linux gives for mini-sockets: mem.
struct ShortMemory {
  std::uint32_t rmem = 0, wmem = 0, fmem = 0, tmem = 0;
};

// Congestion control's own values, by the algorithm in use.
struct BbrInfo {
  std::uint64_t bandwidth = 0;                   // bytes a second
  std::uint32_t min_rtt = 0;                     // microseconds
  std::uint32_t pacing_gain = 0, cwnd_gain = 0;  // times 256
};
struct DctcpInfo {
  bool enabled = false;
  std::uint16_t ce_state = 0;
  std::uint32_t alpha = 0, ab_ecn = 0, ab_tot = 0;
};

// What costs to ask for; there when a view asked for it.
struct Detail {
  std::optional<tcp::LinuxTcpInfo> info;
  std::optional<Memory> memory;
  std::optional<ShortMemory> short_memory;
  std::string congestion;  // "cubic"; empty: not known
  std::optional<std::uint8_t> tos, traffic_class;
  std::optional<std::uint32_t> class_id;
  std::optional<std::array<std::uint8_t, 2>> socket_options;  // struct inet_diag_sockopt
  std::optional<BbrInfo> bbr;
  std::optional<DctcpInfo> dctcp;
  std::uint32_t vegas_rtt = 0;  // microseconds; 0: none
  std::string md5_keys;         // as ss shows them: 10.0.0.0/8=key,...
  std::string upper_protocol;   // as ss shows it: tcp-ulp-tls version: 1.3 ...
};

struct Connection {
  Source source = Source::Linux;
  State state = State::Closed;
  bool v6 = false;  // the socket's family (an IPv6 socket may hold mapped addresses)
  std::optional<bool> v6_only;
  // No application holds it although connections in this state have one: it was closed, and the
  // kernel or the stack finishes it. Not one that still waits to be accepted: unaccepted().
  bool orphan = false;
  // Which directions are shut: 1 the peer may send no more, 2 nor may we. Nothing: not told
  // (TIME-WAIT and half-open ones, captures).
  std::optional<std::uint8_t> shutdown;
  Endpoint local, remote;
  std::uint32_t interface = 0;  // bound to, or scope of a link-local address
  std::uint32_t mark = 0;
  // Bytes; a listener: connections that wait to be accepted, and their bound.
  std::uint64_t receive_queue = 0, send_queue = 0;
  Timer timer;
  std::uint64_t cookie = 0;  // ss's sk:, joins all views of Linux; a stack's own number there
  std::uint64_t cgroup = 0;  // Linux's number of the control group
  std::uint32_t inode = 0;
  std::uint32_t uid = 0;    // of the socket's maker
  std::uint32_t netns = 0;  // inode of the network namespace; 0: the caller's own
  std::optional<Age> in_state;
  std::vector<Owner> owners;             // empty: nobody, or nobody that we may see
  std::string stack;                     // Source::Stack: its name
  std::shared_ptr<const Detail> detail;  // null when not asked for
};

// Established, perhaps closed by the peer already, and not yet taken by accept(): on Linux it has
// no inode. Its owner is the listener's.
bool unaccepted(const Connection& c);
// Somebody may hold it: not TIME-WAIT, half-open, orphaned or unaccepted.
bool has_owner(const Connection& c);
// The protocol's values, or null when they were not asked for or are not kept for its kind.
const tcp::LinuxTcpInfo* info_of(const Connection& c);

}  // namespace estab::observe
