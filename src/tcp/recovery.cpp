// What follows from what an ACK says: the congestion states (RFC 5681, 6582, 6675; names and details
// as in Linux), how the window moves in them (RFC 6937), and their end. loss_detection.cpp finds the
// losses, undo.cpp takes needless reductions back.
//
//              SACK, duplicate          loss is sure
//     Open ------------------> Disorder ------------> Recovery ---> Open, when `high` is acknowledged
//       '------- ECE, probe's loss ----> Cwr               |
//       '--------------------- timeout -----------> Loss <-'
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"

namespace estab::tcp {
namespace {
constexpr Duration kLeastRenegeWait = std::chrono::milliseconds(10);
}  // namespace

void Connection::react(SeqNum ack, AckNews& news, Context& context) {
  judge_tail_probe(ack, news, context);
  const bool dubious =
      news.sacked || news.dsack || news.ece || news.duplicate || recovery_.state != CaState::Open;
  if (dubious && (news.segments > 0 || news.dsack)) alert(news, context);
  if (news.timer && in_flight() > 0) arm_for_flight(context);
  if (in_flight() == 0 && news.advanced) retransmit_at_ = kNever;  // RFC 6298 5.2
  count_delivered(news, context);
  move_window(news, context);
}

void Connection::count_delivered(const AckNews& news, Context& context) {
  recovery_.delivered += news.delivered;
  context.counters.add(Counter::TcpExtTCPDelivered, news.delivered);
  if (!news.ece) return;
  recovery_.delivered_ce += news.delivered;
  context.counters.add(Counter::TcpExtTCPDeliveredCE, news.delivered);
}

// The congestion window after this ACK.
void Connection::move_window(const AckNews& news, Context& context) {
  AckedSegments acked{.count = news.delivered,
                      .now = context.now,
                      .rtt = news.round_trip,
                      .min_rtt = rtt_.min(),
                      .una = snd_una_,
                      .nxt = snd_nxt_,
                      .css_rounds = context.tuning.tcp_hystart_css_rounds};
  if (!defended(Defence::ByteCounting) && news.advanced) acked.count = 1;
  congestion_.on_round_trip(acked, context.counters);
  if (recovery_.reducing()) {
    if (acked.count == 0 || recovery_.prr.prior_cwnd() == 0) return;
    // RFC 6937bis 6, SafeACK; without losses to repair packets are conserved.
    const bool progress =
        recovery_.state == CaState::Recovery && news.advanced && !news.copy_lost && news.lost == 0;
    congestion_.set_cwnd(
        recovery_.prr.window(pipe(), congestion_.ssthresh(), acked.count, progress));
    return;
  }
  // RFC 5681 3.1: in order only; where the path reorders much, whatever arrives.
  const bool reorders = recovery_.reordering > context.tuning.tcp_reordering;
  const bool grows = reorders ? news.acked || news.sacked : news.acked;
  const bool counted = grows || (!defended(Defence::ByteCounting) && news.advanced);
  if (!counted || acked.count == 0 || !window_limits()) return;
  if (context.tuning.tcp_slow_start_one_mss != 0 && congestion_.in_slow_start()) {
    acked.count = 1;  // RFC 5681 3.1 (2)
  }
  congestion_.on_ack(acked, context.counters);
}

// --- the congestion states ----------------------------------------------------------------------

void Connection::alert(AckNews& news, Context& context) {
  if (news.ece) recovery_.prior_ssthresh = 0;  // RFC 3168: this reduction stays
  if (reneged(news, context)) return;
  if (recovery_.state == CaState::Open) {
    recovery_.undo.episode_over();
  } else if (snd_una_ >= recovery_.high && leave_state(news, context)) {
    return;
  }
  if (recovery_.state == CaState::Recovery) {
    if (!repair_goes_on(news, context)) return;
  } else {
    if (recovery_.state == CaState::Loss) {
      process_loss(news, context);
      find_losses(news, context);
      if (recovery_.state != CaState::Open && !news.copy_lost) return;
    } else {
      if (!sack_ok_) count_duplicates(news, context);
      if (recovery_.state <= CaState::Disorder) undo_by_duplicates(context);
      find_losses(news, context);
    }
    if (sent_.lost() == 0) return try_to_open(news, context);
    enter_recovery(news.ece, context);
  }
}

void Connection::find_losses(AckNews& news, Context& context) {
  const std::uint32_t before = sent_.lost();
  detect_loss(news, context);
  news.lost += sent_.lost() > before ? sent_.lost() - before : 0;
}

void Connection::count_duplicates(AckNews& news, Context& context) {
  if (news.advanced && recovery_.state < CaState::Recovery) recovery_.duplicates = 0;
  if (news.duplicate) add_duplicate(news, context);
}

// RFC 2018 8: that the first segment is SACKed, and not acknowledged, proves that the peer took a SACK
// back. It gets a moment to change its mind; then the timeout forgets the SACKs.
bool Connection::reneged(const AckNews& news, Context& context) {
  if (!news.advanced || sent_.empty() || !sent_[sent_.begin()].sacked) return false;
  const Duration wait = std::max(rtt_.srtt() / 2, kLeastRenegeWait);
  timer_ = Timer::Retransmit;
  retransmit_at_ = context.now + std::min(wait, backed_off(context));
  return true;
}

// `high` is acknowledged. True: nothing more is to be done for this ACK.
bool Connection::leave_state(const AckNews& news, Context& context) {
  if (recovery_.state == CaState::Cwr) {
    // Held until something above `high` is acknowledged, so that CWR has come to the peer.
    if (snd_una_ > recovery_.high) {
      end_reduction();
      set_state(CaState::Open);
    }
  } else if (recovery_.state == CaState::Recovery) {
    if (!sack_ok_) recovery_.duplicates = 0;
    if (undo_at_the_end(news, context)) return true;
    end_reduction();
  }
  return false;
}

// False: nothing more for this ACK.
bool Connection::repair_goes_on(AckNews& news, Context& context) {
  if (!news.advanced) {
    if (!sack_ok_ && news.duplicate) add_duplicate(news, context);
  } else if (undo_partly(news, context)) {
    return false;
  }
  if (undo_by_duplicates(context)) try_to_open(news, context);
  find_losses(news, context);
  if (recovery_.state == CaState::Recovery) return false;
  if (sent_.lost() == 0) return false;
  enter_recovery(news.ece, context);  // undone, but a loss is sure
  return false;
}

void Connection::set_state(CaState state) { recovery_.state = state; }

// Disorder while anything is dubious, else Open.
void Connection::try_to_open(const AckNews& news, Context& context) {
  if (!any_copy_outstanding()) recovery_.undo.episode_over();
  if (news.ece) enter_cwr(context);
  if (recovery_.state != CaState::Cwr) keep_open();
}

void Connection::keep_open() {
  const bool dubious = arrived_apart() + sent_.lost() > 0 || any_copy_outstanding();
  const CaState state = dubious ? CaState::Disorder : CaState::Open;
  if (recovery_.state == state) return;
  set_state(state);
  recovery_.high = snd_nxt_;
}

bool Connection::any_copy_outstanding() const {
  return sent_.resent() > 0 || (!sent_.empty() && sent_[sent_.begin()].ever_resent);
}

// SACKed; or without SACK what duplicate ACKs told of.
std::uint32_t Connection::arrived_apart() const {
  return sack_ok_ ? sent_.sacked() : recovery_.duplicates;
}

std::int64_t Connection::pipe() const {
  const std::int64_t n = sent_.in_flight();
  return sack_ok_ ? n : std::max<std::int64_t>(n - recovery_.duplicates, 0);
}

// FlightSize for ssthresh, in segments. What limited transmit sent beyond cwnd is no part of it
// (RFC 5681 3.2 (2)).
std::int64_t Connection::flight_within_cwnd() const {
  return std::min<std::int64_t>(sent_.segments(), congestion_.cwnd());
}

// --- reductions ---------------------------------------------------------------------------------

void Connection::begin_reduction(std::int64_t flight) {
  recovery_.high = snd_nxt_;
  recovery_.probing = false;
  recovery_.prr.start(congestion_.cwnd());
  congestion_.on_congestion(std::min(flight, congestion_.cwnd()));
  ecn_.reduced();
}

// RFC 6937: cwnd is ssthresh at the end, unless all was undone.
void Connection::end_reduction() {
  if (congestion_.ssthresh() >= kNoThreshold) return;
  if (recovery_.state == CaState::Cwr || recovery_.undo.active()) {
    congestion_.set_cwnd(congestion_.ssthresh());
  }
}

void Connection::enter_recovery(bool ece, Context& context) {
  context.counters.add(sack_ok_ ? Counter::TcpExtTCPSackRecovery : Counter::TcpExtTCPRenoRecovery);
  if (!any_copy_outstanding()) recovery_.undo.episode_over();
  recovery_.undo.start(snd_una_, sent_.resent());
  if (!recovery_.reducing()) {
    recovery_.prior_ssthresh = ece ? 0 : static_cast<std::uint32_t>(threshold_to_keep());
    begin_reduction(sent_.segments());
  } else {
    recovery_.prior_ssthresh = 0;
  }
  recovery_.duplicate_limit = sent_.segments();
  set_state(CaState::Recovery);
}

std::int64_t Connection::threshold_to_keep() const {
  return recovery_.reducing() ? congestion_.ssthresh() : congestion_.threshold_to_keep();
}

// RFC 3168 6.1.2: once a window of data.
void Connection::enter_cwr(Context& context) {
  (void)context;
  recovery_.prior_ssthresh = 0;
  if (recovery_.state >= CaState::Cwr) return;
  recovery_.undo.stop();
  begin_reduction(sent_.segments());
  set_state(CaState::Cwr);
}

// --- timeouts -----------------------------------------------------------------------------------

// RFC 5681 3.1 (4), RFC 6298 5, RFC 8985 6.3. The first segment goes out again at once.
void Connection::enter_loss(bool first, Context& context) {
  if (sent_.empty()) return;
  const CaState before = recovery_.state;
  count_failure(context);
  const bool copy_failed = before == CaState::Recovery && sent_[sent_.begin()].ever_resent;
  mark_by_timeout(context);
  // Once for a window of data; the loss of a retransmission lowers twice (RFC 5681 4.3).
  if (before <= CaState::Disorder || recovery_.high <= snd_una_ || copy_failed ||
      (before == CaState::Loss && first)) {
    recovery_.prior_ssthresh = static_cast<std::uint32_t>(threshold_to_keep());
    if (recovery_.reducing()) end_reduction();
    congestion_.on_congestion(flight_within_cwnd());
    recovery_.undo.start(snd_una_, sent_.resent());
  }
  congestion_.on_timeout();
  // A timeout in spite of many SACKs: the reordering that was believed in is not there.
  const auto usual = static_cast<std::uint32_t>(context.tuning.tcp_reordering);
  if (before <= CaState::Disorder && arrived_apart() >= usual) {
    recovery_.reordering = std::min(recovery_.reordering, usual);
  }
  set_state(CaState::Loss);
  congestion_.set_cwnd(pipe() + 1);  // RFC 5681 3.1: the loss window
  recovery_.high = snd_nxt_;
  ecn_.reduced();
  // RFC 5682 2.1 step 1: on trial, where no recovery was under way.
  recovery_.frto = context.tuning.tcp_frto != 0 && (before < CaState::Recovery || !first);
}

void Connection::count_failure(Context& context) {
  using C = Counter;
  if (recovery_.state == CaState::Recovery) {
    context.counters.add(sack_ok_ ? C::TcpExtTCPSackRecoveryFail : C::TcpExtTCPRenoRecoveryFail);
  } else if (recovery_.state == CaState::Loss) {
    context.counters.add(C::TcpExtTCPLossFailures);
  } else if (recovery_.state == CaState::Disorder || arrived_apart() > 0) {
    context.counters.add(sack_ok_ ? C::TcpExtTCPSackFailures : C::TcpExtTCPRenoFailures);
  }
}

// RFC 8985 6.3: the first, and all that are older than a round trip.
void Connection::mark_by_timeout(Context& context) {
  // RFC 2018 8: a peer may take SACKs back; that its first hole is SACKed proves that it did.
  const bool reneging = sent_[sent_.begin()].sacked;
  if (reneging) context.counters.add(Counter::TcpExtTCPSackReneging);
  if (reneging || context.tuning.tcp_sack_forget_on_timeout != 0) {  // RFC 2018 5
    sent_.forget_sacked();
    scoreboard_.clear();
  }
  recovery_.duplicates = 0;
  for (SentSegments::Index i = sent_.begin(); i != sent_.end(); ++i) {
    const bool recent = recovery_.rack.remaining(sent_[i], context.now, Duration{0}) > Duration{0};
    if (i != sent_.begin() && recent && !reneging && sack_ok_) continue;
    if (!sent_[i].sacked) mark_lost(i, context);
  }
}

// All that is in flight goes again, and not because of congestion: the path became narrower
// (RFC 1191 6.5), or a closed window opened behind a probe.
void Connection::send_all_again(Context& context) {
  for (SentSegments::Index i = sent_.begin(); i != sent_.end(); ++i) {
    if (!sent_[i].sacked) mark_lost(i, context);
  }
  if (sent_.lost() == 0) return;
  recovery_.duplicates = 0;
  recovery_.undo.stop();
  recovery_.prior_ssthresh = 0;
  if (recovery_.state == CaState::Loss) return;
  recovery_.high = snd_nxt_;
  recovery_.frto = false;
  set_state(CaState::Loss);
}

// An ACK after a timeout.
void Connection::process_loss(AckNews& news, Context& context) {
  const bool recovered = snd_una_ >= recovery_.high;
  if (news.advanced && undo_timeout(false, news, context)) return;
  if (recovery_.frto) {
    // RFC 5682 3.1 step 3b: something arrived that was not sent again.
    if (news.original && undo_timeout(true, news, context)) return;
    if (snd_nxt_ > recovery_.high) {
      if (news.sacked || news.duplicate) recovery_.frto = false;  // step 3a: the loss was real
    } else if (news.advanced && !recovered) {
      recovery_.high = snd_nxt_;
      // Step 2b: new data first; where there is none, the usual way.
      const bool window = snd_una_ + snd_wnd_ > snd_nxt_;
      recovery_.new_first = unsent_bytes() > 0 && window;
      if (recovery_.new_first) return;
      recovery_.frto = false;
    }
  }
  if (recovered) {
    (void)undo_at_the_end(news, context);
    return;
  }
  if (sack_ok_) return;
  if (snd_nxt_ > recovery_.high && news.duplicate) {
    add_duplicate(news, context);
  } else if (news.advanced) {
    recovery_.duplicates = 0;
  }
}

}  // namespace estab::tcp
