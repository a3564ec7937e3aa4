#include "observe/endpoint_states.h"

namespace estab::observe {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

// a at or after b, in the half circle that sequence numbers in use span.
bool at_or_after(WireSeq a, WireSeq b) { return static_cast<std::int32_t>(a.value - b.value) >= 0; }
WireSeq next(WireSeq seq, std::uint32_t n = 1) { return {seq.value + n}; }

bool acknowledges(const CapturedSegment& segment, const std::optional<WireSeq>& number) {
  return number && segment.has(kAck) && at_or_after(segment.ack, next(*number));
}

}  // namespace

void EndpointStates::raise(Event event) {
  if (!state_) return;
  const tcp::Step& step = tcp::step(*state_, event, opened_);
  if (step.decision != tcp::Decision::Move || step.to == *state_) return;
  changes_.push_back({*state_, step.to, event, step.arrow});
  state_ = step.to;
}

// A new life of the same addresses and ports.
void EndpointStates::open_anew() {
  syn_.reset();
  fin_.reset();
  peer_fin_.reset();
  rcv_nxt_.reset();
}

void EndpointStates::sent(const CapturedSegment& segment) {
  if (segment.has(kRst)) {
    // A RST from nobody answers a stranger, a challenged one is our own end's: both end it.
    raise(Event::Abort);
    return;
  }
  if (segment.has(kSyn) && !segment.has(kAck)) {
    if (state_ == State::TimeWait) state_ = State::Closed;  // tcp_tw_reuse: a new life
    if (state_ == State::Closed) {
      open_anew();
      opened_ = tcp::Opened::Actively;
    }
    raise(Event::ActiveOpen);
  }
  if (segment.has(kSyn)) syn_ = segment.seq;
  acknowledged(segment);
  if (segment.has(kFin)) {
    const bool first = !fin_;
    fin_ = next(segment.seq, segment.payload);
    if (first) raise(Event::Close);
  }
}

// What we acknowledge we have, also where a gap was closed in a way that was not followed here.
void EndpointStates::acknowledged(const CapturedSegment& segment) {
  if (!segment.has(kAck) || segment.has(kSyn) || !rcv_nxt_) return;
  if (at_or_after(*rcv_nxt_, segment.ack)) return;
  rcv_nxt_ = segment.ack;
  if (peer_fin_ && segment.ack == next(*peer_fin_)) raise(Event::RcvFin);
}

void EndpointStates::received(const CapturedSegment& segment) {
  if (segment.has(kRst)) return received_rst(segment);
  if (segment.has(kSyn)) return received_syn(segment);
  if (state_ == State::SynReceived && acknowledges(segment, syn_)) raise(Event::RcvAckOfSyn);
  if (acknowledges(segment, fin_)) {
    if (state_ == State::FinWait1 || state_ == State::Closing || state_ == State::LastAck) {
      raise(Event::RcvAckOfFin);
    }
  }
  received_text(segment);
}

void EndpointStates::received_rst(const CapturedSegment& segment) {
  if (state_ == State::TimeWait) return;  // ignored or not (RFC 1337): it can't be seen
  if (state_ == State::SynSent && !acknowledges(segment, syn_)) return;
  const bool exact = !rcv_nxt_ || segment.seq == *rcv_nxt_;
  if (state_ == State::SynSent || exact) raise(Event::RcvRst);
}

void EndpointStates::received_syn(const CapturedSegment& segment) {
  if (state_ == State::TimeWait && !segment.has(kAck)) {  // RFC 6191: a new life
    state_ = State::Listen;
  }
  if (state_ == State::SynSent) {
    raise(segment.has(kAck) ? Event::RcvSynAck : Event::RcvSyn);
  } else if (state_ == State::Listen && !segment.has(kAck)) {
    open_anew();
    opened_ = tcp::Opened::Passively;
    raise(Event::RcvSyn);
  } else if (state_ == State::SynReceived && acknowledges(segment, syn_)) {
    raise(Event::RcvAckOfSyn);  // the SYN,ACK of a simultaneous open
  } else {
    return;
  }
  rcv_nxt_ = next(segment.seq, 1 + segment.payload);
}

void EndpointStates::received_text(const CapturedSegment& segment) {
  if (segment.has(kFin)) peer_fin_ = next(segment.seq, segment.payload);
  if (!rcv_nxt_) return;
  // What came out of order is not remembered: its retransmission or the ACKs will tell.
  const WireSeq end = next(segment.seq, segment.payload);
  if (at_or_after(*rcv_nxt_, segment.seq) && at_or_after(end, *rcv_nxt_)) rcv_nxt_ = end;
  if (peer_fin_ && *rcv_nxt_ == *peer_fin_) {
    rcv_nxt_ = next(*peer_fin_);
    raise(Event::RcvFin);
  }
}

}  // namespace estab::observe
