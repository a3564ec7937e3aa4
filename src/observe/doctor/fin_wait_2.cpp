// 5. FIN-WAIT-2 that stays: the peer's application does not close.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

constexpr std::size_t kManyOrphans = 20;  // they end by themselves

void held(const Census& census, const Evidence& evidence, const Rows& rows, Findings& out) {
  Finding f;
  f.kind = 5;
  f.id = "fin-wait-2-held";
  f.sure = Sure::Likely;
  evidence.name_holders(rows, f);
  f.headline = fmt::format("{} waits on {} half-closed, and the peers send neither data nor FIN",
                           who(f), count(rows.size(), "connection"));
  f.seen = {fmt::format("{} in FIN-WAIT-2 with a descriptor, the oldest for {} at least; no byte "
                        "came between the looks.",
                        count(rows.size(), "connection"), plain_duration(oldest(evidence, rows))),
            "No timer runs for them."};
  f.why =
      "The application called shutdown(SHUT_WR) and kept the descriptor: no timer ends such a "
      "wait, tcp_fin_timeout neither. The peers have not closed: on their side these are in "
      "CLOSE-WAIT.";
  f.not_because = {"no half-close at work: nothing was received between the looks",
                   "no lost FIN: it was acknowledged, or the state were FIN-WAIT-1"};
  f.now.push_back(show(census, "See them:", "state fin-wait-2"));
  if (!f.processes.empty() && f.processes[0].pid != 0) {
    f.now.push_back(
        end_process("Or end the process: orphans get tcp_fin_timeout.", f.processes[0].pid));
  }
  f.for_good = {words("After shutdown() wait for the end with a time limit (SO_RCVTIMEO, poll()), "
                      "then close()."),
                words("On the peers: `estab doctor` names who leaves CLOSE-WAIT standing.")};
  f.numbers = {{"connections", static_cast<double>(rows.size())}};
  out.push_back(std::move(f));
}

void orphans(const Census& census, const Evidence& evidence, const Rows& rows, Findings& out) {
  Finding f;
  f.kind = 5;
  f.id = "fin-wait-2-orphans";
  f.sure = Sure::Likely;
  evidence.name_holders(rows, f);
  const auto timeout = evidence.knob("tcp_fin_timeout").value_or(60);
  f.headline = fmt::format("{} closed here wait for peers that do not close",
                           count(rows.size(), "connection"));
  f.seen = {fmt::format("{} in FIN-WAIT-2 without an owner, the oldest for {} at least.",
                        count(rows.size(), "connection"), plain_duration(oldest(evidence, rows))),
            fmt::format("tcp_fin_timeout ends each after {} s.", timeout)};
  f.why =
      "We closed, the peers acknowledged that and do not close themselves: on their side these "
      "are in CLOSE-WAIT. Here each costs a record, and its port, until the time is up.";
  f.not_because = {"no leak on this side: nobody here holds them any more",
                   "no lost FIN: it was acknowledged, or the state were FIN-WAIT-1"};
  f.now.push_back(show(census, "See them:", "state fin-wait-2"));
  if (timeout > 20) {
    f.now.push_back(set(census, "Wait less for them.", "tcp_fin_timeout", "20"));
    f.for_good.push_back(keep(census, "The same for good.", "tcp_fin_timeout", "20"));
  }
  f.for_good.push_back(words("Mend the peers: `estab doctor` there names the process."));
  f.numbers = {{"connections", static_cast<double>(rows.size())}};
  out.push_back(std::move(f));
}

}  // namespace

void fin_wait_2(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  const auto all = evidence.in({State::FinWait2});
  const auto timeout = std::chrono::seconds(evidence.knob("tcp_fin_timeout").value_or(60));
  const Duration orphan_old = std::min<Duration>(census.thresholds.old, timeout / 2);
  Rows owned, left;
  for (const Connection* c : all) {
    if (!evidence.stayed(*c) || !evidence.nothing_received(*c)) continue;
    const bool orphan = c->orphan || c->timer.kind == tcp::TimerKind::TimeWait;
    if (evidence.age(*c) < (orphan ? orphan_old : census.thresholds.old)) continue;
    (orphan ? left : owned).push_back(c);
  }
  for (const auto& [pid, rows] : by_process(evidence, owned)) {
    if (rows.size() >= census.thresholds.few) held(census, evidence, rows, out);
  }
  if (left.size() >= kManyOrphans && evidence.enough(left.size(), census.after.size())) {
    orphans(census, evidence, left, out);
  }
}

}  // namespace estab::observe::doctor
