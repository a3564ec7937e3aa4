#include "observe/ss_view.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <thread>

#include "observe/duration_text.h"
#include "observe/escape.h"

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
  std::string_view header;
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

void append_number(std::string& to, std::uint64_t value) {
  char room[20];
  const auto end = std::to_chars(room, room + sizeof room, value).ptr;
  to.append(room, static_cast<std::size_t>(end - room));
}

void append_v4(std::string& to, std::uint32_t address) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    append_number(to, address >> shift & 0xff);
    if (shift != 0) to += '.';
  }
}

// All cells' text in one buffer and their ends beside it: a hundred thousand rows cost no
// allocation each.
class Cells {
 public:
  explicit Cells(std::size_t rows) {
    ends_.reserve((rows + 1) * kColumns);
    text_.reserve((rows + 1) * 64);
  }
  std::string& text() { return text_; }
  void end_cell() {
    const std::size_t begin = ends_.empty() ? 0 : ends_.back();
    std::size_t& widest = widest_[ends_.size() % kColumns];
    widest = std::max(widest, text_.size() - begin);
    ends_.push_back(text_.size());
  }
  std::string print(const SsFormat& format) const;
  friend void share_widths(Cells& a, Cells& b) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      a.widest_[i] = b.widest_[i] = std::max(a.widest_[i], b.widest_[i]);
    }
  }

 private:
  std::string text_;
  std::vector<std::size_t> ends_;
  std::array<std::size_t, kColumns> widest_{};
};

std::string Cells::print(const SsFormat& format) const {
  std::array<bool, kColumns> shown;
  shown.fill(true);
  shown[kNetid] = format.netid;
  shown[kState] = format.state;
  std::size_t width = kColumns;
  for (std::size_t i = 0; i < kProcess; ++i) width += widest_[i];
  const std::size_t rows = ends_.size() / kColumns;
  std::string out;
  out.reserve(text_.size() + rows * width);
  std::size_t begin = 0;
  for (std::size_t cell = 0; cell < ends_.size(); ++cell) {
    const std::size_t column = cell % kColumns;
    const std::size_t size = ends_[cell] - begin;
    const char* text = text_.data() + begin;
    begin = ends_[cell];
    if (column == kProcess) {
      out.append(text, size);
      while (!out.empty() && out.back() == ' ') out.pop_back();
      out += '\n';
      continue;
    }
    if (!shown[column]) continue;
    if (kShapes[column].separate && !out.empty() && out.back() != '\n') out += ' ';
    const std::size_t blanks = widest_[column] - size;
    if (kShapes[column].right) out.append(blanks, ' ');
    out.append(text, size);
    if (!kShapes[column].right) out.append(blanks, ' ');
  }
  return out;
}

void put_header(Cells& cells) {
  for (const ColumnShape& column : kShapes) {
    cells.text() += column.header;
    cells.end_cell();
  }
}

void put_endpoint(Cells& cells, const Connection& c, const Endpoint& end, std::uint32_t device,
                  const SsFormat& format, Names& names) {
  std::string& text = cells.text();
  const bool named = format.resolve && !(c.v6 && end.address == IpAddress{});
  if (named) {
    const std::string& name = names.host(end.address, c.v6);
    text += name.find(':') != name.npos ? "[" + name + "]" : name;
  } else {
    append_ss_address(text, c, end.address);
  }
  if (device != 0) {
    text += '%';
    text += names.device(device);
  }
  text += ':';
  cells.end_cell();
  if (end.port.value == 0) {
    text += '*';
  } else if (format.numeric) {
    append_number(text, end.port.value);
  } else {
    text += names.service(end.port.value);
  }
  cells.end_cell();
}

void put_last_cell(std::string& text, const Connection& c, const SsFormat& format, Names& names) {
  if (format.processes || format.threads) append_ss_users(text, c, format.threads);
  if (format.timers) append_ss_timer(text, c);
  if (format.extended) append_ss_extended(text, c, names);
  if (format.ages) append_ss_age(text, c);
  if (c.netns != 0) {  // only where several are shown
    text += " netns:";
    append_number(text, c.netns);
  }
  if (format.tos && c.detail) append_ss_tos(text, *c.detail);
  if (format.cgroup && c.cgroup != 0) {
    text += " cgroup:";
    append_escaped(text, names.cgroup(c.cgroup));
  }
  if (format.socket_options && c.detail && c.detail->socket_options) {
    text += format.one_line ? " " : "\n\t";
    append_ss_socket_options(text, *c.detail);
  }
  if (!format.memory && !format.info) return;
  if (!format.one_line) text += "\n\t";
  if (format.memory && c.detail) append_ss_memory(text, *c.detail);
  if (format.info) append_ss_info(text, c, format);
}

void put_row(Cells& cells, const Connection& c, const SsFormat& format, Names& names) {
  std::string& text = cells.text();
  text += "tcp";
  cells.end_cell();
  text += ss_name(c.state);
  cells.end_cell();
  append_number(text, c.receive_queue);
  cells.end_cell();
  append_number(text, c.send_queue);
  cells.end_cell();
  put_endpoint(cells, c, c.local, c.interface, format, names);
  put_endpoint(cells, c, c.remote, 0, format, names);
  put_last_cell(text, c, format, names);
  cells.end_cell();
}

}  // namespace

void append_ss_address(std::string& to, const Connection& c, const IpAddress& address) {
  if (!c.v6) return append_v4(to, address.v4_value());
  if (address == IpAddress{} && !c.v6_only.value_or(false)) {
    to += '*';
    return;
  }
  char room[INET6_ADDRSTRLEN];
  to += '[';
  to += ::inet_ntop(AF_INET6, address.bytes().data(), room, sizeof room);
  to += ']';
}

