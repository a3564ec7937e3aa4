// Explicit Congestion Notification: RFC 3168 6.1, for both directions of one connection.
//
//   sender    data goes out with ECT(0), not what is sent again and no pure ACK (6.1.4, 6.1.5); an ACK
//             with ECE reduces the window once for a window of data; CWR says that it was done
//   receiver  after a packet with CE each ACK carries ECE until a CWR comes (6.1.3)
#pragma once
#include <cstdint>

#include "wire/segment.h"

namespace estab::tcp {

// The two low bits of TOS and traffic class.
inline constexpr std::uint8_t kEcnMask = 3, kEct0 = 2, kCe = 3;

class Ecn {
 public:
  // --- the handshake (6.1.1) ---
  // tcp_ecn: 1 asks. Not in a SYN that is repeated: some middlebox may have dropped it for that.
  static wire::Flags in_syn(std::int64_t knob, bool again) {
    return knob == 1 && !again ? wire::Flags{wire::kEce | wire::kCwr} : wire::Flags{0};
  }
  // A SYN that asks. One whose packet is marked itself comes from something that does not know ECN.
  static bool asks(const wire::Segment& syn, std::int64_t knob) {
    return knob != 0 && syn.has(wire::kEce) && syn.has(wire::kCwr) && (syn.tos & kEcnMask) == 0;
  }
  static bool agrees(const wire::Segment& syn_ack) {
    return syn_ack.has(wire::kEce) && !syn_ack.has(wire::kCwr);
  }
  void agree(bool yes) { agreed_ = yes; }
  bool agreed() const { return agreed_; }

  // --- what comes in ---
  bool echoed(const wire::Segment& s) const {
    return agreed_ && s.has(wire::kEce) && !s.has(wire::kSyn);
  }
  // Of each segment with data, in or out of order. True: acknowledge at once, for the sender's window
  // may be small.
  bool received(const wire::Segment& s) {
    if (!agreed_) return false;
    const bool reduced = s.has(wire::kCwr);
    if (reduced) echo_due_ = false;
    const std::uint8_t mark = s.tos & kEcnMask;
    if (mark != 0) seen_ = true;
    const bool first = mark == kCe && !echo_due_;
    if (mark == kCe) echo_due_ = true;
    return first || reduced;
  }
  bool seen() const { return seen_; }

  // --- what goes out ---
  void reduced() { reduced_due_ = agreed_; }  // the window came down
  void withdrawn() { reduced_due_ = false; }  // or did not, after all
  // `fresh`: data that goes for the first time.
  void mark(wire::Segment& s, bool fresh) {
    if (!agreed_) return;
    if (fresh) {
      s.tos |= kEct0;
      if (reduced_due_) s.flags |= wire::kCwr;
      reduced_due_ = false;
    }
    if (echo_due_) s.flags |= wire::kEce;
  }

 private:
  bool agreed_ : 1 = false;
  bool echo_due_ : 1 = false;     // CE came, and no CWR since
  bool reduced_due_ : 1 = false;  // the next new data carries CWR
  bool seen_ : 1 = false;         // packets that could be marked have come
};

}  // namespace estab::tcp
