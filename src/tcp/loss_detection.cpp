// What an ACK says of each segment in flight: SACKed, acknowledged, sent twice for nothing, lost; what
// it took to come; and whether the path reorders. RFC 2018, 2883, 6298, 7323; RACK, RFC 8985 6; without
// SACK RFC 6582. recovery.cpp says what follows.
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"
#include "tcp/isn.h"

namespace estab::tcp {
namespace {
constexpr std::uint32_t kLongestEcho = 600000;  // ms; an older timestamp is no answer to anything
}  // namespace

AckNews Connection::before_ack() const {
  AckNews news;
  news.una = snd_una_;
  news.highest_sacked = scoreboard_.empty() ? snd_una_ : scoreboard_.highest();
  news.segments = sent_.segments();
  news.hole = snd_nxt_;
  if (syn_timed_) news.first_acked = news.last_acked = retry_since_;
  return news;
}

// --- SACK ---------------------------------------------------------------------------------------

void Connection::record_sacks(const wire::TcpOptions& options, SeqNum ack, AckNews& news,
                              Context& context) {
  const auto duplicate = find_duplicate(options, snd_una_, ack);
  if (duplicate) note_duplicate(*duplicate, news, context);
  for (std::size_t i = duplicate ? 1 : 0; i < options.sack_count; ++i) {
    const SeqNum begin = SeqNum::unwrap(options.sack[i].begin, snd_una_);
    const SeqNum end = SeqNum::unwrap(options.sack[i].end, snd_una_);
    if (begin >= end || begin < snd_una_ || end > snd_nxt_) {
      if (end > snd_una_) context.counters.add(Counter::TcpExtTCPSACKDiscard);
      continue;
    }
    const bool recorded = scoreboard_.record(
        begin, end, sent_, [&](SentSegments::Index s) { note_sacked(s, news, context); });
    if (!recorded) context.counters.add(Counter::EstabSackScoreboardFull);
  }
  if (scoreboard_.empty()) return;
  if (recovery_.state != CaState::Loss || recovery_.undo.active()) {
    note_reordering(news.hole, scoreboard_.highest(), Counter::TcpExtTCPSACKReorder, context);
  }
}

void Connection::note_sacked(SentSegments::Index i, AckNews& news, Context& context) {
  const SentSegment& s = sent_[i];
  recovery_.rack.arrived(s, context.now, rtt_.min());
  if (!s.ever_resent) {
    const SeqNum begin = sent_.begin_of(i);
    if (begin < news.highest_sacked) news.hole = std::min(news.hole, begin);
    if (s.end <= recovery_.high) news.original = true;
    if (news.first_sacked == Instant{}) news.first_sacked = s.at;
    news.last_sacked = s.at;
  }
  news.sacked = true;
  ++news.delivered;
}

// RFC 2883: a copy of ours arrived that was not needed.
void Connection::note_duplicate(const Duplicate& d, AckNews& news, Context& context) {
  const std::int64_t mss = effective_mss();
  if (d.end - d.begin > max_snd_wnd_ || d.end > snd_nxt_ || d.begin < iss_) return;
  context.counters.add(d.below_ack ? Counter::TcpExtTCPDSACKRecv : Counter::TcpExtTCPDSACKOfoRecv);
  const auto segments = static_cast<std::uint32_t>((d.end - d.begin + mss - 1) / mss);
  const bool of_probe = segments == 1 && recovery_.probing && d.end == recovery_.probe_end;
  dsack_dups_ += segments;
  if (dsack_dups_ > total_retrans_) {  // we did not send so many: the path duplicates
    context.counters.add(Counter::TcpExtTCPDSACKIgnoredDubious);
    return;
  }
  context.counters.add(Counter::TcpExtTCPDSACKRecvSegs, segments);
  news.dsack = true;
  news.dsack_of_probe = of_probe;
  news.delivered += segments;
  // RFC 8985 6.2 step 4: a probe's duplicate says nothing of the order, for time alone sent it.
  const bool adapts = (context.tuning.tcp_recovery & 2) == 0;
  if (recovery_.reord_seen > 0 && !of_probe && adapts) {
    recovery_.rack.duplicate_reported(snd_una_, snd_nxt_);
  }
  if (d.end <= snd_una_) {
    recovery_.undo.copies_reported(static_cast<std::int32_t>(segments), d.end);
    return;
  }
  for (SentSegments::Index i = sent_.find(d.begin); i != sent_.end() && sent_[i].end <= d.end;
       ++i) {
    if (sent_[i].ever_resent) recovery_.undo.copies_reported(1, sent_[i].end);
    sent_.forget_copy(i);
  }
}

// RFC 8985 6.2 step 3: something arrived late that was sent only once. How far back it lay says how
// many SACKs may come without a loss.
void Connection::note_reordering(SeqNum hole, SeqNum highest, Counter counter, Context& context) {
  if (hole >= highest) return;
  const std::int64_t mss = effective_mss();
  const std::int64_t distance = (highest - hole + mss - 1) / mss;
  if (distance > recovery_.reordering) {
    recovery_.reordering = static_cast<std::uint32_t>(
        std::min<std::int64_t>(distance, context.tuning.tcp_max_reordering));
  }
  ++recovery_.reord_seen;
  context.counters.add(counter);
}

// --- the cumulative ACK -------------------------------------------------------------------------

void Connection::forget_acked(SeqNum ack, AckNews& news, Context& context) {
  std::uint32_t count = 0;
  SeqNum hole = snd_nxt_;
  for (; !sent_.empty() && sent_[sent_.begin()].end <= ack; sent_.pop(), ++count) {
    const SentSegment& s = sent_[sent_.begin()];
    if (s.ever_resent) {
      news.copy_acked = true;
    } else if (!s.sacked) {
      if (news.first_acked == Instant{}) news.first_acked = s.at;
      news.last_acked = s.at;
      hole = std::min(hole, sent_.first());
      if (s.end <= recovery_.high) news.original = true;
    }
    if (s.sacked) continue;
    if (!sack_ok_) continue;
    ++news.delivered;
    recovery_.rack.arrived(s, context.now, rtt_.min());
  }
  news.acked = count > 0;
  if (!news.acked) return;
  news.timer = true;
  if (!sack_ok_) {
    take_duplicates(count, news);
    // Which copy did it? Without SACK nobody knows.
    if (news.copy_acked) news.original = false;
  } else if (hole < news.highest_sacked) {  // a gap closed by itself
    note_reordering(hole, std::max(news.highest_sacked, ack), Counter::TcpExtTCPSACKReorder,
                    context);
  }
}

// --- time ---------------------------------------------------------------------------------------

// MUST-18, Karn: only what was sent once is timed by us; else the timestamp says which copy was
// answered. RFC 6298 4, RFC 7323 4.1.
void Connection::measure(const wire::Segment& segment, AckNews& news, Context& context) {
  Duration oldest{0}, newest{0};
  const auto since = [&](Instant then) { return std::max(context.now - then, Duration{1}); };
  if (news.advanced && news.first_acked != Instant{} && !news.copy_acked) {
    syn_timed_ = false;
    oldest = since(news.first_acked);
    newest = since(news.last_acked);
  }
  if (news.first_sacked != Instant{}) {
    newest = since(news.last_sacked);
    if (oldest == Duration{0}) oldest = since(news.first_sacked);
  }
  if (oldest == Duration{0} && news.acked && ts_ok_ && segment.options.timestamps) {
    const std::uint32_t then = segment.options.timestamps->echo;
    const std::uint32_t elapsed = timestamp_clock(context.now) + ts_offset_ - then;
    if (then != 0 && elapsed < kLongestEcho)
      oldest = newest = std::max(milliseconds_of(elapsed), Duration{1});
  }
  news.round_trip = newest;
  if (oldest == Duration{0}) return;
  rtt_.least(newest);
  if (snd_una_ >= round_end_) {
    rtt_.sample(oldest);
    round_end_ = snd_nxt_;
  }
  // A SACK of what left after the first one did, the last time, does not put its timeout off.
  if (!news.acked && news.first_sacked != Instant{} && !sent_.empty() &&
      news.first_sacked < sent_[sent_.begin()].at) {
    news.timer = true;
  }
}

// --- duplicate ACKs without SACK ----------------------------------------------------------------

// Each says that a segment has arrived. A receiver who forges them would have us send without end
// (Savage 1999): no more count than there are segments besides the one that is missing, and in a
// recovery than were under way when SND.UNA moved last (RFC 5681 3.2 (4)'s MAY).
void Connection::add_duplicate(AckNews& news, Context& context) {
  const std::uint32_t before = recovery_.duplicates++;
  const std::uint32_t holes = std::max(sent_.lost(), 1U);
  std::uint32_t most = sent_.segments() > holes ? sent_.segments() - holes : 0;
  if (recovery_.state == CaState::Recovery) most = std::min(most, recovery_.duplicate_limit);
  if (recovery_.duplicates > most && defended(Defence::DuplicateBound)) {
    recovery_.duplicates = most;
    // More duplicates than segments are missing: the path reorders, or duplicates.
    const auto limit = static_cast<std::uint32_t>(context.tuning.tcp_max_reordering);
    if (news.segments > recovery_.reordering) recovery_.reordering = std::min(news.segments, limit);
    ++recovery_.reord_seen;
    context.counters.add(Counter::TcpExtTCPRenoReorder);
  }
  if (recovery_.duplicates > before) ++news.delivered;
}

// The ACK of `count` segments covers those that duplicates told of, but for the one that was missing.
void Connection::take_duplicates(std::uint32_t count, AckNews& news) {
  const std::uint32_t before = recovery_.duplicates;
  news.delivered += count > before ? count - before : 1;
  recovery_.duplicates = count - 1 >= before ? 0 : before - (count - 1);
  recovery_.duplicate_limit = sent_.segments();
}

// --- RACK ---------------------------------------------------------------------------------------

Duration Connection::reordering_window(const Context& context) const {
  const bool repairing = recovery_.state >= CaState::Recovery;
  const bool enough =
      sent_.sacked() >= recovery_.reordering && (context.tuning.tcp_recovery & 4) == 0;
  return recovery_.rack.reordering_window(rtt_.min(), rtt_.srtt(), recovery_.reord_seen > 0,
                                          repairing || enough);
}

// Marks what is lost by now. Returns how long until another one may be; zero: none.
Duration Connection::mark_overdue(Context& context) {
  return recovery_.rack.detect(sent_, context.now, reordering_window(context),
                               [&](SentSegments::Index i) { mark_lost(i, context); });
}

void Connection::mark_lost(SentSegments::Index i, Context& context) {
  if (sent_[i].resent) context.counters.add(Counter::TcpExtTCPLostRetransmit);
  sent_.mark_lost(i);
}

// What this ACK proves lost.
void Connection::detect_loss(AckNews& news, Context& context) {
  if (sent_.empty()) return;
  if (!sack_ok_) {  // RFC 6582 3.2: at the third duplicate, and at each partial acknowledgment
    const bool third =
        recovery_.state < CaState::Recovery && recovery_.duplicates >= recovery_.reordering;
    const bool partial = recovery_.state == CaState::Recovery && news.advanced;
    if ((third || partial) && !sent_[sent_.begin()].lost) mark_lost(sent_.begin(), context);
    return;
  }
  if (!recovery_.rack.advanced()) return;
  const std::uint32_t under_way = sent_.resent();
  const Duration wait = mark_overdue(context);
  if (sent_.resent() < under_way) news.copy_lost = true;
  if (wait > Duration{0}) {
    arm_reordering(wait, context);
    news.timer = false;
  }
}

}  // namespace estab::tcp
