// Linux's struct tcp_info as kernel 6.18 fills it: 280 bytes, without any header of Linux, so that
// it is the same on every system. What a kernel's answer, TCP_INFO and ss -i speak of.
#pragma once
#include <array>
#include <cstdint>

#include "tcp/info.h"

namespace estab::tcp {

// Fields have Linux's names without tcpi_. Times: microseconds, but last_* and total_rto_time:
// milliseconds; rates: bytes a second; snd_cwnd, snd_ssthresh, unacked, sacked, lost, retrans:
// packets. Of an older kernel's shorter answer the rest is 0.
struct LinuxTcpInfo {
  std::uint8_t state = 0;  // linux_number()
  std::uint8_t ca_state = 0;
  std::uint8_t retransmits = 0;
  std::uint8_t probes = 0;
  std::uint8_t backoff = 0;
  std::uint8_t options = 0;  // LinuxTcpOption
  std::uint8_t wscales = 0;  // low four bits: sent by us; high: received
  std::uint8_t flags = 0;    // lowest bit: the application limits the rate; next two: Fast Open
  std::uint32_t rto = 0, ato = 0, snd_mss = 0, rcv_mss = 0;
  std::uint32_t unacked = 0, sacked = 0, lost = 0, retrans = 0, fackets = 0;
  // A listener: unacked is its queue of waiting connections, sacked the queue's bound.
  std::uint32_t last_data_sent = 0, last_ack_sent = 0, last_data_recv = 0, last_ack_recv = 0;
  std::uint32_t pmtu = 0, rcv_ssthresh = 0, rtt = 0, rttvar = 0, snd_ssthresh = 0, snd_cwnd = 0;
  std::uint32_t advmss = 0, reordering = 0, rcv_rtt = 0, rcv_space = 0, total_retrans = 0;
  std::uint64_t pacing_rate = 0, max_pacing_rate = 0;  // all ones: not limited
  std::uint64_t bytes_acked = 0, bytes_received = 0;
  std::uint32_t segs_out = 0, segs_in = 0, notsent_bytes = 0, min_rtt = 0;
  std::uint32_t data_segs_in = 0, data_segs_out = 0;
  std::uint64_t delivery_rate = 0, busy_time = 0, rwnd_limited = 0, sndbuf_limited = 0;
  std::uint32_t delivered = 0, delivered_ce = 0;
  std::uint64_t bytes_sent = 0, bytes_retrans = 0;
  std::uint32_t dsack_dups = 0, reord_seen = 0, rcv_ooopack = 0, snd_wnd = 0, rcv_wnd = 0;
  std::uint32_t rehash = 0;
  std::uint16_t total_rto = 0, total_rto_recoveries = 0;
  std::uint32_t total_rto_time = 0;
  std::array<std::uint32_t, 8> accurate_ecn{};

  std::uint8_t snd_wscale() const { return wscales & 0xf; }
  std::uint8_t rcv_wscale() const { return wscales >> 4; }
  bool app_limited() const { return (flags & 1) != 0; }
  bool has(std::uint8_t option) const { return (options & option) != 0; }
};
static_assert(sizeof(LinuxTcpInfo) == 280);

// Bits of LinuxTcpInfo::options: TCPI_OPT_*.
inline constexpr std::uint8_t kOptTimestamps = 1;
inline constexpr std::uint8_t kOptSack = 2;
inline constexpr std::uint8_t kOptWscale = 4;
inline constexpr std::uint8_t kOptEcn = 8;
inline constexpr std::uint8_t kOptEcnSeen = 16;
inline constexpr std::uint8_t kOptSynData = 32;

// What Linux would say of such a connection.
LinuxTcpInfo linux_tcp_info(const Info& info);

}  // namespace estab::tcp
