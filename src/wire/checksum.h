// The Internet checksum (RFC 1071), by the widest vectors that the machine has.
//
//   std::uint64_t sum = pseudo_header_sum(source, destination, 6, length);
//   sum = checksum_add(sum, header);            // its checksum field zero
//   sum = checksum_add(sum, payload);           // header's size is even
//   store16(field, checksum_fold(sum));
//
// Verifying is the same sum over all bytes, the field included: checksum_fold() is then 0.
#pragma once
#include <cstdint>

#include "base/slices.h"
#include "estab/address.h"
#include "estab/buffer.h"

namespace estab::wire {

// `initial` and the results are partial sums in network order (64-bit ones' complement); 0 starts
// one, checksum_fold() ends one.
//
// An odd number of bytes is padded with a zero (RFC 1071 4.1), so only the last piece may be odd.
std::uint64_t checksum_add(std::uint64_t initial, Bytes bytes);
// The pieces count as one run of bytes: each may be odd, and begin at an odd place.
std::uint64_t checksum_add(std::uint64_t initial, const Slices& s);

// RFC 9293 3.1 for IPv4, RFC 8200 8.1 for IPv6; `length` is that of the upper layer's header and
// data. Both addresses are of one family.
std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length);

// Complemented, host order, ready to be stored by store16().
std::uint16_t checksum_fold(std::uint64_t sum);

namespace detail {  // the two ways to sum, for their tests and benchmarks
std::uint64_t checksum_add_scalar(std::uint64_t initial, Bytes bytes);
bool has_wide_checksum();                                             // this machine has AVX2
std::uint64_t checksum_add_wide(std::uint64_t initial, Bytes bytes);  // has_wide_checksum() only
}  // namespace detail

}  // namespace estab::wire
