// SYN cookies (RFC 4987 3.6, Bernstein 1996): a listener's answer to a SYN that stores nothing. The
// ISN of the SYN,ACK is the state, sealed by a keyed hash; the ACK that brings it back makes the
// record that was not kept.
//
//   31                                4   3   2   1   0
//  +-----------------------------------+---+-----------+
//  |  28 bits of SipHash-2-4           | E | MSS index |     E: the epoch's lowest bit
//  +-----------------------------------+---+-----------+
//
// The hash covers the connection's name, the peer's ISN, the MSS and everything else that the
// SYN,ACK agreed on. Window scale, SACK and ECN find no room in 32 bits: with timestamps they travel
// in the 6 low bits of our TSval, which the peer echoes, as in Linux; without timestamps they are not
// agreed on. An epoch lasts 64 s and has a key of its own, and a cookie is good in its epoch and the
// next: 64 to 128 s. A blind guess is right once in 2^28.
//
//   SynCookies cookies(secret);
//   send(cookies.seal(make_syn_record(syn, with, context), settings, name, now));
//   if (auto record = cookies.open(ack, name, with, context)) ...   // as if it had been kept
#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "base/siphash.h"
#include "tcp/record.h"

namespace estab::tcp {

class SynCookies {
 public:
  static constexpr Duration kEpoch = std::chrono::seconds(64);
  static constexpr Duration kValidity = 2 * kEpoch;  // the longest that one is good for

  explicit SynCookies(const SipKey& secret) : secret_(secret) {}

  // The SYN,ACK with a cookie in place of `record.iss`. `name`: a keyed 64-bit hash of record.tuple
  // that no stranger can compute, the same for seal() and open().
  wire::Segment seal(SynRecord record, const Settings& settings, std::uint64_t name, Instant now);

  // The record that `ack` brings back, as the SYN,ACK had it but for the peer's MSS, which is
  // rounded down to one of eight. Nothing when it is no cookie of ours, or too old. `ack` carries
  // ACK, and neither SYN nor RST; it may carry data or FIN. Of `with` the iss is not read.
  std::optional<SynRecord> open(const wire::Segment& ack, std::uint64_t name,
                                const SynParameters& with, const Context& context);

 private:
  struct EpochKey {
    std::int64_t epoch = -1;
    SipKey key;
  };
  const SipKey& key_of(std::int64_t epoch);
  std::uint32_t hash(std::int64_t epoch, std::uint64_t name, WireSeq irs, std::uint32_t agreed);

  SipKey secret_;
  std::array<EpochKey, 2> keys_;  // of this epoch and the one before, made when first needed
};

}  // namespace estab::tcp