void append_ss_timer(std::string& to, const Connection& c) {
  static constexpr std::string_view kNames[] = {"off", "on", "keepalive", "timewait", "persist"};
  if (c.timer.kind == tcp::TimerKind::None) return;
  to += " timer:(";
  to += kNames[static_cast<std::size_t>(c.timer.kind)];
  to += ',';
  to += ss_timer_text(c.timer.left);
  to += ',';
  append_number(to, c.timer.retries);
  to += ')';
}

void append_ss_users(std::string& to, const Connection& c, bool threads) {
  if (c.owners.empty()) return;
  to += " users:(";
  bool first = true;
  for (const Owner& owner : c.owners) {
    to += first ? "(\"" : ",(\"";
    first = false;
    append_escaped(to, owner.command);
    to += "\",pid=";
    append_number(to, owner.pid);
    if (threads) {
      to += ",tid=";
      append_number(to, owner.tid);
    }
    if (owner.fd >= 0) {
      to += ",fd=";
      append_number(to, static_cast<std::uint64_t>(owner.fd));
    }
    to += ')';
  }
  to += ')';
}

void append_ss_extended(std::string& to, const Connection& c, Names& names) {
  if (c.uid != 0) {
    to += " uid:";
    append_number(to, c.uid);
  }
  to += " ino:";
  append_number(to, c.inode);
  to += " sk:";
  char room[16];
  const auto end = std::to_chars(room, room + sizeof room, c.cookie, 16).ptr;
  to.append(room, static_cast<std::size_t>(end - room));
  if (c.mark != 0) fmt::format_to(std::back_inserter(to), " fwmark:0x{:x}", c.mark);
  if (c.cgroup != 0) {
    to += " cgroup:";
    append_escaped(to, names.cgroup(c.cgroup));
  }
  if (c.v6 && c.v6_only) to += *c.v6_only ? " v6only:1" : " v6only:0";
  if (!c.shutdown) return;
  to += ' ';
  to += (*c.shutdown & 1) != 0 ? '-' : '<';
  to += '-';
  to += (*c.shutdown & 2) != 0 ? '-' : '>';
}

void append_ss_age(std::string& to, const Connection& c) {
  if (!c.in_state) return;
  static constexpr std::string_view kMarks[] = {"", "~", ">="};
  to += " age:";
  to += kMarks[static_cast<std::size_t>(c.in_state->known)];
  to += short_duration(c.in_state->value);
}

void append_ss_tos(std::string& to, const Detail& detail) {
  const auto put = [&](const char* name, std::uint32_t value) {
    fmt::format_to(std::back_inserter(to), " {}:{}{:x}", name, value == 0 ? "" : "0x", value);
  };
  if (detail.tos) put("tos", *detail.tos);
  if (detail.traffic_class) put("tclass", *detail.traffic_class);
  if (detail.class_id) put("class_id", *detail.class_id);
}

void append_ss_socket_options(std::string& to, const Detail& detail) {
  static constexpr const char* kBits[2][8] = {
      {"recverr", "is_icsk", "freebind", "hdrincl", "mc_loop", "transparent", "mc_all", "nodefrag"},
      {"bind_addr_no_port", "recverr_rfc4884", "defer_connect"}};
  to += "inet-sockopt: (";
  for (std::size_t byte = 0; byte < 2; ++byte) {
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const bool set = ((*detail.socket_options)[byte] >> bit & 1) != 0;
      if (set && kBits[byte][bit] != nullptr) (to += ' ') += kBits[byte][bit];
    }
  }
  to += ')';
}

void append_ss_memory(std::string& to, const Detail& detail) {
  if (detail.memory) {
    const Memory& m = *detail.memory;
    fmt::format_to(std::back_inserter(to), " skmem:(r{},rb{},t{},tb{},f{},w{},o{},bl{},d{})",
                   m.rmem_alloc, m.rcvbuf, m.wmem_alloc, m.sndbuf, m.fwd_alloc, m.wmem_queued,
                   m.optmem, m.backlog, m.drops);
  } else if (detail.short_memory) {
    const ShortMemory& m = *detail.short_memory;
    fmt::format_to(std::back_inserter(to), " mem:(r{},w{},f{},t{})", m.rmem, m.wmem, m.fmem,
                   m.tmem);
  }
}

// The second half is drawn by a thread of its own where rows are many, as looking up names (which has
// one answer a process) is not asked for.
std::string ss_table(const std::vector<Connection>& connections, const SsFormat& format) {
  constexpr std::size_t kMany = 20'000;
  const std::size_t rows = connections.size();
  const bool halves = rows >= kMany && format.numeric && !format.resolve && !format.extended &&
                      std::thread::hardware_concurrency() > 1;
  const std::size_t middle = halves ? rows / 2 : rows;
  Cells first(middle);
  Cells second(rows - middle);
  if (format.header) put_header(first);
  const auto put = [&](Cells& cells, std::size_t begin, std::size_t end) {
    Names names;
    for (std::size_t i = begin; i < end; ++i) put_row(cells, connections[i], format, names);
  };
  if (!halves) {
    put(first, 0, rows);
    return first.print(format);
  }
  std::thread putting([&] { put(second, middle, rows); });
  put(first, 0, middle);
  putting.join();
  share_widths(first, second);
  std::string below;
  std::thread printing([&] { below = second.print(format); });
  std::string table = first.print(format);
  printing.join();
  return table + below;
}

}  // namespace estab::observe
