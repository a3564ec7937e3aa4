#include "tcp/linux_tcp_info.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "estab/state.h"
#include "tcp/congestion_window.h"

namespace estab::tcp {
namespace {

static_assert(offsetof(LinuxTcpInfo, pacing_rate) == 104);
static_assert(offsetof(LinuxTcpInfo, delivery_rate) == 160);
static_assert(offsetof(LinuxTcpInfo, rcv_wnd) == 232);

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

std::uint8_t byte(std::uint32_t v) {
  return static_cast<std::uint8_t>(std::min<std::uint32_t>(v, 255));
}

void fill_state(LinuxTcpInfo& to, const Info& i) {
  to.state = static_cast<std::uint8_t>(linux_number(i.state));
  to.ca_state = i.ca_state;
  to.retransmits = byte(i.retransmits);
  to.probes = byte(i.probes);
  to.backoff = byte(i.backoff);
  to.options = static_cast<std::uint8_t>(
      (i.timestamps ? kOptTimestamps : 0) | (i.sack ? kOptSack : 0) |
      (i.window_scaling ? kOptWscale : 0) | (i.ecn ? kOptEcn : 0) | (i.ecn_seen ? kOptEcnSeen : 0));
  to.wscales = static_cast<std::uint8_t>((i.snd_wnd_shift & 0xf) | (i.rcv_wnd_shift & 0xf) << 4);
}

void fill_path(LinuxTcpInfo& to, const Info& i) {
  to.rto = micros(i.rto);
  to.ato = micros(i.ato);
  to.snd_mss = i.snd_mss;
  to.rcv_mss = i.rcv_mss;
  to.unacked = i.unacked;
  to.sacked = i.sacked;
  to.lost = i.lost;
  to.retrans = i.retrans;
  to.last_data_sent = millis(i.last_data_sent);
  to.last_data_recv = millis(i.last_data_received);
  to.last_ack_recv = millis(i.last_ack_received);
  to.pmtu = i.path_mtu;
  to.rtt = micros(i.srtt);
  to.rttvar = micros(i.rttvar);
  to.min_rtt = micros(i.min_rtt);
  // Linux counts both in segments.
  to.snd_ssthresh =
      i.snd_ssthresh == kNoThreshold ? kNoThreshold : packets(i.snd_ssthresh, i.snd_mss);
  to.snd_cwnd = packets(i.snd_cwnd, i.snd_mss);
  to.advmss = i.advmss;
  to.reordering = i.reordering;
  to.rcv_ssthresh = i.rcv_wnd;
  to.snd_wnd = i.snd_wnd;
  to.rcv_wnd = i.rcv_wnd;
}

void fill_totals(LinuxTcpInfo& to, const Info& i) {
  to.total_retrans = i.total_retrans;
  to.pacing_rate = std::numeric_limits<std::uint64_t>::max();  // not paced
  to.max_pacing_rate = std::numeric_limits<std::uint64_t>::max();
  to.bytes_sent = i.bytes_sent;
  to.bytes_acked = i.bytes_acked;
  to.bytes_received = i.bytes_received;
  to.bytes_retrans = i.bytes_retrans;
  to.segs_out = i.segs_out;
  to.segs_in = i.segs_in;
  to.notsent_bytes = static_cast<std::uint32_t>(i.not_sent);
  to.data_segs_in = i.data_segs_in;
  to.data_segs_out = i.data_segs_out;
  to.busy_time = long_micros(i.busy);
  to.rwnd_limited = long_micros(i.limited_by_window);
  to.sndbuf_limited = long_micros(i.limited_by_buffer);
  to.delivery_rate = rate(i.snd_cwnd, i.srtt);
  to.delivered = i.delivered;
  to.delivered_ce = i.delivered_ce;
  to.dsack_dups = i.dsack_dups;
  to.reord_seen = i.reord_seen;
  to.rcv_ooopack = i.rcv_ooopack;
  to.total_rto = static_cast<std::uint16_t>(std::min<std::uint32_t>(i.total_rto, 0xffff));
}

}  // namespace

LinuxTcpInfo linux_tcp_info(const Info& info) {
  LinuxTcpInfo out;
  fill_state(out, info);
  if (info.state == State::Listen) {  // tcp_get_info(): the queue and its bound
    out.unacked = static_cast<std::uint32_t>(info.receive_queue);
    out.sacked = static_cast<std::uint32_t>(info.send_queue);
  } else {
    fill_path(out, info);
    fill_totals(out, info);
  }
  return out;
}

}  // namespace estab::tcp
