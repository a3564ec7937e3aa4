#include "socket/posix_tcp_info.h"

#include <linux/tcp.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

namespace estab::socket {
namespace {

std::uint32_t micros(Duration d) {
  return static_cast<std::uint32_t>(d / std::chrono::microseconds(1));
}

std::uint64_t long_micros(Duration d) {
  return static_cast<std::uint64_t>(d / std::chrono::microseconds(1));
}

std::uint32_t millis(Duration d) {
  return static_cast<std::uint32_t>(d / std::chrono::milliseconds(1));
}

std::uint32_t packets(std::uint64_t bytes, std::uint32_t mss) {
  return static_cast<std::uint32_t>(bytes / std::max<std::uint32_t>(1, mss));
}

std::uint64_t rate(std::uint64_t bytes, Duration time) {  // bytes/s
  const auto us = time / std::chrono::microseconds(1);
  return us > 0 ? bytes * 1'000'000 / static_cast<std::uint64_t>(us) : 0;
}

// What Linux 6.18 has beyond the header of Debian 12; none of it is aligned otherwise than here.
struct LongTcpInfo {
  tcp_info base;
  std::uint32_t rcv_wnd;
  std::uint32_t rehash;
  std::uint16_t total_rto;
  std::uint16_t total_rto_recoveries;
  std::uint32_t total_rto_time;  // ms
  std::uint32_t accurate_ecn[8];
};
static_assert(offsetof(LongTcpInfo, rcv_wnd) == 232 && sizeof(LongTcpInfo) == 280);

void fill_state(tcp_info& to, const ConnectionInfo& i) {
  to.tcpi_state = static_cast<std::uint8_t>(linux_number(i.state));
  to.tcpi_ca_state = i.ca_state;
  to.tcpi_retransmits = static_cast<std::uint8_t>(std::min<std::uint32_t>(i.retransmits, 255));
  to.tcpi_probes = static_cast<std::uint8_t>(std::min<std::uint32_t>(i.probes, 255));
  to.tcpi_backoff = static_cast<std::uint8_t>(std::min<std::uint32_t>(i.backoff, 255));
  to.tcpi_options = static_cast<std::uint8_t>(
      (i.timestamps ? TCPI_OPT_TIMESTAMPS : 0) | (i.sack ? TCPI_OPT_SACK : 0) |
      (i.window_scaling ? TCPI_OPT_WSCALE : 0) | (i.ecn ? TCPI_OPT_ECN : 0));
  to.tcpi_snd_wscale = i.snd_wnd_shift & 0xf;
  to.tcpi_rcv_wscale = i.rcv_wnd_shift & 0xf;
}

void fill_path(tcp_info& to, const ConnectionInfo& i) {
  to.tcpi_rto = micros(i.rto);
  to.tcpi_ato = micros(i.ato);
  to.tcpi_snd_mss = i.snd_mss;
  to.tcpi_rcv_mss = i.rcv_mss;
  to.tcpi_unacked = i.unacked;
  to.tcpi_sacked = i.sacked;
  to.tcpi_lost = i.lost;
  to.tcpi_retrans = i.retrans;
  to.tcpi_last_data_sent = millis(i.last_data_sent);
  to.tcpi_last_data_recv = millis(i.last_data_received);
  to.tcpi_last_ack_recv = millis(i.last_ack_received);
  to.tcpi_pmtu = i.path_mtu;
  to.tcpi_rtt = micros(i.srtt);
  to.tcpi_rttvar = micros(i.rttvar);
  to.tcpi_min_rtt = micros(i.min_rtt);
  // Linux counts both in segments.
  to.tcpi_snd_ssthresh = packets(i.snd_ssthresh, i.snd_mss);
  to.tcpi_snd_cwnd = packets(i.snd_cwnd, i.snd_mss);
  to.tcpi_advmss = i.advmss;
  to.tcpi_reordering = i.reordering;
  to.tcpi_rcv_ssthresh = i.rcv_wnd;
  to.tcpi_snd_wnd = i.snd_wnd;
}

void fill_totals(tcp_info& to, const ConnectionInfo& i) {
  to.tcpi_total_retrans = i.total_retrans;
  to.tcpi_pacing_rate = std::numeric_limits<std::uint64_t>::max();  // not paced
  to.tcpi_max_pacing_rate = std::numeric_limits<std::uint64_t>::max();
  to.tcpi_bytes_sent = i.bytes_sent;
  to.tcpi_bytes_acked = i.bytes_acked;
  to.tcpi_bytes_received = i.bytes_received;
  to.tcpi_bytes_retrans = i.bytes_retrans;
  to.tcpi_segs_out = i.segs_out;
  to.tcpi_segs_in = i.segs_in;
  to.tcpi_notsent_bytes = static_cast<std::uint32_t>(i.not_sent);
  to.tcpi_data_segs_in = i.data_segs_in;
  to.tcpi_data_segs_out = i.data_segs_out;
  to.tcpi_busy_time = long_micros(i.busy);
  to.tcpi_rwnd_limited = long_micros(i.limited_by_window);
  to.tcpi_sndbuf_limited = long_micros(i.limited_by_buffer);
  to.tcpi_delivery_rate = rate(i.snd_cwnd, i.srtt);
  to.tcpi_dsack_dups = i.dsack_dups;
  to.tcpi_reord_seen = i.reord_seen;
  to.tcpi_rcv_ooopack = i.rcv_ooopack;
}

}  // namespace

TcpInfoBytes linux_tcp_info(const ConnectionInfo& info) {
  LongTcpInfo all{};
  tcp_info& out = all.base;
  fill_state(out, info);
  if (info.state == State::Listen) {  // tcp_get_info(): the queue and its bound
    out.tcpi_unacked = static_cast<std::uint32_t>(info.receive_queue);
    out.tcpi_sacked = static_cast<std::uint32_t>(info.send_queue);
  } else {
    fill_path(out, info);
    fill_totals(out, info);
    all.rcv_wnd = info.rcv_wnd;
    all.total_rto = static_cast<std::uint16_t>(std::min<std::uint32_t>(info.total_rto, 0xffff));
  }
  TcpInfoBytes result;
  static_assert(sizeof(all) <= sizeof(result.bytes));
  result.size = sizeof(all);
  std::memcpy(result.bytes.data(), &all, sizeof(all));
  return result;
}

}  // namespace estab::socket
