// Initial sequence numbers: RFC 9293 3.4.1 and RFC 6528. ISN = M + F(4-tuple, secret), M a clock
// that ticks every 4 microseconds (MUST-8), F SipHash with a secret key (MUST-9, SHLD-1).
// The same key, over the pair of addresses, gives each peer its own timestamp offset
// (RFC 7323 5.4), so that time-stamps neither reveal the uptime nor join flows together.
#pragma once
#include "base/seq.h"
#include "base/siphash.h"
#include "estab/time.h"

namespace estab::tcp {

class IsnGenerator {
 public:
  // `clock_offset` carries M over a restart (state file): added to `now`.
  explicit IsnGenerator(const SipKey& secret, Duration clock_offset = Duration{0})
      : secret_(secret), clock_offset_(clock_offset) {}
  WireSeq initial_sequence(const FourTuple& tuple, Instant now) const;
  std::uint32_t timestamp_offset(const FourTuple& tuple) const;

 private:
  SipKey secret_;
  Duration clock_offset_;
};

// The timestamp clock: 1 tick a millisecond (RFC 7323 5.4: between 1 ms and 1 s).
std::uint32_t timestamp_clock(Instant now);

}  // namespace estab::tcp
