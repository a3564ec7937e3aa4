// 1. CLOSE-WAIT that stays: the peer said it is done, the application has not closed.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

// A half-close whose answer is still on its way is no leak.
bool still_answering(const Evidence& evidence, const Connection& c) {
  const Connection* then = evidence.earlier(c);
  return then != nullptr && !evidence.nothing_acknowledged(c);
}

struct Leak {
  Rows rows;
  std::size_t unread = 0, fresh = 0;
};

std::string share_of_limit(const Process* process) {
  return fmt::format("Its descriptors: {} of RLIMIT_NOFILE.",
                     share(process->descriptors, process->limit));
}

void say_why(const Evidence& evidence, const Leak& leak, Finding& f) {
  f.why =
      "The peer's FIN has been acknowledged; CLOSE-WAIT ends by close() alone, and no timer ends "
      "it. ";
  const Connection& first = *leak.rows.front();
  if (leak.unread * 2 > leak.rows.size()) {
    f.why += "There is unread data: the application does not even read these connections any more.";
  } else {
    f.why +=
        "Everything was read, the end of file with it or just behind it: the application "
        "knows, or would at its next read, and keeps the descriptor.";
  }
  f.not_because.push_back(
      "no half-close that is still answered: no byte was acknowledged between "
      "the looks");
  f.not_because.push_back("no full accept queue: each was accepted and has a descriptor");
  const Connection* listener = evidence.listener(first.local.port);
  if (listener == nullptr || listener->owners.empty() || f.processes.empty()) return;
  if (listener->owners.front().pid == f.processes.front().pid) return;
  f.seen.push_back(
      fmt::format("The listener belongs to another process, {} (pid {}): the holder "
                  "inherited the descriptor or was handed it.",
                  listener->owners.front().command, listener->owners.front().pid));
}

void remedies(const Census& census, const Leak& leak, const Process* process, Finding& f) {
  const unsigned port = leak.rows.front()->local.port.value;
  f.now.push_back(show(census, "See them:", fmt::format("state close-wait 'sport = :{}'", port)));
  if (census.source == Source::Stack) {
    f.now.push_back(
        end_connections(census,
                        "End them without the process; it reads ECONNABORTED, and keeps "
                        "the descriptors until it closes them.",
                        "state close-wait", fmt::format("sport = :{}", port)));
  }
  if (!f.processes.empty() && f.processes.front().pid != 0) {
    const std::uint32_t pid = f.processes.front().pid;
    if (process != nullptr && process->hard_limit > process->limit) {
      f.now.push_back(raise_limit("Buy time: let it have more descriptors.", pid,
                                  std::min(process->limit * 2, process->hard_limit)));
    }
    f.now.push_back(
        end_process("Or end the process (its supervisor starts it anew): that closes "
                    "them all. ss -K would free the sockets, not the descriptors.",
                    pid));
  }
  f.for_good.push_back(
      words("Close on every way out: when read() gives 0, when it fails, in each "
            "error path (a destructor, finally, defer, a context manager)."));
  f.for_good.push_back(words("Give idle connections a time limit, so that a forgotten one ends."));
}

void report(const Census& census, const Evidence& evidence, const Leak& leak, Findings& out) {
  Finding f;
  f.kind = 1;
  f.id = "close-wait-leak";
  evidence.name_holders(leak.rows, f);
  const std::size_t n = leak.rows.size();
  const Process* process = f.processes.empty() ? nullptr : evidence.process(f.processes[0].pid);
  const bool grows = leak.fresh > 0;
  f.sure = grows ? Sure::Certainly : Sure::Likely;
  f.headline = fmt::format("{} does not close {} that the peers closed{}", who(f),
                           count(n, "connection"), grows ? ", and they grow in number" : "");
  f.seen.push_back(fmt::format("{} in CLOSE-WAIT on port {}, the oldest for {} at least.",
                               count(n, "connection"), leak.rows.front()->local.port.value,
                               plain_duration(oldest(evidence, leak.rows))));
  f.seen.push_back(
      fmt::format("{} came between the looks, none of these went; {} with unread data.", leak.fresh,
                  leak.unread));
  if (process != nullptr && process->limit != 0) f.seen.push_back(share_of_limit(process));
  say_why(evidence, leak, f);
  const bool eats_limit = process != nullptr && process->limit != 0 && n * 2 > process->limit;
  f.severity = grows || eats_limit ? Severity::Critical : Severity::Warning;
  f.numbers = {
      {"connections", static_cast<double>(n)},
      {"new", static_cast<double>(leak.fresh)},
      {"with_unread_data", static_cast<double>(leak.unread)},
      {"oldest_seconds", std::chrono::duration<double>(oldest(evidence, leak.rows)).count()}};
  remedies(census, leak, process, f);
  out.push_back(std::move(f));
}

}  // namespace

void close_wait(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  Rows old;
  std::map<std::uint32_t, std::size_t> fresh;
  for (const Connection* c : evidence.in({State::CloseWait})) {
    if (unaccepted(*c) || still_answering(evidence, *c)) continue;
    const auto owners = evidence.owners(*c);
    if (evidence.earlier(*c) == nullptr) ++fresh[owners.empty() ? 0 : owners.front().pid];
    if (evidence.stayed(*c) && evidence.age(*c) >= census.thresholds.old) old.push_back(c);
  }
  for (auto& [pid, rows] : by_process(evidence, old)) {
    if (rows.size() < census.thresholds.few) continue;
    Leak leak{rows, 0, fresh[pid]};
    for (const Connection* c : rows) {
      // The FIN counts as one byte on Linux.
      leak.unread += c->receive_queue > (census.source == Source::Linux ? 1U : 0U) ? 1 : 0;
    }
    report(census, evidence, leak, out);
  }
}

}  // namespace estab::observe::doctor
