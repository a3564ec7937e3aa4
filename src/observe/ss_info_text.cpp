// `ss -i`: what Linux's tcp_info says, in ss's words and order.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "observe/ss_view.h"

namespace estab::observe {
namespace {

constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
constexpr std::uint32_t kTimeoutInit = 3'000'000;  // ss leaves out the old default time-out

class Line {
 public:
  Line(std::string& to, bool numeric) : to_(to), numeric_(numeric) {}

  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(to_), format, std::forward<Args>(args)...);
  }
  // name:value, left out when it is 0.
  void count(const char* name, std::uint64_t value) {
    if (value != 0) put(" {}:{}", name, value);
  }
  void thousandth(const char* name, std::uint32_t microseconds) {
    if (microseconds != 0) put(" {}:{:g}", name, microseconds / 1000.0);
  }
  // Bits a second: 33Mbps, or all digits with -n.
  void rate(double bits) {
    struct Unit {
      double size;
      const char* name;
    };
    static constexpr Unit kUnits[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    if (numeric_) return put("{:.0f}bps", bits);
    for (const Unit& unit : kUnits) {
      if (bits >= unit.size) return put("{:.3g}{}bps", bits / unit.size, unit.name);
    }
    put("{:g}bps", bits);
  }

 private:
  std::string& to_;
  bool numeric_;
};

void options_and_times(Line& line, const Detail& detail, bool show_options) {
  const tcp::LinuxTcpInfo& i = *detail.info;
  if (show_options) {
    if (i.has(tcp::kOptTimestamps)) line.put(" ts");
    if (i.has(tcp::kOptSack)) line.put(" sack");
    if (i.has(tcp::kOptEcn)) line.put(" ecn");
    if (i.has(tcp::kOptEcnSeen)) line.put(" ecnseen");
    if (i.has(tcp::kOptSynData)) line.put(" fastopen");
  }
  if (!detail.congestion.empty()) line.put(" {}", detail.congestion);
  if (i.has(tcp::kOptWscale)) line.put(" wscale:{},{}", i.snd_wscale(), i.rcv_wscale());
  if (i.rto != kTimeoutInit) line.thousandth("rto", i.rto);
  line.count("backoff", i.backoff);
  if (i.rtt != 0) line.put(" rtt:{:g}/{:g}", i.rtt / 1000.0, i.rttvar / 1000.0);
  line.thousandth("ato", i.ato);
}

void sizes_and_totals(Line& line, const tcp::LinuxTcpInfo& i) {
  line.count("mss", i.snd_mss);
  line.count("pmtu", i.pmtu);
  line.count("rcvmss", i.rcv_mss);
  line.count("advmss", i.advmss);
  line.count("cwnd", i.snd_cwnd);
  if (i.snd_ssthresh < 0xffff) line.count("ssthresh", i.snd_ssthresh);
  line.count("bytes_sent", i.bytes_sent);
  line.count("bytes_retrans", i.bytes_retrans);
  line.count("bytes_acked", i.bytes_acked);
  line.count("bytes_received", i.bytes_received);
  line.count("segs_out", i.segs_out);
  line.count("segs_in", i.segs_in);
  line.count("data_segs_out", i.data_segs_out);
  line.count("data_segs_in", i.data_segs_in);
}

void congestion(Line& line, const Detail& detail) {
  if (detail.dctcp && detail.dctcp->enabled) {
    const DctcpInfo& d = *detail.dctcp;
    line.put(" dctcp:(ce_state:{},alpha:{},ab_ecn:{},ab_tot:{})", d.ce_state, d.alpha, d.ab_ecn,
             d.ab_tot);
  } else if (detail.dctcp) {
    line.put(" dctcp:fallback_mode");
  }
  if (!detail.bbr) return;
  const BbrInfo& bbr = *detail.bbr;
  line.put(" bbr:(bw:");
  line.rate(static_cast<double>(bbr.bandwidth) * 8);
  line.put(",mrtt:{:g}", bbr.min_rtt / 1000.0);
  if (bbr.pacing_gain != 0) line.put(",pacing_gain:{:g}", bbr.pacing_gain / 256.0);
  if (bbr.cwnd_gain != 0) line.put(",cwnd_gain:{:g}", bbr.cwnd_gain / 256.0);
  line.put(")");
}

void rates(Line& line, const Detail& detail) {
  const tcp::LinuxTcpInfo& i = *detail.info;
  const double rtt = detail.vegas_rtt != 0 ? detail.vegas_rtt : i.rtt;
  if (rtt > 0 && i.snd_mss != 0 && i.snd_cwnd != 0) {
    line.put(" send ");
    line.rate(static_cast<double>(i.snd_cwnd) * i.snd_mss * 8e6 / rtt);
  }
  line.count("lastsnd", i.last_data_sent);
  line.count("lastrcv", i.last_data_recv);
  line.count("lastack", i.last_ack_recv);
  if (i.pacing_rate != 0 && i.pacing_rate != kUnlimited) {
    line.put(" pacing_rate ");
    line.rate(static_cast<double>(i.pacing_rate) * 8);
    if (i.max_pacing_rate != 0 && i.max_pacing_rate != kUnlimited) {
      line.put("/");
      line.rate(static_cast<double>(i.max_pacing_rate) * 8);
    }
  }
  if (i.delivery_rate != 0) {
    line.put(" delivery_rate ");
    line.rate(static_cast<double>(i.delivery_rate) * 8);
  }
  line.count("delivered", i.delivered);
  line.count("delivered_ce", i.delivered_ce);
  if (i.app_limited()) line.put(" app_limited");
}

void limits(Line& line, const tcp::LinuxTcpInfo& i) {
  if (i.busy_time == 0) return;
  line.put(" busy:{}ms", i.busy_time / 1000);
  const auto share = [&](const char* name, std::uint64_t of) {
    if (of == 0) return;
    line.put(" {}:{}ms({:.1f}%)", name, of / 1000,
             100.0 * static_cast<double>(of) / static_cast<double>(i.busy_time));
  };
  share("rwnd_limited", i.rwnd_limited);
  share("sndbuf_limited", i.sndbuf_limited);
}

void losses_and_windows(Line& line, const tcp::LinuxTcpInfo& i, bool listens) {
  line.count("unacked", i.unacked);
  if (i.retrans != 0 || i.total_retrans != 0)
    line.put(" retrans:{}/{}", i.retrans, i.total_retrans);
  line.count("lost", i.lost);
  if (!listens) line.count("sacked", i.sacked);
  line.count("dsack_dups", i.dsack_dups);
  line.count("fackets", i.fackets);
  if (i.reordering != 3) line.put(" reordering:{}", i.reordering);
  line.count("reord_seen", i.reord_seen);
  line.thousandth("rcv_rtt", i.rcv_rtt);
  line.count("rcv_space", i.rcv_space);
  line.count("rcv_ssthresh", i.rcv_ssthresh);
  line.count("notsent", i.notsent_bytes);
  if (i.min_rtt != ~std::uint32_t{0}) line.thousandth("minrtt", i.min_rtt);
  line.count("rcv_ooopack", i.rcv_ooopack);
  line.count("snd_wnd", i.snd_wnd);
}

}  // namespace

void append_ss_info(std::string& to, const Connection& c, const SsFormat& format) {
  if (!c.detail) return;
  Line line(to, format.numeric);
  if (c.detail->info) {
    options_and_times(line, *c.detail, format.timers);
    sizes_and_totals(line, *c.detail->info);
    congestion(line, *c.detail);
    rates(line, *c.detail);
    limits(line, *c.detail->info);
    losses_and_windows(line, *c.detail->info, c.state == State::Listen);
  }
  if (!c.detail->md5_keys.empty()) line.put(" md5keys:{}", c.detail->md5_keys);
  to += c.detail->upper_protocol;
}

}  // namespace estab::observe
