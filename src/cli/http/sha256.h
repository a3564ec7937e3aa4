// SHA-256 (FIPS 180-4), for the server's receipt of an upload.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace estab::cli::http {

class Sha256 {
 public:
  explicit Sha256(bool may_use_instructions = true);
  void add(std::string_view bytes);
  std::string hex();  // of all that was added; the object is spent afterwards

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::uint64_t total_ = 0;  // bytes
  bool instructions_;
};

}  // namespace estab::cli::http
