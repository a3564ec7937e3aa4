// 3. Half-open connections that pile up: a flood, lost answers, or a server that does not accept.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"

namespace estab::observe::doctor {
namespace {

struct Pile {
  std::uint16_t port = 0;  // 0: no rows, cookies alone
  Rows rows;
  std::size_t retried = 0;
  std::size_t networks = 0;
};

struct Cookies {
  std::int64_t sent = 0, returned = 0, dropped = 0;
  // Next to none came back: nobody stood behind those SYNs.
  bool unanswered() const { return sent >= 20 && returned * 10 < sent; }
};

void full_queue(const Census& census, const Evidence& evidence, Findings& out) {
  for (const Connection* c : evidence.in({State::Listen})) {
    const Connection* then = evidence.earlier(*c);
    const auto full = [](const Connection& l) {
      return l.send_queue > 0 && l.receive_queue >= l.send_queue;
    };
    if (then == nullptr || !full(*c) || !full(*then)) continue;
    const auto overflows = evidence.counted("TcpExtListenOverflows");
    Finding f;
    f.kind = 3;
    f.id = "accept-queue-full";
    f.sure = overflows > 0 ? Sure::Certainly : Sure::Likely;
    f.severity = Severity::Critical;
    evidence.name_holders({c}, f);
    f.headline = fmt::format("{} does not accept on port {}: its queue is full", who(f),
                             c->local.port.value);
    f.seen = {fmt::format("{} connections wait for accept() at both looks, the backlog is {}.",
                          c->receive_queue, c->send_queue),
              fmt::format("ListenOverflows grew by {}.", at_rate(overflows, census.between))};
    f.why =
        "New clients complete their handshake only when accept() takes one out of the queue. "
        "Until then their SYNs are dropped, and they hang in SYN-SENT and time out.";
    f.not_because = {"no flood: those that wait have completed the handshake",
                     "not somaxconn: a longer queue of a server that does not accept fills too"};
    const unsigned port = c->local.port.value;
    f.now.push_back(show(
        census, "See the listener and who waits:", fmt::format("state all 'sport = :{}'", port)));
    if (!f.processes.empty() && f.processes[0].pid != 0) {
      f.now.push_back(
          end_process("If it hangs, end it (its supervisor starts it anew).", f.processes[0].pid));
    }
    f.for_good = {words("Find out why it does not call accept(): blocked, out of descriptors "
                        "(EMFILE), too few threads, a stuck event loop."),
                  words("If it only is slow at times: a larger backlog in its listen() call; "
                        "somaxconn bounds it, but does not raise it."),
                  words("tcp_abort_on_overflow does not help: SYNs are dropped before it acts.")};
    f.numbers = {{"waiting", static_cast<double>(c->receive_queue)},
                 {"backlog", static_cast<double>(c->send_queue)},
                 {"overflows", static_cast<double>(overflows)}};
    out.push_back(std::move(f));
  }
}

void flood_remedies(const Census& census, const Evidence& evidence, const Cookies& cookies,
                    Finding& f) {
  if (evidence.knob("tcp_syncookies").value_or(1) == 0) {
    f.now.push_back(set(census,
                        "SYN cookies are off: turn them on. Then a full queue answers "
                        "without memory, and honest clients get in.",
                        "tcp_syncookies", "1"));
    f.for_good.push_back(keep(census, "The same for good.", "tcp_syncookies", "1"));
  } else {
    f.now.push_back(words(cookies.sent > 0
                              ? "Cookies are at work: honest clients still get in."
                              : "Cookies are on and will answer when the queue is full."));
  }
  f.now.push_back(set(census, "Give up earlier on who does not answer (3 s instead of a minute).",
                      "tcp_synack_retries", "1"));
  f.for_good.push_back(
      words("Filter in front: the networks are forged or many, so limit SYNs by "
            "rate at the edge, or ask the provider."));
}

void flood(const Census& census, const Evidence& evidence, const Pile& pile, const Cookies& cookies,
           Findings& out) {
  Finding f;
  f.kind = 3;
  f.id = "syn-flood";
  f.sure = cookies.unanswered() ? Sure::Certainly : Sure::Likely;
  f.severity = cookies.dropped > 0 ? Severity::Critical : Severity::Warning;
  evidence.name_holders(pile.rows, f);
  const std::string at = pile.port == 0 ? "" : fmt::format(" against port {}", pile.port);
  f.headline = fmt::format("A SYN flood{}: {} half-open from {} networks, and no answers", at,
                           pile.rows.size(), pile.networks);
  f.seen = {fmt::format("{} half-open{}, {} with repeated SYN,ACKs; {} /24 networks.",
                        pile.rows.size(), at, pile.retried, pile.networks),
            fmt::format("Cookies sent: {}; brought back: {}; SYNs dropped: {}.", cookies.sent,
                        cookies.returned, cookies.dropped)};
  f.why =
      "Many networks ask, hardly anyone completes. Honest clients return the cookie or the "
      "final ACK.";
  f.not_because = {"not a small backlog: honest bursts return their cookies",
                   "not a lossy path: that hits few networks, not all of them",
                   "not a full accept queue: the listener's is not"};
  flood_remedies(census, evidence, cookies, f);
  f.numbers = {{"half_open", static_cast<double>(pile.rows.size())},
               {"networks", static_cast<double>(pile.networks)},
               {"cookies_sent", static_cast<double>(cookies.sent)},
               {"cookies_returned", static_cast<double>(cookies.returned)}};
  out.push_back(std::move(f));
}

void lossy(const Census& census, const Evidence& evidence, const Pile& pile, Findings& out) {
  Finding f;
  f.kind = 3;
  f.id = "syn-lossy";
  f.sure = Sure::Likely;
  evidence.name_holders(pile.rows, f);
  f.headline = fmt::format("{} to port {} do not complete: the answers get lost on the way",
                           count(pile.rows.size(), "handshake"), pile.port);
  f.seen = {fmt::format("{} half-open, {} with repeated SYN,ACKs, all from {}.", pile.rows.size(),
                        pile.retried, count(pile.networks, "network")),
            fmt::format("SYN,ACKs and SYNs repeated: {}.",
                        at_rate(evidence.counted("TcpExtTCPSynRetrans"), census.between))};
  f.why =
      "Few peers, and each is answered again and again: our SYN,ACK or their final ACK does "
      "not arrive.";
  f.not_because = {"no flood: too few networks, and no cookie was needed",
                   "not a full accept queue: the listener's is not"};
  f.now.push_back(
      show(census, "See them:", fmt::format("state syn-recv 'sport = :{}'", pile.port)));
  f.now.push_back(
      words(fmt::format("Look whether our SYN,ACKs arrive there: tcpdump on both sides, "
                        "port {}.",
                        pile.port)));
  f.for_good = {
      words("A firewall or load balancer in between that sees one direction only "
            "(asymmetric routing), or loses packets, is the usual cause.")};
  f.numbers = {{"half_open", static_cast<double>(pile.rows.size())},
               {"networks", static_cast<double>(pile.networks)}};
  out.push_back(std::move(f));
}

std::map<std::uint16_t, Pile> piles(const Evidence& evidence) {
  std::map<std::uint16_t, Pile> all;
  for (const Connection* c : evidence.in({State::SynReceived})) {
    Pile& pile = all[c->local.port.value];
    pile.port = c->local.port.value;
    pile.rows.push_back(c);
    pile.retried += c->timer.retries > 0 ? 1 : 0;
  }
  for (auto& [port, pile] : all) pile.networks = prefixes(pile.rows);
  return all;
}

}  // namespace

void syn_received(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  full_queue(census, evidence, out);
  const Cookies cookies{evidence.counted("TcpExtSyncookiesSent"),
                        evidence.counted("TcpExtSyncookiesRecv"),
                        evidence.counted("TcpExtTCPReqQFullDrop")};
  bool told = false;
  for (const auto& [port, pile] : piles(evidence)) {
    const std::size_t n = pile.rows.size();
    if (!evidence.enough(n, census.after.size()) || (pile.retried * 2 < n && !cookies.unanswered()))
      continue;
    const bool many_networks = pile.networks >= 10 && pile.networks * 2 >= n;
    if (many_networks) {
      flood(census, evidence, pile, cookies, out);
      told = true;
    } else if (pile.retried * 2 >= n && cookies.sent <= cookies.returned) {
      lossy(census, evidence, pile, out);
    }
  }
  if (!told && cookies.unanswered()) flood(census, evidence, {}, cookies, out);
}

}  // namespace estab::observe::doctor
