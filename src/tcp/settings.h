// What an application chose for one connection (or for the children of a listener): the values
// behind the socket options. Absent values follow the stack's Tuning.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "estab/info.h"
#include "estab/time.h"
#include "estab/tuning.h"

namespace estab::tcp {

// IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, with Linux's numbers (IP_PMTUDISC_).
enum class PathMtuDiscovery : std::uint8_t { Dont, Want, Do, Probe, Interface, Omit };

struct Settings {
  bool no_delay = false;    // TCP_NODELAY: Nagle off (RFC 9293 3.7.4, MUST-17)
  bool cork = false;        // TCP_CORK: hold partial segments, 200 ms at most
  bool keep_alive = false;  // SO_KEEPALIVE (MUST-24, MUST-25: off unless asked)
  bool oob_inline = false;  // SO_OOBINLINE
  // TCP_QUICKACK: true: no ACK is delayed, false: all that may be; nothing: the first ones are not.
  std::optional<bool> quick_ack;
  bool error_reports = true;      // soft errors are remembered for SO_ERROR (MUST-47, SHLD-20)
  std::uint8_t tos = 0;           // IP_TOS, may change at any time (MUST-48, SHLD-21)
  std::uint8_t ttl = 0;           // IP_TTL (MUST-49); 0: Tuning::ip_default_ttl
  std::uint16_t max_segment = 0;  // TCP_MAXSEG; 0: none
  Algorithm congestion = Algorithm::Cubic;  // TCP_CONGESTION
  std::optional<Duration> keep_idle;        // TCP_KEEPIDLE
  std::optional<Duration> keep_interval;    // TCP_KEEPINTVL
  std::optional<int> keep_count;            // TCP_KEEPCNT
  Duration user_timeout{0};                 // TCP_USER_TIMEOUT, RFC 5482; 0: R2 decides (MUST-21)
  std::optional<int> syn_retries;           // TCP_SYNCNT
  std::optional<Duration> fin_wait_2;       // TCP_LINGER2; negative: do not wait
  std::optional<Duration> time_wait;        // 2 MSL for this one
  std::size_t receive_buffer = 131072;      // SO_RCVBUF, bytes of payload
  std::size_t send_buffer = 16384;          // SO_SNDBUF, in send_accounting.h's measure ...
  bool send_buffer_fixed = false;           // ... which the application chose: it does not grow
  std::size_t receive_low_water = 1;        // SO_RCVLOWAT
  std::size_t not_sent_low_water = 0xffffffff;  // TCP_NOTSENT_LOWAT
  std::vector<std::uint8_t> ip_options;         // IPv4 source route (MUST-51, MUST-52)
  PathMtuDiscovery mtu_discovery_v4 = PathMtuDiscovery::Want;
  PathMtuDiscovery mtu_discovery_v6 = PathMtuDiscovery::Want;

  // In IPv4: the segments are sent with DF. Linux, for TCP: IP_PMTUDISC_PROBE sends without.
  bool dont_fragment() const {
    return mtu_discovery_v4 == PathMtuDiscovery::Want || mtu_discovery_v4 == PathMtuDiscovery::Do;
  }
  // ICMP's word on the path's MTU is taken. IPv4's routers fragment what has no DF; IPv6's never do,
  // so that IPV6_PMTUDISC_DONT hears them as well, as in Linux.
  bool heeds_path_mtu(bool v4) const {
    const PathMtuDiscovery how = v4 ? mtu_discovery_v4 : mtu_discovery_v6;
    return how != PathMtuDiscovery::Interface && how != PathMtuDiscovery::Omit &&
           !(v4 && how == PathMtuDiscovery::Dont);
  }
};

// "reno" or "cubic"; nothing for another name.
std::optional<Algorithm> algorithm_named(std::string_view name);

// The stack's defaults for a new socket.
Settings default_settings(const Tuning& tuning);

}  // namespace estab::tcp
