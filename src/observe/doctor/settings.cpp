// 10. Settings that contradict each other, or that are unsafe.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"

namespace estab::observe::doctor {
namespace {

struct Setting {
  std::string id, headline, seen, why;
  std::string knob, value;  // what to set; empty: nothing
};

void report(const Census& census, Setting s, Findings& out, Sure sure = Sure::Certainly) {
  Finding f;
  f.kind = 10;
  f.id = std::move(s.id);
  f.sure = sure;
  f.headline = std::move(s.headline);
  f.seen = {std::move(s.seen)};
  f.why = std::move(s.why);
  if (!s.knob.empty()) {
    f.now.push_back(set(census, "Set it:", s.knob, s.value));
    f.for_good.push_back(keep(census, "And for good.", s.knob, s.value));
  }
  if (census.source == Source::Stack && !census.processes.empty()) {
    const Process& only = census.processes.front();
    f.processes = {{only.pid, only.command, 0, {}}};
  }
  out.push_back(std::move(f));
}

void opening(const Census& census, const Evidence& e, Findings& out) {
  const auto timestamps = e.knob("tcp_timestamps").value_or(1);
  if (e.knob("tcp_tw_reuse").value_or(0) == 1 && timestamps == 0) {
    report(census,
           {"settings-tw-reuse-without-timestamps",
            "tcp_tw_reuse is on but without effect: timestamps are off",
            "tcp_tw_reuse = 1, tcp_timestamps = 0.",
            "Only timestamps tell an old connection's segments from a new one's, so no port in "
            "TIME-WAIT is reused without them (RFC 6191).",
            "tcp_timestamps", "1"},
           out);
  }
  if (e.knob("tcp_syncookies").value_or(1) == 0) {
    report(census,
           {"settings-syncookies-off", "SYN cookies are off: any flood shuts the door",
            "tcp_syncookies = 0.",
            "When the SYN queue is full new SYNs are dropped, honest ones too; with 1 they are "
            "answered without memory, and only then.",
            "tcp_syncookies", "1"},
           out);
  }
}

void closing(const Census& census, const Evidence& e, Findings& out) {
  const auto timeout = e.knob("tcp_fin_timeout").value_or(60);
  if (timeout > 60) {
    report(census,
           {"settings-fin-timeout", "tcp_fin_timeout is raised: orphans stay longer and cost more",
            fmt::format("tcp_fin_timeout = {}.", timeout),
            "It bounds FIN-WAIT-2 of closed connections, not TIME-WAIT. On Linux what is over 60 s "
            "is spent as a full socket, of ten times the memory.",
            "tcp_fin_timeout", "60"},
           out);
  }
  const auto time_wait = e.knob("time_wait");
  if (time_wait && *time_wait < 2) {
    report(
        census,
        {"settings-time-wait-short", "TIME-WAIT is shorter than a segment may live",
         fmt::format("time_wait = {}.", *time_wait),
         "An old segment can then enter a new connection between the same ports (RFC 9293 3.4.1).",
         "time_wait", "60"},
        out);
  }
}

// Linux cuts listen(backlog) down to somaxconn without a word: a queue of exactly that length is
// most likely one that was to be longer.
void backlog(const Census& census, const Evidence& e, Findings& out) {
  const auto most = e.knob("somaxconn");
  if (!most || *most >= 4096) return;
  Rows cut;
  for (const Connection* c : e.in({State::Listen})) {
    if (c->send_queue == static_cast<std::uint64_t>(*most)) cut.push_back(c);
  }
  if (cut.empty()) return;
  report(census,
         {"settings-somaxconn", "somaxconn cuts the backlog that a server asked for",
          fmt::format("somaxconn = {}; {} of exactly that length, the first on port {}.", *most,
                      count(cut.size(), "accept queue"), cut.front()->local.port.value),
          "listen() takes the smaller one silently. The server must listen() anew after a change.",
          "somaxconn", "4096"},
         out, Sure::Possibly);
  out.back().processes.clear();
  e.name_holders(cut, out.back());
}

// The most that one connection can carry is the window for each round trip.
void buffers(const Census& census, const Evidence& e, Findings& out) {
  const auto most = e.knob("tcp_rmem_max");
  if (!most) return;
  std::uint32_t rtt = 0;  // microseconds
  for (const Connection* c : e.in({State::Established})) {
    if (const auto* info = info_of(*c)) rtt = std::max(rtt, info->min_rtt);
  }
  const auto needed = static_cast<std::int64_t>(rtt) * 100 / 8 * 2;  // 100 Mbit/s; half is overhead
  const bool below_window = *most < 65536;
  if (!below_window && *most >= needed) return;
  const std::string value = std::to_string(std::max<std::int64_t>(needed, 6291456));
  report(census,
         {"settings-receive-buffer", "The largest receive buffer throttles connections",
          fmt::format("tcp_rmem's maximum is {} bytes; the longest round trip is {:.1f} ms.", *most,
                      rtt / 1000.0),
          below_window ? "It is below 64 KiB, which window scaling exists to pass."
                       : "At this round trip it carries less than 100 Mbit/s in one connection.",
          census.source == Source::Linux ? "tcp_rmem" : "tcp_rmem_max",
          census.source == Source::Linux ? "4096 131072 " + value : value},
         out, below_window ? Sure::Certainly : Sure::Possibly);
}

void scaling(const Census& census, const Evidence& e, Findings& out) {
  if (e.knob("tcp_window_scaling").value_or(1) != 0) return;
  if (e.knob("tcp_rmem_max").value_or(0) <= 65535) return;
  report(census,
         {"settings-window-scaling", "Window scaling is off: buffers over 64 KiB are of no use",
          "tcp_window_scaling = 0.", "A window without scaling ends at 65,535 bytes (RFC 7323).",
          "tcp_window_scaling", "1"},
         out);
}

}  // namespace

void settings(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  const std::size_t before = out.size();
  opening(census, evidence, out);
  closing(census, evidence, out);
  backlog(census, evidence, out);
  buffers(census, evidence, out);
  scaling(census, evidence, out);
  // What the stack itself finds dangerous, unless it is said already.
  if (out.size() != before) return;
  for (const std::string& warning : census.warnings) {
    report(census,
           {"settings-dangerous", warning, "The stack says so of its own knobs.", warning, "", ""},
           out);
  }
}

}  // namespace estab::observe::doctor
