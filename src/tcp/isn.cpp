#include "tcp/isn.h"

#include "base/defence.h"

namespace estab::tcp {
namespace {
constexpr Duration kTick = std::chrono::microseconds(4);  // RFC 9293 3.4.1, MUST-8
}  // namespace

WireSeq IsnGenerator::initial_sequence(const FourTuple& tuple, Instant now) const {
  const auto ticks = (now.time_since_epoch() + clock_offset_) / kTick;
  // RFC 6528 3, MUST-9
  const std::uint64_t f = defended(Defence::IsnSecret) ? siphash(secret_, tuple) : 0;
  return {static_cast<std::uint32_t>(ticks) + static_cast<std::uint32_t>(f)};
}

std::uint32_t IsnGenerator::timestamp_offset(const FourTuple& tuple) const {
  // By the pair of addresses alone, so that time-stamps grow over all of a peer's connections:
  // RFC 6191 and tcp_tw_reuse rest on that. Another half of another key than the ISN's.
  if (!defended(Defence::TimestampOffset)) return 0;
  SipKey key = secret_;
  key.words[0] = ~key.words[0];
  FourTuple addresses = tuple;
  addresses.local.port = addresses.remote.port = Port{};
  return static_cast<std::uint32_t>(siphash(key, addresses) >> 32);
}

std::uint32_t timestamp_clock(Instant now) {
  return static_cast<std::uint32_t>(now.time_since_epoch() / std::chrono::milliseconds(1));
}

}  // namespace estab::tcp
