#include "observe/escape.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace estab::observe {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;  // bytes
  bool valid = false;
};

Character character_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || first > 0xf4 || text.size() < size) return {};
  std::uint32_t code = first & (0xff >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size, true};
}

bool acts_on_terminal(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

bool is_plain(char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

void append_escaped(std::string& to, std::string_view text) {
  while (!text.empty()) {
    if (is_plain(text[0])) {
      to += text[0];
      text.remove_prefix(1);
      continue;
    }
    const Character c = character_at(text);
    if (!c.valid) {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<std::uint8_t>(text[0]));
    } else if (c.code == '"' || c.code == '\\') {
      to += '\\';
      to += static_cast<char>(c.code);
    } else if (c.code == '\n') {
      to += "\\n";
    } else if (acts_on_terminal(c.code) && c.code < 0x80) {
      fmt::format_to(std::back_inserter(to), "\\x{:02x}", c.code);
    } else if (acts_on_terminal(c.code)) {
      fmt::format_to(std::back_inserter(to), "\\u{{{:x}}}", c.code);
    } else {
      to += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  while (!text.empty()) {
    const Character c = character_at(text);
    if (!c.valid) {
      to += "\xef\xbf\xbd";
    } else if (c.code == '"' || c.code == '\\') {
      to += '\\';
      to += static_cast<char>(c.code);
    } else if (acts_on_terminal(c.code)) {
      fmt::format_to(std::back_inserter(to), "\\u{:04x}", c.code);
    } else {
      to += text.substr(0, c.size);
    }
    text.remove_prefix(c.size);
  }
  to += '"';
}

}  // namespace estab::observe
