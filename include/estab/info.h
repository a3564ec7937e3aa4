// A look at one connection: every value that tools and TCP_INFO show. Bytes, packets and
// nanoseconds; the socket floor turns it into Linux's struct.
#pragma once
#include <cstdint>

#include "estab/address.h"
#include "estab/state.h"
#include "estab/time.h"

namespace estab::tcp {

enum class Algorithm : std::uint8_t { Reno, Cubic };  // congestion control; TCP_CONGESTION's names
constexpr const char* name_of(Algorithm a) { return a == Algorithm::Reno ? "reno" : "cubic"; }

enum class TimerKind : std::uint8_t { None, Retransmit, KeepAlive, TimeWait, Persist };  // ss -o

struct Info {
  std::uint64_t id = 0;
  FourTuple tuple;
  State state = State::Closed;
  bool passive = false;  // who opened (MUST-11)
  bool orphan = false;   // no application owns it
  Duration in_state{0};  // time since the last change of state
  TimerKind timer = TimerKind::None;
  Duration timer_left{0};
  std::uint32_t timer_retries = 0;
  // queues, as ss shows them
  std::uint64_t receive_queue = 0;  // unread bytes; for a listener: waiting connections
  std::uint64_t send_queue =
      0;  // bytes not yet acknowledged, unsent ones included; listener: backlog
  std::uint64_t not_sent = 0;
  // options agreed on
  bool timestamps = false, sack = false, window_scaling = false, ecn = false;
  bool ecn_seen = false;  // a packet that ECN could have marked came
  std::uint8_t snd_wnd_shift = 0, rcv_wnd_shift = 0;
  // times
  Duration rto{0}, srtt{0}, rttvar{0}, min_rtt{0}, ato{0};
  Duration last_data_sent{0}, last_data_received{0}, last_ack_received{0};  // ago
  // windows and congestion
  std::uint32_t snd_mss = 0, rcv_mss = 0, advmss = 0, path_mtu = 0;
  std::uint32_t snd_cwnd = 0, snd_ssthresh = 0, snd_wnd = 0, rcv_wnd = 0;        // bytes
  std::uint32_t unacked = 0, sacked = 0, lost = 0, retrans = 0, reordering = 0;  // packets
  std::uint8_t ca_state = 0;  // 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss (Linux's numbers)
  Algorithm congestion = Algorithm::Cubic;
  std::uint32_t retransmits = 0, probes = 0, backoff = 0;
  // totals
  std::uint64_t bytes_sent = 0, bytes_acked = 0, bytes_received = 0, bytes_retrans = 0;
  std::uint32_t segs_in = 0, segs_out = 0, data_segs_in = 0, data_segs_out = 0, total_retrans = 0;
  std::uint32_t total_rto = 0;  // retransmission timeouts
  // Time spent with something to send; and of it, held up by the peer's window, by our own buffer.
  Duration busy{0}, limited_by_window{0}, limited_by_buffer{0};
  std::uint32_t delivered = 0, delivered_ce = 0;  // packets; of them, where ECE was echoed
  std::uint32_t dsack_dups = 0, reord_seen = 0, rcv_ooopack = 0;
  std::uint64_t send_buffer = 0, receive_buffer = 0, memory = 0;
};

}  // namespace estab::tcp

namespace estab {
using ConnectionInfo = tcp::Info;
}  // namespace estab
