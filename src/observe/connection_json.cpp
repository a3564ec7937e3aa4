#include "observe/connection_json.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <iterator>

#include "observe/escape.h"

namespace estab::observe {
namespace {

// {"name":value,...}: braces and commas.
class Object {
 public:
  explicit Object(std::string& to) : to_(to) { to_ += '{'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { to_ += '}'; }

  std::string& name(std::string_view name) {
    if (!first_) to_ += ',';
    first_ = false;
    append_json_string(to_, name);
    to_ += ':';
    return to_;
  }
  void number(std::string_view key, std::uint64_t value) {
    fmt::format_to(std::back_inserter(name(key)), "{}", value);
  }
  void milliseconds(std::string_view key, Duration value) {
    fmt::format_to(std::back_inserter(name(key)), "{:.15g}",
                   static_cast<double>(value.count() / 1000) / 1e3);
  }
  void text(std::string_view key, std::string_view value) { append_json_string(name(key), value); }
  void flag(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }

 private:
  std::string& to_;
  bool first_ = true;
};

void put_endpoint(Object& row, std::string_view name, const Endpoint& end, bool v6) {
  Object object(row.name(name));
  char room[INET6_ADDRSTRLEN] = "";
  if (v6) {
    ::inet_ntop(AF_INET6, end.address.bytes().data(), room, sizeof room);
  } else {
    const std::uint32_t address = htonl(end.address.v4_value());
    ::inet_ntop(AF_INET, &address, room, sizeof room);
  }
  object.text("address", room);
  object.number("port", end.port.value);
}

void put_owners(Object& row, const std::vector<Owner>& owners) {
  std::string& to = row.name("owners");
  to += '[';
  for (std::size_t i = 0; i < owners.size(); ++i) {
    if (i != 0) to += ',';
    Object object(to);
    object.number("pid", owners[i].pid);
    if (owners[i].tid != 0) object.number("tid", owners[i].tid);
    if (owners[i].fd >= 0) object.number("fd", static_cast<std::uint64_t>(owners[i].fd));
    object.text("command", owners[i].command);
  }
  to += ']';
}

void put_timer(Object& row, const Timer& timer) {
  static constexpr std::string_view kNames[] = {"off", "on", "keepalive", "timewait", "persist"};
  if (timer.kind == tcp::TimerKind::None) return;
  Object object(row.name("timer"));
  object.text("kind", kNames[static_cast<std::size_t>(timer.kind)]);
  object.milliseconds("left_ms", timer.left);
  object.number("retries", timer.retries);
}

void put_age(Object& row, const Age& age) {
  static constexpr std::string_view kKnown[] = {"exactly", "estimated", "at_least"};
  Object object(row.name("age"));
  object.milliseconds("ms", age.value);
  object.text("known", kKnown[static_cast<std::size_t>(age.known)]);
}

void put_options(Object& info, const tcp::LinuxTcpInfo& i) {
  info.flag("timestamps", i.has(tcp::kOptTimestamps));
  info.flag("sack", i.has(tcp::kOptSack));
  info.flag("ecn", i.has(tcp::kOptEcn));
  if (!i.has(tcp::kOptWscale)) return;
  info.number("snd_wscale", i.snd_wscale());
  info.number("rcv_wscale", i.rcv_wscale());
}

void put_path(Object& info, const tcp::LinuxTcpInfo& i) {
  info.number("rto_us", i.rto);
  info.number("rtt_us", i.rtt);
  info.number("rttvar_us", i.rttvar);
  if (i.min_rtt != ~std::uint32_t{0}) info.number("min_rtt_us", i.min_rtt);
  info.number("rcv_rtt_us", i.rcv_rtt);
  info.number("ato_us", i.ato);
  info.number("snd_mss", i.snd_mss);
  info.number("rcv_mss", i.rcv_mss);
  info.number("advmss", i.advmss);
  info.number("pmtu", i.pmtu);
  info.number("snd_cwnd", i.snd_cwnd);
  info.number("snd_ssthresh", i.snd_ssthresh);
  info.number("snd_wnd", i.snd_wnd);
  info.number("rcv_wnd", i.rcv_wnd);
  info.number("rcv_space", i.rcv_space);
  info.number("rcv_ssthresh", i.rcv_ssthresh);
  info.number("ca_state", i.ca_state);
  info.number("backoff", i.backoff);
  info.number("probes", i.probes);
  info.number("unacked", i.unacked);
  info.number("sacked", i.sacked);
  info.number("lost", i.lost);
  info.number("retrans", i.retrans);
  info.number("reordering", i.reordering);
}

void put_totals(Object& info, const tcp::LinuxTcpInfo& i) {
  info.number("last_data_sent_ms", i.last_data_sent);
  info.number("last_data_received_ms", i.last_data_recv);
  info.number("last_ack_received_ms", i.last_ack_recv);
  info.number("total_retrans", i.total_retrans);
  info.number("bytes_sent", i.bytes_sent);
  info.number("bytes_retrans", i.bytes_retrans);
  info.number("bytes_acked", i.bytes_acked);
  info.number("bytes_received", i.bytes_received);
  info.number("notsent_bytes", i.notsent_bytes);
  info.number("segs_out", i.segs_out);
  info.number("segs_in", i.segs_in);
  info.number("data_segs_out", i.data_segs_out);
  info.number("data_segs_in", i.data_segs_in);
  info.number("delivered", i.delivered);
  info.number("dsack_dups", i.dsack_dups);
  info.number("reord_seen", i.reord_seen);
  info.number("rcv_ooopack", i.rcv_ooopack);
  info.number("total_rto", i.total_rto);
  if (i.pacing_rate != ~std::uint64_t{0}) info.number("pacing_rate", i.pacing_rate);
  info.number("delivery_rate", i.delivery_rate);
  info.flag("app_limited", i.app_limited());
  info.number("busy_us", i.busy_time);
  info.number("rwnd_limited_us", i.rwnd_limited);
  info.number("sndbuf_limited_us", i.sndbuf_limited);
}

void put_memory(Object& row, const Memory& m) {
  Object object(row.name("memory"));
  object.number("rmem_alloc", m.rmem_alloc);
  object.number("rcvbuf", m.rcvbuf);
  object.number("wmem_alloc", m.wmem_alloc);
  object.number("sndbuf", m.sndbuf);
  object.number("fwd_alloc", m.fwd_alloc);
  object.number("wmem_queued", m.wmem_queued);
  object.number("optmem", m.optmem);
  object.number("backlog", m.backlog);
  object.number("drops", m.drops);
}

void put_detail(Object& row, const Detail& detail) {
  if (!detail.congestion.empty()) row.text("congestion", detail.congestion);
  if (detail.tos) row.number("tos", *detail.tos);
  if (detail.traffic_class) row.number("tclass", *detail.traffic_class);
  if (detail.class_id) row.number("class_id", *detail.class_id);
  if (detail.memory) put_memory(row, *detail.memory);
  if (!detail.info) return;
  Object info(row.name("tcp_info"));
  put_options(info, *detail.info);
  put_path(info, *detail.info);
  put_totals(info, *detail.info);
}

}  // namespace

void append_connection_json(std::string& to, const Connection& c, Names& names) {
  static constexpr std::string_view kSources[] = {"estab", "linux", "capture"};
  Object row(to);
  row.text("source", kSources[static_cast<std::size_t>(c.source)]);
  if (!c.stack.empty()) row.text("stack", c.stack);
  row.text("family", c.v6 ? "inet6" : "inet");
  row.text("state", ss_name(c.state));
  row.number("recv_q", c.receive_queue);
  row.number("send_q", c.send_queue);
  put_endpoint(row, "local", c.local, c.v6);
  put_endpoint(row, "peer", c.remote, c.v6);
  if (c.interface != 0) row.text("interface", names.device(c.interface));
  put_timer(row, c.timer);
  if (c.in_state) put_age(row, *c.in_state);
  put_owners(row, c.owners);
  row.number("uid", c.uid);
  row.number("inode", c.inode);
  row.text("cookie", fmt::format("{:x}", c.cookie));
  if (c.mark != 0) row.number("mark", c.mark);
  if (c.cgroup != 0) row.text("cgroup", names.cgroup(c.cgroup));
  if (c.netns != 0) row.number("netns", c.netns);
  if (c.v6_only) row.flag("v6only", *c.v6_only);
  if (c.shutdown) {
    row.flag("receive_shut", (*c.shutdown & 1) != 0);
    row.flag("send_shut", (*c.shutdown & 2) != 0);
  }
  row.flag("orphan", c.orphan);
  row.flag("unaccepted", unaccepted(c));
  if (c.detail) put_detail(row, *c.detail);
}

std::string connections_json(const std::vector<Connection>& connections) {
  Names names;
  std::string out = "[";
  for (std::size_t i = 0; i < connections.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    append_connection_json(out, connections[i], names);
  }
  out += connections.empty() ? "]\n" : "\n]\n";
  return out;
}

}  // namespace estab::observe
