#include "wire/checksum.h"

#include <array>
#include <bit>
#include <cstring>

#include "wire/bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define ESTAB_WIDE_CHECKSUM 1
#endif

namespace estab::wire {
namespace {

// Sums are kept over 16-bit words as they lie in memory. RFC 1071 2 (B): the order of bytes may be
// put right once, at the end; and 2 (C): any width may be summed, as 2^16, 2^32 and 2^64 are all 1
// modulo 2^16 - 1.
std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  const bool carry = __builtin_add_overflow(a, b, &sum);
  return sum + (carry ? 1u : 0u);  // end-around: cannot carry again
}

std::uint64_t load_native(const std::uint8_t* from, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  return word;
}

std::uint16_t fold_once(std::uint64_t sum) {
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 32) + (sum & 0xffffffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<std::uint16_t>((sum >> 16) + sum);
}

std::uint16_t swap16(std::uint16_t v) { return static_cast<std::uint16_t>(v << 8 | v >> 8); }

constexpr std::size_t kWorthVectors = 128;  // below, setting up and summing lanes costs more

#if ESTAB_WIDE_CHECKSUM
// Four accumulators of four 64-bit lanes, each fed 32-bit words: no lane can overflow in less than
// 2^32 rounds. Returns the sum of bytes.size() / 64 * 64 bytes.
__attribute__((target("avx2"))) std::uint64_t sum_blocks(const std::uint8_t* at,
                                                         std::size_t blocks) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i a = zero, b = zero, c = zero, d = zero;
  for (; blocks > 0; --blocks, at += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32));
    a = _mm256_add_epi64(a, _mm256_unpacklo_epi32(low, zero));
    b = _mm256_add_epi64(b, _mm256_unpackhi_epi32(low, zero));
    c = _mm256_add_epi64(c, _mm256_unpacklo_epi32(high, zero));
    d = _mm256_add_epi64(d, _mm256_unpackhi_epi32(high, zero));
  }
  std::array<std::uint64_t, 4> lanes{};
  const __m256i all = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes.data()), all);
  return add(add(lanes[0], lanes[1]), add(lanes[2], lanes[3]));
}

bool find_avx2() {
  __builtin_cpu_init();  // this may run before the runtime's own initialisers
  return __builtin_cpu_supports("avx2") != 0;
}
const bool kHasAvx2 = find_avx2();
#endif

}  // namespace

namespace detail {

std::uint64_t checksum_add_scalar(std::uint64_t initial, Bytes bytes) {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t even = initial, odd = 0;  // two chains of carries, for the processor to overlap
  for (; left >= 16; left -= 16, at += 16) {
    even = add(even, load_native(at, 8));
    odd = add(odd, load_native(at + 8, 8));
  }
  if (left >= 8) {
    even = add(even, load_native(at, 8));
    left -= 8;
    at += 8;
  }
  // The rest, with zeros after it in memory's order.
  std::array<std::uint8_t, 8> tail{};
  if (left > 0) std::memcpy(tail.data(), at, left);
  return add(add(even, odd), load_native(tail.data(), 8));
}

#if ESTAB_WIDE_CHECKSUM
bool has_wide_checksum() { return kHasAvx2; }
std::uint64_t checksum_add_wide(std::uint64_t initial, Bytes bytes) {
  const std::size_t blocks = bytes.size() / 64;
  const std::uint64_t sum = add(initial, sum_blocks(bytes.data(), blocks));
  return checksum_add_scalar(sum, bytes.subspan(blocks * 64));
}
#else
bool has_wide_checksum() { return false; }
std::uint64_t checksum_add_wide(std::uint64_t initial, Bytes bytes) {
  return checksum_add_scalar(initial, bytes);
}
#endif

}  // namespace detail

std::uint64_t checksum_add(std::uint64_t initial, Bytes bytes) {
  if (bytes.size() >= kWorthVectors && detail::has_wide_checksum()) {
    return detail::checksum_add_wide(initial, bytes);
  }
  return detail::checksum_add_scalar(initial, bytes);
}

std::uint64_t checksum_add(std::uint64_t initial, const Slices& s) {
  bool odd_place = false;
  for (std::size_t i = 0; i < s.pieces(); ++i) {
    const Bytes bytes = s[i].bytes();
    if (odd_place) {
      // RFC 1071 2 (B): summed one byte off, every word is swapped, and so is the sum.
      initial = add(initial, swap16(fold_once(checksum_add(0, bytes))));
    } else {
      initial = checksum_add(initial, bytes);
    }
    odd_place ^= bytes.size() % 2 != 0;
  }
  return initial;
}

std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                std::uint8_t protocol, std::uint32_t length) {
  // Both pseudo-headers are the addresses, the length and the protocol, with zeros that sum to
  // nothing between them.
  std::array<std::uint8_t, 40> bytes{};
  const std::size_t from = source.is_v4() ? 12 : 0;  // the 4 bytes of a mapped address
  std::copy(source.bytes().begin() + from, source.bytes().end(), bytes.begin() + from);
  std::copy(destination.bytes().begin() + from, destination.bytes().end(),
            bytes.begin() + 16 + from);
  store32(bytes.data() + 32, length);
  bytes[39] = protocol;
  return detail::checksum_add_scalar(0, bytes);
}

std::uint16_t checksum_fold(std::uint64_t sum) {
  const auto complement = static_cast<std::uint16_t>(~fold_once(sum));
  return std::endian::native == std::endian::little ? swap16(complement) : complement;
}

}  // namespace estab::wire
