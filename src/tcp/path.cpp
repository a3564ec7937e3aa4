// What the path tells: segment size (RFC 9293 3.7.1), path MTU (RFC 1191, 8201), black holes
// (RFC 4821's idea), and ICMP errors with RFC 5927's checks.
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"
#include "tcp/mss.h"

namespace estab::tcp {
namespace {
constexpr std::int64_t kTimestampSpace = 12;  // nop, nop, 10 octets
}  // namespace

// The effective send MSS (MUST-16): min(send MSS + 20, MMS_S) - headers and options.
std::int64_t Connection::effective_mss() const {
  const bool v4 = tuple_.local.address.is_v4();
  std::size_t mss = std::min<std::size_t>(peer_mss_, mss_for_mtu(path_.mtu, v4));
  mss = std::min(mss, mss_limit_);
  if (settings_.max_segment != 0) mss = std::min<std::size_t>(mss, settings_.max_segment);
  std::int64_t options = ts_ok_ ? kTimestampSpace : 0;
  options += static_cast<std::int64_t>((settings_.ip_options.size() + 3) / 4 * 4);
  return std::max<std::int64_t>(static_cast<std::int64_t>(mss) - options, 8);
}

void Connection::on_path_mtu(std::size_t mtu, Context& context) {
  if (mtu >= path_.mtu) {
    path_.mtu = mtu;
    return;
  }
  const std::int64_t mss = effective_mss();
  path_.mtu = mtu;
  // What is in flight may be too big to arrive: send it again in smaller pieces, at once, and
  // without taking it for congestion (RFC 1191 6.5). The window stays, in segments (RFC 5681 3.1).
  if (effective_mss() >= mss || in_flight() == 0 || !kSynchronized.has(state_)) return;
  sent_.limit_length(effective_mss());
  send_all_again(context);
}

// RFC 4821 without ICMP: full segments vanish, small ones pass. R1 timeouts for the same full
// segment lower the size, to tcp_base_mss first and to the minimum next.
void Connection::suspect_black_hole(Context& context) {
  if (context.tuning.tcp_mtu_probing == 0) return;
  const std::int64_t mss = effective_mss();
  if (in_flight() < mss || send_queue_.size() < static_cast<std::size_t>(mss)) return;
  const auto base = static_cast<std::size_t>(context.tuning.tcp_base_mss);
  const auto least = static_cast<std::size_t>(
      std::max<std::int64_t>(context.tuning.min_pmtu - 40, context.tuning.tcp_min_snd_mss));
  const std::size_t next = static_cast<std::size_t>(mss) > base ? base : least;
  if (next >= static_cast<std::size_t>(mss)) return;
  mss_limit_ = next;
  context.counters.add(Counter::EstabBlackHole);
  context.counters.add(Counter::TcpExtTCPMTUPFail);
}

bool Connection::on_error(const PathError& error, Context& context) {
  // RFC 5927 4.1: only about something that is in flight.
  const SeqNum seq = SeqNum::unwrap(error.seq, snd_una_);
  const bool flying = seq >= snd_una_ && seq < snd_nxt_;
  const bool doubted = !flying && defended(Defence::IcmpInFlight);
  if (doubted || state_ == State::Closed || state_ == State::Listen) {
    context.counters.add(Counter::TcpExtOutOfWindowIcmps);
    return false;
  }
  if (error.kind == PathError::Kind::TooBig) {
    const bool v4 = tuple_.local.address.is_v4();
    if (!settings_.heeds_path_mtu(v4) ||
        (!v4 && error.mtu < 1280)) {  // RFC 8201 4: must discard it
      context.counters.add(Counter::EstabPmtuIgnored);
      return false;
    }
    const auto least = static_cast<std::size_t>(context.tuning.min_pmtu);
    const bool bounded = v4 && defended(Defence::PathMtuFloor);
    const std::size_t mtu = bounded ? std::max(error.mtu, least) : error.mtu;
    if (mtu >= path_.mtu) {
      context.counters.add(Counter::EstabPmtuIgnored);
      return false;
    }
    on_path_mtu(mtu, context);
    return true;
  }
  const bool opening =
      state_ == State::SynSent || (state_ == State::SynReceived && opened_ == Opened::Actively);
  if (opening) {  // L2; RFC 5461 4.1: nobody is served by waiting for minutes
    end(Event::UserTimeout, Rule::L2_SynUnreachable, error.error, context);
    return true;
  }
  // Once synchronized every error is soft (RFC 5927 6.1; MUST-56): remembered for the application,
  // and told if the connection times out (SHLD-25).
  if (settings_.error_reports) soft_error_ = error.error;
  if (error.kind == PathError::Kind::Hard && !defended(Defence::IcmpSoft)) {  // RFC 1122 4.2.3.9
    end(Event::Abort, Rule::L17_Aborted, error.error, context);
  }
  return true;
}

}  // namespace estab::tcp
