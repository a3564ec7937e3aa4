// Sequence numbers. On the wire they are 32 bits and wrap: WireSeq, which can only be compared for
// equality. Inside they are unwrapped once, at the edge, to 64 bits: SeqNum, which has a total
// order, so that the RFC's inequalities compile as they are printed.
//
//   SeqNum seq = SeqNum::unwrap(segment.seq, rcv_nxt);   // the one nearest to rcv_nxt
//   if (snd_una < ack && ack <= snd_nxt) ...
#pragma once
#include <compare>
#include <cstdint>

namespace estab {

struct WireSeq {
  std::uint32_t value = 0;
  friend constexpr bool operator==(WireSeq, WireSeq) = default;
};

class SeqNum {
 public:
  constexpr SeqNum() = default;
  // The first number of a connection's space, placed far from zero so that old duplicates have
  // room on its left.
  static constexpr SeqNum first(WireSeq w) {
    return SeqNum((std::int64_t{1} << 32) + static_cast<std::int64_t>(w.value));
  }
  // The number whose low 32 bits are `w` and which lies nearest to `near`.
  static constexpr SeqNum unwrap(WireSeq w, SeqNum near) {
    const auto distance = static_cast<std::int32_t>(w.value - static_cast<std::uint32_t>(near.v_));
    return SeqNum(near.v_ + distance);
  }
  constexpr WireSeq wire() const { return {static_cast<std::uint32_t>(v_)}; }
  constexpr std::int64_t raw() const { return v_; }

  constexpr SeqNum& operator+=(std::int64_t n) {
    v_ += n;
    return *this;
  }
  friend constexpr SeqNum operator+(SeqNum a, std::int64_t n) { return SeqNum(a.v_ + n); }
  friend constexpr SeqNum operator-(SeqNum a, std::int64_t n) { return SeqNum(a.v_ - n); }
  friend constexpr std::int64_t operator-(SeqNum a, SeqNum b) { return a.v_ - b.v_; }
  friend constexpr auto operator<=>(SeqNum, SeqNum) = default;

 private:
  explicit constexpr SeqNum(std::int64_t v) : v_(v) {}
  std::int64_t v_ = 0;
};

}  // namespace estab
