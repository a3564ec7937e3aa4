#include "cli/http/sha256_x86.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

namespace estab::cli::http {

bool has_sha_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1u << 29)) != 0;
}

__attribute__((target("sha,sse4.1"))) void sha256_block_x86(
    std::array<std::uint32_t, 8>& state, const std::uint8_t* bytes,
    const std::array<std::uint32_t, 64>& rounds) {
  const auto word = [&](std::size_t i) { return static_cast<int>(state[i]); };
  __m128i abef = _mm_set_epi32(word(0), word(1), word(4), word(5));
  __m128i cdgh = _mm_set_epi32(word(2), word(3), word(6), word(7));
  const __m128i old_abef = abef;
  const __m128i old_cdgh = cdgh;
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i w[16];  // four words of the message schedule each
  for (int i = 0; i < 16; ++i) {
    if (i < 4) {
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + i),
                              big_endian);
    } else {
      const __m128i earlier = _mm_add_epi32(_mm_sha256msg1_epu32(w[i - 4], w[i - 3]),
                                            _mm_alignr_epi8(w[i - 1], w[i - 2], 4));
      w[i] = _mm_sha256msg2_epu32(earlier, w[i - 1]);
    }
    const __m128i k = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rounds.data()) + i);
    const __m128i wk = _mm_add_epi32(w[i], k);
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);  // two rounds, and the names change places
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
  }
  alignas(16) std::array<std::uint32_t, 4> out;
  _mm_store_si128(reinterpret_cast<__m128i*>(out.data()), _mm_add_epi32(abef, old_abef));
  state[0] = out[3], state[1] = out[2], state[4] = out[1], state[5] = out[0];
  _mm_store_si128(reinterpret_cast<__m128i*>(out.data()), _mm_add_epi32(cdgh, old_cdgh));
  state[2] = out[3], state[3] = out[2], state[6] = out[1], state[7] = out[0];
}

}  // namespace estab::cli::http
#else
namespace estab::cli::http {

bool has_sha_instructions() { return false; }
void sha256_block_x86(std::array<std::uint32_t, 8>&, const std::uint8_t*,
                      const std::array<std::uint32_t, 64>&) {}

}  // namespace estab::cli::http
#endif
