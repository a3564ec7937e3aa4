// 6. FIN-WAIT-1, CLOSING, LAST-ACK that stay: our FIN, or the data before it, is not acknowledged.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

bool window_closed(const Connection& c) {
  const auto* info = info_of(c);
  return c.timer.kind == tcp::TimerKind::Persist || (info != nullptr && info->snd_wnd == 0);
}

void explain(bool window, Finding& f) {
  if (window) {
    f.why =
        "The peers' windows are closed: their applications do not read what was sent before "
        "our close(). The data, and the FIN behind it, stay in our memory.";
    f.not_because = {"no dead peer: they answer our probes, with a window of 0"};
    return;
  }
  f.why =
      "Our FIN is repeated with growing pauses and nobody acknowledges it: the peers are gone "
      "(crashed, off the network), or a middlebox forgot the connection and drops.";
  f.not_because = {"not the application: it has closed",
                   "not a peer that does not read: its window is open"};
}

void report(const Census& census, const Evidence& evidence, const Rows& rows, bool window,
            Findings& out) {
  Finding f;
  f.kind = 6;
  f.id = window ? "fin-zero-window" : "fin-unanswered";
  f.sure = Sure::Likely;
  evidence.name_holders(rows, f);
  std::uint64_t bytes = 0;
  std::uint32_t retries = 0;
  for (const Connection* c : rows) {
    bytes += c->send_queue;
    retries = std::max(retries, c->timer.retries);
  }
  f.headline =
      window ? fmt::format("{} hold data that the peers do not read",
                           count(rows.size(), "closed connection"))
             : fmt::format("The FIN of {} is not acknowledged", count(rows.size(), "connection"));
  f.seen = {
      fmt::format("{} in {} and the like, the oldest for {} at least, {} bytes unacknowledged.",
                  count(rows.size(), "connection"), ss_name(rows.front()->state),
                  plain_duration(oldest(evidence, rows)), bytes),
      fmt::format("Up to {}; nothing was acknowledged between the looks.",
                  count(retries, "retransmission"))};
  explain(window, f);
  const auto orphan_retries = evidence.knob("tcp_orphan_retries").value_or(0);
  f.now.push_back(show(census, "See them:", "state fin-wait-1 state closing state last-ack"));
  if (orphan_retries == 0 || orphan_retries > 4) {
    f.now.push_back(set(census, "Give up on closed connections sooner: after 4 retransmissions.",
                        "tcp_orphan_retries", "4"));
    f.for_good.push_back(keep(census, "The same for good.", "tcp_orphan_retries", "4"));
  }
  // The answered probes hide from `age` how long it has been.
  if (!window)
    f.now.push_back(end_connections(census, "Or end them now; their last bytes are lost.",
                                    "state fin-wait-1 state closing state last-ack", ""));
  f.for_good.push_back(words(window
                                 ? "SO_LINGER or TCP_USER_TIMEOUT bound how long close() may "
                                   "keep data for a peer that does not read."
                                 : "TCP_USER_TIMEOUT bounds it for each socket; see whether a "
                                   "firewall's idle limit is shorter than the connections live."));
  f.numbers = {{"connections", static_cast<double>(rows.size())},
               {"bytes", static_cast<double>(bytes)}};
  out.push_back(std::move(f));
}

void orphan_limit(const Census& census, const Evidence& evidence, Findings& out) {
  const auto bound = evidence.knob("tcp_max_orphans");
  if (!bound || *bound <= 0) return;
  std::size_t n = 0;
  for (const Connection& c : census.after) {
    n += c.orphan && c.timer.kind != tcp::TimerKind::TimeWait ? 1 : 0;
  }
  if (static_cast<double>(n) < static_cast<double>(*bound) * census.thresholds.nearly) return;
  Finding f;
  f.kind = 6;
  f.id = "orphans-near-limit";
  f.severity = Severity::Critical;
  f.sure = Sure::Certainly;
  f.headline = "Closed connections that are not finished come near tcp_max_orphans";
  f.seen = {share(n, static_cast<std::uint64_t>(*bound)) + " orphans."};
  f.why = "Past the bound close() resets instead of finishing: the last bytes of answers get lost.";
  f.now.push_back(set(census, "Give up on them sooner.", "tcp_orphan_retries", "4"));
  f.numbers = {{"orphans", static_cast<double>(n)}, {"bound", static_cast<double>(*bound)}};
  out.push_back(std::move(f));
}

}  // namespace

void fin_unanswered(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  Rows silent, window;
  const auto all = evidence.in({State::FinWait1, State::Closing, State::LastAck});
  for (const Connection* c : all) {
    const Duration age = window_closed(*c) ? evidence.window_closed_for(*c) : evidence.age(*c);
    if (!evidence.stayed(*c) || std::max(age, census.between) < census.thresholds.old) continue;
    if (!evidence.nothing_acknowledged(*c) || c->send_queue == 0) continue;
    if (window_closed(*c)) {
      window.push_back(c);
    } else if (c->timer.retries >= 2) {
      silent.push_back(c);
    }
  }
  if (evidence.enough(silent.size(), census.after.size())) {
    report(census, evidence, silent, false, out);
  }
  if (evidence.enough(window.size(), census.after.size())) {
    report(census, evidence, window, true, out);
  }
  orphan_limit(census, evidence, out);
}

}  // namespace estab::observe::doctor
