// 7. RSTs: who sends them, and why.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"

namespace estab::observe::doctor {
namespace {

// Worth a word: at least one a second, and not a small part of all connections that came or went.
bool frequent(const Census& census, const Evidence& evidence, std::int64_t n) {
  const double seconds = std::max(1.0, std::chrono::duration<double>(census.between).count());
  const auto opened = evidence.counted("TcpActiveOpens") + evidence.counted("TcpPassiveOpens");
  return n >= static_cast<std::int64_t>(census.thresholds.few) &&
         static_cast<double>(n) >= seconds && n * 10 >= opened;
}

// Those who held what is gone now: the socket itself no longer says. A listener's connections are
// its process's, a client's those of whoever still has connections to that server.
Rows suspects(const Census& census, const Evidence& evidence, bool unread) {
  Rows rows;
  std::map<Endpoint, const Connection*> held;  // one for each remote end
  for (const Connection& c : census.after) {
    if (!c.owners.empty()) held.emplace(c.remote, &c);
  }
  for (const Connection* c : evidence.vanished()) {
    if (c->state != State::Established && c->state != State::CloseWait) continue;
    if (unread && c->receive_queue == 0) continue;
    if (const Connection* listener = evidence.listener(c->local.port)) {
      rows.push_back(listener);
      continue;
    }
    if (const auto other = held.find(c->remote); other != held.end()) rows.push_back(other->second);
  }
  return rows;
}

struct Cause {
  std::string id, headline, why;
  std::vector<std::string> not_because;
  std::vector<Remedy> now, for_good;
};

void report(const Census& census, const Evidence& evidence, std::int64_t n,
            std::string_view counter, const Rows& rows, Cause cause, Findings& out) {
  Finding f;
  f.kind = 7;
  f.id = std::move(cause.id);
  f.sure = Sure::Certainly;
  evidence.name_holders(rows, f);
  f.headline = (f.processes.empty() ? "Somebody here" : who(f)) + " " + cause.headline;
  f.seen = {fmt::format("{} grew by {}; RSTs sent in all: {}.", counter, at_rate(n, census.between),
                        evidence.counted("TcpOutRsts"))};
  if (f.processes.empty() || census.source == Source::Linux) {
    f.seen.push_back(f.processes.empty()
                         ? "Which process could not be seen: such connections are gone at once."
                         : "The processes are those whose connections went between the looks.");
  }
  f.why = std::move(cause.why);
  f.not_because = std::move(cause.not_because);
  f.now = std::move(cause.now);
  f.for_good = std::move(cause.for_good);
  f.numbers = {{"resets", static_cast<double>(n)}};
  out.push_back(std::move(f));
}

Cause unread_data() {
  return {
      "reset-unread-data",
      "closes connections without having read all: RST",
      "close() with unread data in the receive queue sends RST instead of FIN (RFC 9293 3.10.4, "
      "RFC 2525 2.17); the peer may lose the end of the answer, and sees ECONNRESET.",
      {"not linger 0: that counts as TCPAbortOnData", "no closed port: those were connections"},
      {},
      {words("Read to the end of file before close(), or say shutdown(SHUT_WR), read on, then "
             "close(): also of requests that are refused."),
       words("If the peers send what nobody wants, tell them; SIGKILL of a busy process looks "
             "the same.")}};
}

Cause linger_zero() {
  return {"reset-linger",
          "ends connections by RST on purpose (SO_LINGER 0), or while data still arrives",
          "The counter counts close() with SO_LINGER 0 and data that came after close(). Either "
          "throws away what is on its way.",
          {"no unread data at close(): that counts as TCPAbortOnClose"},
          {},
          {words("Drop SO_LINGER 0 (sometimes set to be rid of TIME-WAIT: let the other side close "
                 "first instead)."),
           words("Or close only when the peer has ended: shutdown(SHUT_WR), read to the end.")}};
}

Cause timeouts() {
  return {"reset-timeouts",
          "loses connections by time-out",
          "Retransmissions, keep-alive or TCP_USER_TIMEOUT were spent: the peers vanished or the "
          "path broke.",
          {"not the application: the stack ended these"},
          {},
          {words("See whether the peers have something in common (a route, a firewall's idle "
                 "limit); let keep-alive be more frequent than that limit.")}};
}

void no_listener(const Census& census, const Evidence& evidence, std::int64_t explained,
                 Findings& out) {
  const bool stack = census.source == Source::Stack;
  const std::int64_t n =
      stack ? evidence.counted("EstabTcpNoConnection") : evidence.counted("TcpOutRsts") - explained;
  if (!frequent(census, evidence, n)) return;
  Cause cause{"reset-no-listener",
              "is called where nobody listens: RST",
              "RSTs went out that no connection of ours accounts for: SYNs to a closed port, or "
              "segments of connections that are long gone.",
              {"not close() with unread data, linger or time-outs: their counters account for " +
               std::to_string(explained)},
              {},
              {words("Start the service, or correct the port in the clients, the load balancer or "
                     "the health check.")}};
  cause.now.push_back(
      words(stack ? "See who calls where: run the stack with a capture (pcap=FILE), "
                    "and look for RSTs."
                  : "See who calls where: tcpdump -n 'tcp[tcpflags] & tcp-rst != 0'"));
  Rows nobody;
  Finding f;
  report(census, evidence, n, stack ? "EstabTcpNoConnection" : "TcpOutRsts", nobody,
         std::move(cause), out);
  out.back().headline = "Calls to ports where nobody listens are answered by RST";
  out.back().sure = stack ? Sure::Certainly : Sure::Likely;
  if (stack) evidence.name_holders({}, out.back());
  if (stack && !census.processes.empty()) {
    const Process& only = census.processes.front();
    out.back().processes = {{only.pid, only.command, 0, {}}};
  }
}

}  // namespace

void resets(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  const auto on_close = evidence.counted("TcpExtTCPAbortOnClose");
  const auto on_data = evidence.counted("TcpExtTCPAbortOnData");
  const auto on_timeout = evidence.counted("TcpExtTCPAbortOnTimeout");
  if (frequent(census, evidence, on_close)) {
    report(census, evidence, on_close, "TCPAbortOnClose", suspects(census, evidence, true),
           unread_data(), out);
  }
  if (frequent(census, evidence, on_data)) {
    report(census, evidence, on_data, "TCPAbortOnData", suspects(census, evidence, false),
           linger_zero(), out);
  }
  if (frequent(census, evidence, on_timeout)) {
    report(census, evidence, on_timeout, "TCPAbortOnTimeout", suspects(census, evidence, false),
           timeouts(), out);
  }
  // A reset connection may send more than one RST: what arrives later meets nobody.
  const auto explained = on_close + on_data + on_timeout +
                         evidence.counted("TcpExtTCPAbortOnMemory") +
                         evidence.counted("TcpExtTCPAbortOnLinger");
  if (explained == 0) no_listener(census, evidence, explained, out);
}

}  // namespace estab::observe::doctor
