// Every knob of a stack, in one list: Linux's name where Linux has the knob, unit, default, range
// and one line of why. Plain integers in the unit that Linux uses, so that what an operator knows
// from sysctl reads the same here. `estab tuning` prints this list, and sets it on a live stack.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "estab/error.h"
#include "estab/time.h"

namespace estab {

// clang-format off
//  X(name, unit, default, smallest, largest, why)
#define ESTAB_KNOBS(X) \
  /* opening */ \
  X(tcp_syn_retries,          count,        7,     1,      127, "SYNs repeated before connect() fails with ETIMEDOUT; 7 lasts the 3 minutes of MUST-23 (Linux: 6)") \
  X(tcp_synack_retries,       count,        5,     0,      255, "SYN,ACKs repeated before a half-open connection is forgotten") \
  X(tcp_max_syn_backlog,      count,     2048,     1,  1048576, "half-open connections a listener keeps at most") \
  X(somaxconn,                count,     4096,     1,    65535, "the most that listen(backlog) can ask for") \
  X(tcp_syncookies,           choice,       1,     0,        2, "SYN cookies (RFC 4987): 0 never, 1 when the SYN queue is full, 2 always") \
  X(tcp_abort_on_overflow,    flag,         0,     0,        1, "answer a final ACK that finds the accept queue full with RST instead of silence") \
  X(tcp_timestamps,           choice,       1,     0,        2, "RFC 7323 timestamps: 0 off, 1 on with a random offset for each peer, 2 on without") \
  X(tcp_timestamps_required,  flag,         0,     0,        1, "drop what lacks an agreed timestamp, as RFC 7323 3.2 advises; 0: take it, as Linux does, for middleboxes strip them") \
  X(tcp_window_scaling,       flag,         1,     0,        1, "RFC 7323 window scaling") \
  X(tcp_sack,                 flag,         1,     0,        1, "RFC 2018 selective acknowledgements") \
  X(tcp_sack_forget_on_timeout, flag,       0,     0,        1, "RFC 2018 5: a retransmission timeout forgets what was SACKed; 0: keep it, as Linux does and RFC 6675 5.1 allows") \
  X(tcp_dsack,                flag,         1,     0,        1, "RFC 2883 duplicate SACKs") \
  X(tcp_ecn,                  choice,       2,     0,        2, "RFC 3168: 0 off, 1 ask and accept, 2 accept only") \
  X(tcp_fastopen,             bits,         0,     0,        3, "RFC 7413: 1 client, 2 server; not built yet") \
  X(ip_local_port_range_low,  port,     32768,     1,    65535, "first port that connect() chooses from") \
  X(ip_local_port_range_high, port,     60999,     1,    65535, "last port that connect() chooses from") \
  X(ip_unprivileged_port_start, port,        0,     0,    65536, "unused by estab: any port may be bound in one's own stack; kept so that scripts can set it") \
  /* closing */ \
  X(time_wait,                seconds,     60,     0,     3600, "2 MSL: how long TIME-WAIT lasts (MUST-13); under 2 s old segments can enter a new connection") \
  X(tcp_fin_timeout,          seconds,     60,     0,     3600, "how long an orphan waits in FIN-WAIT-2 for the peer's FIN") \
  X(tcp_max_tw_buckets,       count,   131072,     0, 16777216, "TIME-WAIT records at most; past it connections close at once (TCPTimeWaitOverflow)") \
  X(tcp_tw_reuse,             choice,       2,     0,        2, "connect() may reuse a TIME-WAIT older than tcp_tw_reuse_delay: 0 no, 1 yes, 2 on loopback") \
  X(tcp_tw_reuse_delay,       milliseconds, 1000,  1, 60000, "how old such a TIME-WAIT must be (RFC 6191)") \
  X(tcp_rfc1337,              flag,         1,     0,        1, "1: a RST does not end TIME-WAIT; 0: it does, as RFC 9293 says and Linux does by default") \
  X(tcp_orphan_retries,       count,        8,     0,      255, "retransmissions for a connection that no application owns") \
  X(tcp_max_orphans,          count,   131072,     0, 16777216, "orphans at most; past it a close() resets (TCPAbortOnMemory)") \
  X(orphan_lifetime,          seconds,   3600,     1,   864000, "how long a closed connection may take to hand over its last bytes, whatever the peer does (L22)") \
  X(quiet_time,               seconds,      0,     0,     3600, "RFC 9293 3.4.3: after a start without memory, send no segment for this long; 0 takes the risk") \
  /* retransmission, keep-alive */ \
  X(tcp_retries1,             count,        3,     0,      255, "R1: retransmissions before the route is doubted (MUST-20)") \
  X(tcp_retries2,             count,       15,     0,      255, "R2: retransmissions before the connection times out; 15 is about 924 s") \
  X(tcp_rto_min_ms,           milliseconds, 200,   1,   120000, "smallest retransmission timeout; RFC 6298 says 1 s, Linux 200 ms") \
  X(tcp_rto_max_ms,           milliseconds, 120000, 1000, 120000, "largest retransmission timeout") \
  X(tcp_keepalive_time,       seconds,   7200,     1,    32767, "idle time before the first keep-alive probe (MUST-28)") \
  X(tcp_keepalive_intvl,      seconds,     75,     1,    32767, "time between keep-alive probes") \
  X(tcp_keepalive_probes,     count,        9,     1,      127, "unanswered keep-alive probes before the connection ends") \
  X(tcp_early_retrans,        choice,       3,     0,        4, "tail loss probes (RFC 8985 7): 0 off, else on (Linux: 3 or 4)") \
  X(tcp_delack_min_ms,        milliseconds, 40,    1,      500, "delayed ACK, shortest wait (MUST-40: under 500 ms)") \
  X(tcp_delack_max_ms,        milliseconds, 200,   1,      500, "delayed ACK, longest wait") \
  X(tcp_recovery,             bits,         1,     0,        7, "RACK (RFC 8985), where SACK is agreed on: 2 its reordering window never widens, 4 not closed by tcp_reordering SACKs") \
  X(tcp_frto,                 choice,       2,     0,        2, "F-RTO (RFC 5682): after a timeout see whether it was needless before all is sent again: 0 off, else on") \
  X(tcp_reordering,           count,        3,     1,      300, "duplicate ACKs that mean a loss (RFC 5681's DupThresh); where reordering is seen, a connection waits for more") \
  X(tcp_max_reordering,       count,      300,     1,      300, "the most that such a connection waits for") \
  X(tcp_congestion_control,   algorithm,    1,     0,        1, "congestion control of a new connection: reno (0; RFC 5681) or cubic (1; RFC 9438); TCP_CONGESTION overrides") \
  X(tcp_hystart_css_rounds,   count,        5,     0,      255, "HyStart++ (RFC 9406): rounds of conservative slow start before slow start ends; 0: it ends at the first sign of delay, as Linux's HyStart does") \
  X(tcp_init_cwnd,            segments,    10,     1,      100, "initial congestion window (RFC 6928)") \
  X(tcp_slow_start_one_mss,   flag,         0,     0,        1, "RFC 5681 3.1 (2): slow start grows by one segment an ACK; 0: by all that it acknowledges, as Linux does") \
  X(tcp_slow_start_after_idle, flag,        1,     0,        1, "RFC 5681 4.1: restart from the initial window after an idle RTO") \
  X(tcp_mtu_probing,          choice,       1,     0,        2, "black holes (RFC 4821): 0 off, 1 lower the MSS when full segments vanish, 2 the same from the start") \
  X(tcp_base_mss,             bytes,     1024,    48,    65495, "MSS that black-hole detection falls back to first") \
  X(tcp_min_snd_mss,          bytes,       48,    48,    65495, "smallest MSS a peer can impose (CVE-2019-11479)") \
  X(min_pmtu,                 bytes,      552,    68,    65535, "smallest IPv4 path MTU believed from ICMP (RFC 1191, RFC 5927)") \
  X(mtu_expires,              seconds,    600,     1,   864000, "how long a learned path MTU is kept") \
  /* memory */ \
  X(tcp_rmem_default,         bytes,   131072,  2304, 1073741824, "receive buffer of a socket") \
  X(tcp_rmem_max,             bytes,  6291456,  2304, 1073741824, "largest receive buffer") \
  X(tcp_wmem_default,         bytes,    16384,  4608, 1073741824, "send buffer that a socket begins with; it grows with the congestion window unless SO_SNDBUF is set") \
  X(tcp_wmem_max,             bytes,  4194304,  4608, 1073741824, "largest send buffer") \
  X(tcp_mem,                  bytes, 1073741824, 65536, 1099511627776, "payload memory of the whole stack; past it new work is refused with ENOBUFS") \
  X(tcp_stall_limit,          seconds,     60,     1,   864000, "past tcp_mem, a connection whose peer has taken no segment of its data for this long is reset (RFC 6429)") \
  X(tcp_notsent_lowat,        bytes, 4294967295, 0, 4294967295, "unsent bytes above which a socket is not writable and send() takes no more") \
  X(tcp_max_reordering_pieces, count,    1024,     1,    65536, "out-of-order pieces a connection keeps (SegmentSmack)") \
  X(max_connections,          count,  1048576,     1, 16777216, "full connections at most") \
  X(max_descriptors,          count,    65536,     8,  1048576, "descriptors of the POSIX face at most (EMFILE)") \
  /* attack limits */ \
  X(tcp_invalid_ratelimit,    milliseconds, 500,   0,    60000, "least time between two answers to unacceptable segments of one connection") \
  X(tcp_challenge_ack_limit,  per_second, 1000,    0, 2147483647, "challenge ACKs of the whole stack, jittered so that nobody can count them") \
  X(tcp_synack_ratelimit,     per_second, 2147483647, 0, 2147483647, "unanswered SYN,ACKs, whole stack; a bound here lets a flood from everywhere lock everybody out") \
  X(tcp_synack_ratelimit_prefix, per_second, 10000, 0, 2147483647, "unanswered SYN,ACKs, per /24 or /64: what forged SYNs can make us throw at one victim") \
  X(tcp_rst_ratelimit,        per_second, 1000,    0, 2147483647, "RSTs to strangers, whole stack") \
  X(tcp_rst_ratelimit_prefix, per_second,  100,    0, 2147483647, "RSTs to strangers, per /24 or /64") \
  X(icmp_ratelimit,           per_second,  1000,   0, 2147483647, "ICMP answers, whole stack") \
  X(icmp_ratelimit_prefix,    per_second,   50,    0, 2147483647, "ICMP answers, per /24 or /64") \
  X(accept_source_route,      flag,         1,     0,        1, "take IPv4 source routes and answer along them (MUST-53)") \
  X(icmp_echo_ignore_all,     flag,         0,     0,        1, "do not answer pings") \
  X(ipfrag_high_thresh,       bytes,  4194304, 65536, 268435456, "memory for fragments") \
  X(ipfrag_time,              seconds,     30,     1,      120, "how long a reassembly waits") \
  X(ipfrag_max_per_source,    count,       64,     1,     4096, "reassemblies of one source at a time") \
  X(ip_default_ttl,           hops,        64,     1,      255, "TTL and hop limit (MUST-49)") \
  X(gc_thresh3,               count,     1024,     8,    65536, "neighbours kept at most") \
  /* looking */ \
  X(record_call_sites,        flag,         0,     0,        1, "keep the stacks of the calls that made, read, wrote and closed each connection, for estab doctor and estab trace --stacks; some 3 us a call")
// clang-format on

struct Tuning {
#define ESTAB_X(name, unit, value, low, high, why) std::int64_t name = value;
  ESTAB_KNOBS(ESTAB_X)
#undef ESTAB_X
};

constexpr Duration seconds_of(std::int64_t knob) { return std::chrono::seconds(knob); }
constexpr Duration milliseconds_of(std::int64_t knob) { return std::chrono::milliseconds(knob); }

struct Knob {
  std::string_view name;
  std::string_view unit;
  std::int64_t default_value;
  std::int64_t smallest;
  std::int64_t largest;
  std::string_view why;
  std::int64_t Tuning::*value;
};

std::span<const Knob> knobs();
// Accepts Linux's paths too ("net.ipv4.tcp_fin_timeout") and its vectors ("ip_local_port_range"
// with "32768 60999"). The error names what was expected; it is meant for a user's eyes.
tl::expected<void, std::string> set_knob(Tuning& tuning, std::string_view name,
                                         std::string_view value);
std::optional<std::int64_t> get_knob(const Tuning& tuning, std::string_view name);
// Lines of `name = value` (or `name value`), '#' comments. The first wrong line is named by its
// number in the message; then `tuning` is as it was.
tl::expected<void, std::string> load_knobs(Tuning& tuning, std::string_view text);
// What is dangerous in this combination, one line each; empty when nothing is.
std::vector<std::string> warnings(const Tuning& tuning);

}  // namespace estab
