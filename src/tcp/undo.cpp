// Reductions of the congestion window that turn out to have had no cause: RFC 4015, RFC 3708, RFC 3522,
// RFC 5682 3.
#include <algorithm>

#include "tcp/connection.h"

namespace estab::tcp {

bool Connection::may_undo(const AckNews& news) const {
  const Undo& u = recovery_.undo;
  return u.active() && (u.all_copies_reported() || u.answered_original(news.echo));
}

// `unmark`: nothing is believed lost any more.
void Connection::undo_reduction(bool unmark) {
  if (unmark) sent_.forget_lost();
  if (recovery_.prior_ssthresh > congestion_.ssthresh()) ecn_.withdrawn();
  if (recovery_.prior_ssthresh != 0) congestion_.undo(recovery_.prior_ssthresh);
  recovery_.undo.stop();
  recovery_.rack.look_again();
}

// At the end of a recovery. True: stay in it until something above `high` is acknowledged, which keeps
// duplicates of old segments from starting another one (RFC 6582 3.2's heuristics; without SACK).
bool Connection::undo_at_the_end(const AckNews& news, Context& context) {
  if (may_undo(news)) {
    context.counters.add(recovery_.state == CaState::Loss ? Counter::TcpExtTCPLossUndo
                                                          : Counter::TcpExtTCPFullUndo);
    undo_reduction(false);
  } else {
    recovery_.rack.recovered();
  }
  if (!sack_ok_ && snd_una_ == recovery_.high && in_flight() > 0) return true;
  set_state(CaState::Open);
  return false;
}

// RFC 3708: each copy that was sent was reported as a duplicate.
bool Connection::undo_by_duplicates(Context& context) {
  if (!recovery_.undo.all_copies_reported()) return false;
  recovery_.rack.undone();
  undo_reduction(false);
  context.counters.add(Counter::TcpExtTCPDSACKUndo);
  return true;
}

// Within a recovery: the original was only late. True: nothing more for this ACK.
bool Connection::undo_partly(const AckNews& news, Context& context) {
  const Undo& u = recovery_.undo;
  if (!u.active() || !u.answered_original(news.echo)) return false;
  const SeqNum highest = scoreboard_.empty() ? snd_una_ : scoreboard_.highest();
  note_reordering(news.una, highest, Counter::TcpExtTCPTSReorder, context);
  if (sent_.resent() > 0) return true;  // wait for those that are under way
  if (!any_copy_outstanding()) recovery_.undo.episode_over();
  undo_reduction(true);
  context.counters.add(Counter::TcpExtTCPPartialUndo);
  keep_open();
  return false;
}

// `by_frto`: F-RTO says so; else timestamps or D-SACKs have to.
bool Connection::undo_timeout(bool by_frto, const AckNews& news, Context& context) {
  if (!by_frto && !may_undo(news)) return false;
  undo_reduction(true);
  context.counters.add(Counter::TcpExtTCPLossUndo);
  if (by_frto) context.counters.add(Counter::TcpExtTCPSpuriousRTOs);
  retries_ = 0;
  if (!sack_ok_ && snd_una_ == recovery_.high) return true;
  if (by_frto || sack_ok_) set_state(CaState::Open);
  return true;
}

}  // namespace estab::tcp
