// What is dangerous in a combination of knobs: one row a danger.
#include "estab/tuning.h"

namespace estab {
namespace {

struct Danger {
  bool (*present)(const Tuning&);
  std::string_view text;
};

// clang-format off
constexpr Danger kDangers[] = {
  {[](const Tuning& t) { return t.time_wait < 2; },
   "time_wait is under 2 s: a delayed segment of an old connection can enter a new one with the same ports"},
  {[](const Tuning& t) { return t.tcp_max_tw_buckets < 1024; },
   "tcp_max_tw_buckets is under 1024: connections past it close without TIME-WAIT, open to old segments"},
  {[](const Tuning& t) { return t.tcp_tw_reuse != 0 && t.tcp_timestamps == 0; },
   "tcp_tw_reuse has no effect with tcp_timestamps = 0: only timestamps tell an old segment from a new one"},
  {[](const Tuning& t) { return t.tcp_rfc1337 == 0; },
   "tcp_rfc1337 = 0: one RST ends TIME-WAIT before its time (RFC 1337's assassination)"},
  {[](const Tuning& t) { return t.tcp_fin_timeout > 60; },
   "tcp_fin_timeout is over 60 s: peers that never send their FIN hold orphans in FIN-WAIT-2 for long"},
  {[](const Tuning& t) { return t.ip_local_port_range_low > t.ip_local_port_range_high; },
   "ip_local_port_range_low is above ip_local_port_range_high: connect() finds no port (EADDRNOTAVAIL)"},
  {[](const Tuning& t) { const auto n = t.ip_local_port_range_high - t.ip_local_port_range_low;
                         return n >= 0 && n < 1023; },
   "ip_local_port_range has under 1024 ports: TIME-WAIT can hold all of them toward one destination"},
  {[](const Tuning& t) { return t.tcp_max_syn_backlog > t.somaxconn; },
   "tcp_max_syn_backlog is above somaxconn: the SYN queue takes more than the accept queue ever can"},
  {[](const Tuning& t) { return t.tcp_syncookies == 0; },
   "tcp_syncookies = 0: a SYN flood that fills the SYN queue locks everybody out"},
  {[](const Tuning& t) { return t.tcp_syn_retries < 7; },
   "tcp_syn_retries is under 7: connect() gives up before the 3 minutes of RFC 9293 3.8.3 (MUST-23)"},
  {[](const Tuning& t) { return t.tcp_retries2 < 8; },
   "tcp_retries2 is under 8: connections time out before the 100 s of RFC 9293 3.8.3 (SHLD-11)"},
  {[](const Tuning& t) { return t.tcp_rto_max_ms < 60000; },
   "tcp_rto_max_ms is under 60 s, the least that RFC 6298 2.5 allows as a maximum"},
  {[](const Tuning& t) { return t.tcp_rto_min_ms > t.tcp_rto_max_ms; },
   "tcp_rto_min_ms is above tcp_rto_max_ms: every retransmission waits tcp_rto_max_ms"},
  {[](const Tuning& t) { return t.tcp_rto_min_ms < t.tcp_delack_max_ms; },
   "tcp_rto_min_ms is under tcp_delack_max_ms: a peer that delays its ACKs as we do looks like a loss"},
  {[](const Tuning& t) { return t.tcp_delack_min_ms > t.tcp_delack_max_ms; },
   "tcp_delack_min_ms is above tcp_delack_max_ms: ACKs wait tcp_delack_max_ms"},
  {[](const Tuning& t) { return t.tcp_min_snd_mss > t.tcp_base_mss; },
   "tcp_min_snd_mss is above tcp_base_mss: black-hole detection can't lower the MSS as far as it wants"},
  {[](const Tuning& t) { return t.tcp_rmem_default > t.tcp_rmem_max; },
   "tcp_rmem_default is above tcp_rmem_max: receive buffers start at tcp_rmem_max"},
  {[](const Tuning& t) { return t.tcp_wmem_default > t.tcp_wmem_max; },
   "tcp_wmem_default is above tcp_wmem_max: send buffers start at tcp_wmem_max"},
  {[](const Tuning& t) { return t.tcp_mem < t.tcp_rmem_default + t.tcp_wmem_default; },
   "tcp_mem is under one connection's buffers: new work is refused with ENOBUFS"},
  {[](const Tuning& t) { return t.tcp_invalid_ratelimit == 0; },
   "tcp_invalid_ratelimit = 0: two ends out of step can answer each other's ACKs without end"},
};
// clang-format on

}  // namespace

std::vector<std::string> warnings(const Tuning& tuning) {
  std::vector<std::string> out;
  for (const Danger& d : kDangers) {
    if (d.present(tuning)) out.emplace_back(d.text);
  }
  return out;
}

}  // namespace estab
