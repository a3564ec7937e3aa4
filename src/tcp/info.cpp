#include "tcp/info.h"

#include <algorithm>

#include "tcp/connection.h"

namespace estab::tcp {
namespace {

Duration ago(Instant then, Instant now) { return then == Instant{} ? Duration{0} : now - then; }

std::uint32_t u32(std::int64_t v) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(v, 0, 0xffffffff));
}

}  // namespace

Info Connection::info(const Tuning& tuning, Instant now) const {
  Info i;
  i.id = id_;
  i.tuple = tuple_;
  i.state = state_;
  i.passive = opened_ == Opened::Passively;
  i.orphan = orphan_;
  i.in_state = now - state_since_;
  const auto timer = [&](TimerKind kind, Instant at, int retries) {
    if (at == kNever || i.timer != TimerKind::None) return;
    i.timer = kind;
    i.timer_left = std::max(at - now, Duration{0});
    i.timer_retries = static_cast<std::uint32_t>(retries);
  };
  timer(TimerKind::Retransmit, retransmit_at_, retries_);
  timer(TimerKind::Persist, persist_at_, probes_);
  timer(TimerKind::TimeWait, state_at_, 0);
  timer(TimerKind::KeepAlive, keep_alive_at_, keep_probes_);
  i.receive_queue = readable_bytes();
  i.send_queue = unacked_bytes();
  if (fin_sent_ && !fin_acked()) ++i.send_queue;
  i.not_sent = unsent_bytes();
  i.timestamps = ts_ok_;
  i.sack = sack_ok_;
  i.ecn = ecn_.agreed();
  i.ecn_seen = ecn_.seen();
  i.window_scaling = wscale_ok_;
  i.snd_wnd_shift = snd_wnd_shift_;
  i.rcv_wnd_shift = rcv_wnd_shift_;
  i.rto = rtt_.rto(tuning);
  i.srtt = rtt_.srtt();
  i.rttvar = rtt_.rttvar();
  i.min_rtt = rtt_.min();
  i.ato = milliseconds_of(tuning.tcp_delack_min_ms);
  i.last_data_sent = ago(last_data_sent_, now);
  i.last_data_received = ago(last_data_received_, now);
  i.last_ack_received = ago(last_ack_received_, now);
  fill_windows(i);
  i.retransmits = static_cast<std::uint32_t>(retries_);
  i.probes = static_cast<std::uint32_t>(std::max(probes_, keep_probes_));
  i.backoff = static_cast<std::uint32_t>(backoff_);
  i.total_rto = total_rto_;
  i.busy = send_limits_.busy(now);
  i.limited_by_window = send_limits_.by_window(now);
  i.limited_by_buffer = send_limits_.by_buffer(now);
  i.bytes_sent = bytes_sent_;
  i.bytes_acked = bytes_acked_;
  i.bytes_received = bytes_received_;
  i.bytes_retrans = bytes_retrans_;
  i.segs_in = segs_in_;
  i.segs_out = segs_out_;
  i.data_segs_in = data_segs_in_;
  i.data_segs_out = data_segs_out_;
  i.total_retrans = total_retrans_;
  i.dsack_dups = dsack_dups_;
  i.rcv_ooopack = rcv_ooopack_;
  i.send_buffer = send_accounting_.bound();
  i.receive_buffer = settings_.receive_buffer;
  i.memory = memory();
  return i;
}

void Connection::fill_windows(Info& i) const {
  const std::int64_t mss = effective_mss();
  i.snd_mss = u32(mss);
  i.rcv_mss = rcv_mss_;
  i.advmss = our_mss_;
  i.path_mtu = u32(static_cast<std::int64_t>(path_.mtu));
  i.snd_cwnd = u32(congestion_.cwnd() * mss);
  i.snd_ssthresh = u32(std::min<std::int64_t>(congestion_.ssthresh() * mss, kNoThreshold));
  i.snd_wnd = snd_wnd_;
  i.rcv_wnd = u32(rcv_adv_ - rcv_nxt_);
  i.unacked = sent_.segments();
  i.sacked = arrived_apart();
  i.lost = sent_.lost();
  i.retrans = sent_.resent();
  i.reordering = recovery_.reordering;
  i.reord_seen = recovery_.reord_seen;
  i.ca_state = static_cast<std::uint8_t>(recovery_.state);
  i.congestion = settings_.congestion;
  i.delivered = recovery_.delivered;
  i.delivered_ce = recovery_.delivered_ce;
}

}  // namespace estab::tcp
