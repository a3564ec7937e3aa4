// 4. SYN-SENT that does not end, by destination.
#include <fmt/format.h>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

void explain(bool no_host, const Endpoint& to, Finding& f) {
  const std::string host = to.address.to_string();
  if (no_host) {
    f.why = fmt::format(
        "{} is on our own network and does not answer address resolution: there is "
        "no such host, or it is down.",
        host);
    f.not_because = {"no firewall: it would be asked for by its hardware address and answer that"};
    f.for_good = {
        words("Correct the address, or take the dead host out of the configuration, the "
              "name service or the load balancer.")};
    return;
  }
  f.why =
      "SYNs go out and nothing comes back, neither SYN,ACK nor RST nor ICMP: something drops "
      "them, or the answers, or the server's accept queue is full.";
  f.not_because = {"not a closed port: that refuses at once with RST, and SYN-SENT ends",
                   "no unreachable host on our network: address resolution has not failed"};
  f.for_good = {words(fmt::format("Ask for a rule that lets port {} pass, in both directions; let "
                                  "firewalls reject instead of drop.",
                                  to.port.value)),
                words("On the server: `estab doctor` tells a full accept queue.")};
}

void report(const Census& census, const Evidence& evidence, const Endpoint& to, const Rows& rows,
            Findings& out) {
  Finding f;
  const bool no_host = census.dead_neighbours.contains(to.address);
  f.kind = 4;
  f.id = no_host ? "syn-sent-no-host" : "syn-sent-no-answer";
  f.sure = no_host ? Sure::Certainly : Sure::Likely;
  evidence.name_holders(rows, f);
  f.headline = fmt::format("{} gets no answer from {}{}", who(f), to.to_string(),
                           no_host ? ": no such host" : "");
  std::uint32_t retries = 0;
  for (const Connection* c : rows) retries = std::max(retries, c->timer.retries);
  f.seen = {fmt::format("{} in SYN-SENT, the oldest for about {}, up to {}.",
                        count(rows.size(), "connection"), plain_duration(oldest(evidence, rows)),
                        count(retries, "repeated SYN"))};
  explain(no_host, to, f);
  f.now.push_back(show(census, "See them:", fmt::format("state syn-sent dst {}", to.to_string())));
  if (evidence.linux_system()) {  // a stack's default is RFC 9293's least, and says so
    f.now.push_back(set(census,
                        "Fail sooner, after 4 retries instead of 6: the application learns that "
                        "nobody is there.",
                        "tcp_syn_retries", "4"));
  }
  f.for_good.push_back(words("Give connect() a time limit of its own, and try the next address."));
  f.numbers = {{"connections", static_cast<double>(rows.size())},
               {"retries", static_cast<double>(retries)}};
  out.push_back(std::move(f));
}

}  // namespace

void syn_sent(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  std::map<Endpoint, Rows> unanswered;
  for (const Connection* c : evidence.in({State::SynSent})) {
    // One SYN may be lost: that takes a second. Who asks for a host that is not there begins anew
    // every few seconds, so that no single attempt grows old.
    if (c->timer.retries >= 2 || census.dead_neighbours.contains(c->remote.address)) {
      unanswered[c->remote].push_back(c);
    }
  }
  for (const auto& [to, rows] : unanswered) {
    if (rows.size() >= census.thresholds.few) report(census, evidence, to, rows, out);
  }
}

}  // namespace estab::observe::doctor
