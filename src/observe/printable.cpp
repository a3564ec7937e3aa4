#include "observe/printable.h"

#include <fmt/format.h>

#include <cstdint>

namespace estab::observe {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<std::uint8_t>(text[at]) : 0;
}

bool continues(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }

// Octets of the character at the front when it may be shown, else 0 (Unicode 3.9, table 3-7).
std::size_t shown_octets(std::string_view text) {
  const std::uint8_t a = byte_at(text, 0);
  const std::uint8_t b = byte_at(text, 1);
  if (a >= 0x20 && a < 0x7f) return 1;
  if (a >= 0xc2 && a <= 0xdf) return continues(b) && !(a == 0xc2 && b < 0xa0) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const bool whole = continues(b) && continues(byte_at(text, 2));
    const bool overlong = a == 0xe0 && b < 0xa0;
    const bool surrogate = a == 0xed && b >= 0xa0;
    // Marks that turn the direction of writing make one name look like another.
    const std::uint8_t c = byte_at(text, 2);
    const bool turns = a == 0xe2 && ((b == 0x80 && (c == 0x8e || c == 0x8f || (c >= 0xa8 && c <= 0xae))) ||
                                     (b == 0x81 && c >= 0xa6 && c <= 0xa9));
    return whole && !overlong && !surrogate && !turns ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const bool whole = continues(b) && continues(byte_at(text, 2)) && continues(byte_at(text, 3));
    const bool outside = (a == 0xf0 && b < 0x90) || (a == 0xf4 && b >= 0x90);
    return whole && !outside ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t octets = shown_octets(text);
    if (octets == 0) {
      out += fmt::format("\\x{:02x}", byte_at(text, 0));
      text.remove_prefix(1);
    } else {
      out += text.substr(0, octets);
      text.remove_prefix(octets);
    }
  }
  return out;
}

}  // namespace estab::observe
