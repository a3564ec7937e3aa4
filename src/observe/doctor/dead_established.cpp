// 8. Connections that are established and dead.
#include <fmt/format.h>

#include <algorithm>

#include "observe/doctor/evidence.h"
#include "observe/doctor/rules.h"
#include "observe/duration_text.h"

namespace estab::observe::doctor {
namespace {

Duration ms(std::uint32_t n) { return std::chrono::milliseconds(n); }

void finish(const Census& census, const Evidence& evidence, const Rows& rows, Finding& f,
            Findings& out) {
  f.kind = 8;
  std::uint64_t bytes = 0;
  for (const Connection* c : rows) bytes += c->send_queue;
  f.seen.insert(f.seen.begin(), fmt::format("{}, {} bytes unacknowledged in their queues.",
                                            count(rows.size(), "established connection"), bytes));
  const unsigned port = rows.front()->local.port.value;
  const bool server = evidence.listener(rows.front()->local.port) != nullptr;
  f.now.insert(f.now.begin(), show(census, "See them:",
                                   server ? fmt::format("state established 'sport = :{}'", port)
                                          : fmt::format("state established dst {}",
                                                        rows.front()->remote.to_string())));
  f.numbers = {{"connections", static_cast<double>(rows.size())},
               {"bytes", static_cast<double>(bytes)}};
  out.push_back(std::move(f));
}

void no_answer(const Census& census, const Evidence& evidence, const Rows& rows, Findings& out) {
  Finding f;
  f.id = "dead-no-answer";
  evidence.name_holders(rows, f);
  f.headline =
      fmt::format("{} sends to {} that do not answer any more", who(f), count(rows.size(), "peer"));
  std::uint32_t retries = 0;
  for (const Connection* c : rows) retries = std::max(retries, c->timer.retries);
  f.seen = {
      fmt::format("Up to {} of the same data, with growing pauses; not a byte acknowledged "
                  "between the looks.",
                  count(retries, "retransmission"))};
  f.why =
      "The peers are gone, or the path is: they never said FIN. tcp_retries2 ends this after "
      "some 15 minutes.";
  f.not_because = {"no closed window: the data was sent, and the timer is the retransmission's",
                   "no passing loss: several retransmissions in a row went unanswered"};
  f.now.push_back(set(census, "Give up after 8 retransmissions (about 100 s, RFC 1122's least).",
                      "tcp_retries2", "8"));
  f.for_good = {keep(census, "The same for good.", "tcp_retries2", "8"),
                words("Or bound it for each socket: TCP_USER_TIMEOUT.")};
  finish(census, evidence, rows, f, out);
}

void zero_window(const Census& census, const Evidence& evidence, const Rows& rows, Findings& out) {
  Finding f;
  f.id = "dead-zero-window";
  evidence.name_holders(rows, f);
  f.headline =
      fmt::format("{} has data for {} that do not read", who(f), count(rows.size(), "peer"));
  f.seen = {"The peers' windows are closed, and not a byte was acknowledged between the looks."};
  f.why =
      "The peers' applications have stopped reading. They are there: they answer our probes. "
      "Nothing ends this by itself, and our memory holds the data.";
  f.not_because = {"no dead peer: those do not answer probes",
                   "not our sending: the data waits for their window"};
  f.for_good = {
      words("Look at the peers: their receive queues are full. A slow client needs a time "
            "limit for writes here, or TCP_USER_TIMEOUT.")};
  finish(census, evidence, rows, f, out);
}

void idle(const Census& census, const Evidence& evidence, const Rows& rows, Findings& out) {
  Finding f;
  f.id = "dead-idle";
  f.sure = Sure::Possibly;
  evidence.name_holders(rows, f);
  f.headline = fmt::format("{} keeps {} on which nothing moves, without keep-alive", who(f),
                           count(rows.size(), "connection"));
  f.seen = {fmt::format("No byte and no ACK either way for over {}; no timer runs.",
                        plain_duration(census.thresholds.idle))};
  f.why =
      "Without keep-alive an end that vanished (a crash, a firewall that forgot) is never "
      "noticed: the connection stays for ever. They may be alive; nobody can tell.";
  f.not_because = {"no back-off: nothing is on its way", "no closed window: nothing waits to go"};
  f.for_good = {words("Set SO_KEEPALIVE (and TCP_KEEPIDLE below the firewalls' idle limit), or "
                      "close what has been idle too long."),
                words("tcp_keepalive_time alone changes nothing: it works only where SO_KEEPALIVE "
                      "is set.")};
  finish(census, evidence, rows, f, out);
}

bool is_idle(const Census& census, const Connection& c) {
  const auto* info = info_of(c);
  if (info == nullptr || c.timer.kind != tcp::TimerKind::None || c.send_queue != 0) return false;
  const Duration quiet =
      std::min({ms(info->last_data_sent), ms(info->last_data_recv), ms(info->last_ack_recv)});
  return quiet >= census.thresholds.idle;
}

}  // namespace

void dead_established(const Evidence& evidence, Findings& out) {
  const Census& census = evidence.census();
  const auto all = evidence.in({State::Established});
  Rows silent, window, still;
  for (const Connection* c : all) {
    if (!evidence.stayed(*c) || unaccepted(*c)) continue;
    if (is_idle(census, *c)) still.push_back(c);
    if (c->send_queue == 0 || !evidence.nothing_acknowledged(*c)) continue;
    const auto* info = info_of(*c);
    const Duration heard = info != nullptr ? ms(info->last_ack_recv) : census.between;
    const bool closed =
        c->timer.kind == tcp::TimerKind::Persist || (info != nullptr && info->snd_wnd == 0);
    if (closed &&
        std::max(evidence.window_closed_for(*c), census.between) >= census.thresholds.old) {
      window.push_back(c);
    } else if (!closed && c->timer.kind == tcp::TimerKind::Retransmit && c->timer.retries >= 3 &&
               heard >= census.thresholds.old) {
      silent.push_back(c);
    }
  }
  const auto tell = [&](const Rows& rows, auto report) {
    for (const auto& [pid, mine] : by_process(evidence, rows)) {
      if (evidence.enough(mine.size(), all.size())) report(census, evidence, mine, out);
    }
  };
  tell(silent, no_answer);
  tell(window, zero_window);
  tell(still, idle);
}

}  // namespace estab::observe::doctor
