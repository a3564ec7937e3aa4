#include "observe/ss_view.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>

#include "estab/state.h"
#include "observe/duration_text.h"

namespace estab::observe {
namespace {

enum Column : std::size_t {
  kNetid,
  kState,
  kReceiveQueue,
  kSendQueue,
  kLocal,
  kLocalPort,
  kPeer,
  kPeerPort,
  kProcess,
  kColumns
};
struct ColumnShape {
  const char* header;
  bool right;     // aligned
  bool separate;  // a blank before it
};
constexpr std::array<ColumnShape, kColumns> kShapes{{{"Netid", false, false},
                                                     {"State", false, true},
                                                     {"Recv-Q", false, true},
                                                     {"Send-Q", false, true},
                                                     {"Local Address:", true, true},
                                                     {"Port", false, false},
                                                     {"Peer Address:", true, true},
                                                     {"Port", false, false},
                                                     {"Process", false, false}}};
using Row = std::array<std::string, kColumns>;

void append(std::string& line, const std::string& piece) {
  if (!piece.empty()) line += " " + piece;
}

std::string last_column(const Connection& c, const SsFormat& format) {
  std::string line;
  if (format.processes) append(line, ss_users(c));
  if (format.timers) append(line, ss_timer(c.info));
  if (format.extended) append(line, ss_extended(c));
  if (!format.memory && !format.info) return line;
  if (!format.one_line) line += "\n\t";
  if (format.memory) append(line, ss_memory(c.info));
  if (format.info) append(line, ss_info(c.info, format.numeric));
  return line;
}

Row row_of(const Connection& c, const SsFormat& format) {
  const tcp::Info& i = c.info;
  return {"tcp", std::string(ss_name(i.state)), std::to_string(i.receive_queue),
          std::to_string(i.send_queue), ss_address(i.tuple.local.address) + ":",
          ss_port(i.tuple.local.port, format.numeric),
          // A listener for both families has an IPv6 wildcard on its other side too.
          ss_address(i.tuple.remote.address) + ":", ss_port(i.tuple.remote.port, format.numeric),
          last_column(c, format)};
}

void print_row(const Row& row, const std::array<std::size_t, kColumns>& widths,
               const std::array<bool, kColumns>& shown, std::string& out) {
  std::string line;
  bool first = true;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (!shown[i]) continue;
    if (kShapes[i].separate && !first) line += ' ';
    first = false;
    if (i == kProcess) {
      line += row[i];
    } else {
      line += kShapes[i].right ? fmt::format("{:>{}}", row[i], widths[i])
                               : fmt::format("{:<{}}", row[i], widths[i]);
    }
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  out += line + "\n";
}

std::string rate_text(double bits_per_second, bool numeric) {
  if (numeric) return fmt::format("{:.0f}bps", bits_per_second);
  const char* units[] = {"bps", "Kbps", "Mbps", "Gbps", "Tbps"};
  std::size_t unit = 0;
  while (bits_per_second >= 1000 && unit < 4) {
    bits_per_second /= 1000;
    ++unit;
  }
  return fmt::format("{:.3g}{}", bits_per_second, units[unit]);
}

double milliseconds(Duration d) { return static_cast<double>(d.count()) / 1e6; }
std::int64_t whole_milliseconds(Duration d) { return d / std::chrono::milliseconds(1); }

// name:value, left out when it is 0, as ss does.
template <class T>
void number(std::string& line, const char* name, T value) {
  if (value != 0) line += fmt::format(" {}:{:.6g}", name, static_cast<double>(value));
}
void count(std::string& line, const char* name, std::uint64_t value) {
  if (value != 0) line += fmt::format(" {}:{}", name, value);
}

void info_options_and_times(std::string& line, const tcp::Info& i) {
  if (i.timestamps) line += " ts";
  if (i.sack) line += " sack";
  if (i.ecn) line += " ecn";
  line += " reno";
  if (i.window_scaling) line += fmt::format(" wscale:{},{}", i.snd_wnd_shift, i.rcv_wnd_shift);
  number(line, "rto", milliseconds(i.rto));
  count(line, "backoff", i.backoff);
  if (i.srtt.count() != 0) {
    line += fmt::format(" rtt:{:.6g}/{:.6g}", milliseconds(i.srtt), milliseconds(i.rttvar));
  }
  number(line, "ato", milliseconds(i.ato));
}

void info_sizes_and_totals(std::string& line, const tcp::Info& i, bool numeric) {
  count(line, "mss", i.snd_mss);
  count(line, "pmtu", i.path_mtu);
  count(line, "rcvmss", i.rcv_mss);
  count(line, "advmss", i.advmss);
  const std::uint32_t mss = std::max(i.snd_mss, 1u);
  count(line, "cwnd", i.snd_cwnd / mss);
  if (i.snd_ssthresh < 0x7fffffff) count(line, "ssthresh", i.snd_ssthresh / mss);
  count(line, "bytes_sent", i.bytes_sent);
  count(line, "bytes_retrans", i.bytes_retrans);
  count(line, "bytes_acked", i.bytes_acked);
  count(line, "bytes_received", i.bytes_received);
  count(line, "segs_out", i.segs_out);
  count(line, "segs_in", i.segs_in);
  count(line, "data_segs_out", i.data_segs_out);
  count(line, "data_segs_in", i.data_segs_in);
  if (i.srtt.count() > 0 && i.snd_cwnd > 0) {
    const double seconds = static_cast<double>(i.srtt.count()) / 1e9;
    line += " send " + rate_text(static_cast<double>(i.snd_cwnd) * 8 / seconds, numeric);
  }
}

void info_limits(std::string& line, const tcp::Info& i) {
  if (i.busy < std::chrono::milliseconds(1)) return;
  const auto share = [&](const char* name, Duration of) {
    if (of < std::chrono::milliseconds(1)) return;
    const double percent = 100 * milliseconds(of) / milliseconds(i.busy);
    line += fmt::format(" {}:{}ms({:.1f}%)", name, whole_milliseconds(of), percent);
  };
  line += fmt::format(" busy:{}ms", whole_milliseconds(i.busy));
  share("rwnd_limited", i.limited_by_window);
  share("sndbuf_limited", i.limited_by_buffer);
}

void info_recent(std::string& line, const tcp::Info& i) {
  count(line, "lastsnd", static_cast<std::uint64_t>(whole_milliseconds(i.last_data_sent)));
  count(line, "lastrcv", static_cast<std::uint64_t>(whole_milliseconds(i.last_data_received)));
  count(line, "lastack", static_cast<std::uint64_t>(whole_milliseconds(i.last_ack_received)));
  info_limits(line, i);
  count(line, "unacked", i.unacked);
  if (i.retrans != 0 || i.total_retrans != 0) {
    line += fmt::format(" retrans:{}/{}", i.retrans, i.total_retrans);
  }
  count(line, "lost", i.lost);
  if (i.state != State::Listen) count(line, "sacked", i.sacked);
  count(line, "dsack_dups", i.dsack_dups);
  if (i.reordering != 3) count(line, "reordering", i.reordering);
  count(line, "reord_seen", i.reord_seen);
  count(line, "notsent", i.not_sent);
  number(line, "minrtt", milliseconds(i.min_rtt));
  count(line, "rcv_ooopack", i.rcv_ooopack);
  count(line, "snd_wnd", i.snd_wnd);
  count(line, "rcv_wnd", i.rcv_wnd);
}

bool can_receive(State s) {
  return s == State::Listen || s == State::SynSent || s == State::SynReceived ||
         s == State::Established || s == State::FinWait1 || s == State::FinWait2;
}
bool can_send(State s) {
  return s == State::Listen || s == State::SynSent || s == State::SynReceived ||
         s == State::Established || s == State::CloseWait;
}

}  // namespace

std::string ss_timer(const tcp::Info& info) {
  const char* name = nullptr;
  switch (info.timer) {
    case tcp::TimerKind::None:
      return "";
    case tcp::TimerKind::Retransmit:
      name = "on";
      break;
    case tcp::TimerKind::KeepAlive:
      name = "keepalive";
      break;
    case tcp::TimerKind::TimeWait:
      name = "timewait";
      break;
    case tcp::TimerKind::Persist:
      name = "persist";
      break;
  }
  return fmt::format("timer:({},{},{})", name, ss_timer_text(info.timer_left), info.timer_retries);
}

std::string ss_users(const Connection& c) {
  if (!has_owner(c)) return "";
  return fmt::format("users:((\"{}\",pid={}))", c.owner.command, c.owner.pid);
}

std::string ss_extended(const Connection& c) {
  const State state = c.info.state;
  std::string line;
  if (has_owner(c) && c.uid != 0) line = fmt::format("uid:{} ", c.uid);
  line += fmt::format("ino:0 sk:{:x}", c.info.id);
  if (state == State::TimeWait) return line;
  return line + fmt::format(" {}-{}", can_receive(state) ? '<' : '-', can_send(state) ? '>' : '-');
}

std::string ss_memory(const tcp::Info& i) {
  const bool listens = i.state == State::Listen;  // there the queues count connections
  return fmt::format("skmem:(r{},rb{},t0,tb{},f0,w{},o0,bl0,d0)", listens ? 0 : i.receive_queue,
                     i.receive_buffer, i.send_buffer, listens ? 0 : i.send_queue);
}

std::string ss_info(const tcp::Info& info, bool numeric) {
  if (info.state == State::TimeWait) return "";
  std::string line;
  info_options_and_times(line, info);
  info_sizes_and_totals(line, info, numeric);
  info_recent(line, info);
  return line.substr(1);
}

std::string ss_address(const IpAddress& address) {
  if (address.is_v4()) return address.to_string();
  if (address.is_any()) return "*";
  return "[" + address.to_string() + "]";
}

std::string ss_port(Port port, bool numeric) {
  if (port.value == 0) return "*";
  if (!numeric) {
    servent found{};
    servent* service = nullptr;
    char room[1024];
    if (::getservbyport_r(htons(port.value), "tcp", &found, room, sizeof room, &service) == 0 &&
        service != nullptr) {
      return service->s_name;
    }
  }
  return std::to_string(port.value);
}

std::string ss_table(const std::vector<Connection>& connections, const SsFormat& format) {
  std::array<bool, kColumns> shown;
  shown.fill(true);
  shown[kNetid] = format.netid;
  shown[kState] = format.state;
  Row header;
  for (std::size_t i = 0; i < kColumns; ++i) header[i] = kShapes[i].header;

  std::vector<Row> rows;
  rows.reserve(connections.size());
  for (const Connection& c : connections) rows.push_back(row_of(c, format));
  std::array<std::size_t, kColumns> widths{};
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (format.header) widths[i] = header[i].size();
    for (const Row& row : rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  if (format.header) print_row(header, widths, shown, out);
  for (const Row& row : rows) print_row(row, widths, shown, out);
  return out;
}

}  // namespace estab::observe
