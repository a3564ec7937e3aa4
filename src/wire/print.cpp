#include "wire/print.h"

#include <fmt/format.h>
#include <array>
#include <iterator>
#include <ostream>
#include <string_view>

#include "wire/bytes.h"
#include "wire/tcp.h"
#include "wire/tcp_option_layout.h"

namespace estab::wire {
namespace {

std::string sack_text(Bytes blocks, WireSeq base) {
  std::string text = "sack";
  for (; blocks.size() >= 8; blocks = blocks.subspan(8)) {
    fmt::format_to(std::back_inserter(text), " {}:{}", load32(blocks.data()) - base.value,
                   load32(blocks.data() + 4) - base.value);
  }
  return text;
}

std::string fast_open_text(Bytes cookie) {
  std::string text = "FO ";
  for (const std::uint8_t byte : cookie) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

// `content` is what follows kind and length, as build_tcp_options() wrote it.
std::string option_text(TcpOption kind, Bytes content, WireSeq sack_base) {
  const std::uint8_t* at = content.data();
  switch (kind) {
    case TcpOption::kMss:
      return fmt::format("mss {}", load16(at));
    case TcpOption::kWindowScale:
      return fmt::format("wscale {}", at[0]);
    case TcpOption::kSackPermitted:
      return "sackOK";
    case TcpOption::kSack:
      return sack_text(content, sack_base);
    case TcpOption::kTimestamps:
      return fmt::format("TS val {} ecr {}", load32(at), load32(at + 4));
    case TcpOption::kUserTimeout:
      return fmt::format("uto {}{}", load16(at) & 0x7fff, at[0] >= 0x80 ? "min" : "s");
    case TcpOption::kFastOpen:
      return fast_open_text(content);
    case TcpOption::kEnd:
    case TcpOption::kNoOperation:
      break;
  }
  return "";
}

}  // namespace

std::string flags_text(Flags flags) {
  struct Letter {
    Flag flag;
    char letter;
  };
  constexpr std::array<Letter, 8> kLetters{{{kFin, 'F'},
                                            {kSyn, 'S'},
                                            {kRst, 'R'},
                                            {kPsh, 'P'},
                                            {kAck, '.'},
                                            {kUrg, 'U'},
                                            {kEce, 'E'},
                                            {kCwr, 'W'}}};
  std::string text;
  for (const Letter& l : kLetters) {
    if ((flags & l.flag) != 0) text += l.letter;
  }
  return text.empty() ? "-" : text;
}

std::string options_text(const TcpOptions& options, WireSeq sack_base) {
  // What the builder writes is decoded again, so that the order is told in one place.
  std::array<std::uint8_t, kMaxTcpOptions> built{};
  Bytes rest(built.data(), build_tcp_options(options, built.data()));
  std::string text;
  while (!rest.empty()) {
    if (!text.empty()) text += ',';
    if (rest[0] == static_cast<std::uint8_t>(TcpOption::kNoOperation)) {
      text += "nop";
      rest = rest.subspan(1);
      continue;
    }
    text += option_text(static_cast<TcpOption>(rest[0]), rest.subspan(2, rest[1] - 2u), sack_base);
    rest = rest.subspan(rest[1]);
  }
  return text;
}

std::string segment_text(const Segment& segment, WireSeq seq_base, WireSeq ack_base) {
  const std::uint32_t first = segment.seq.value - seq_base.value;
  const auto size = static_cast<std::uint32_t>(segment.payload.size());
  std::string text =
      fmt::format("{} {}:{}({})", flags_text(segment.flags), first, first + size, size);
  auto to = std::back_inserter(text);
  if (segment.has(kAck)) fmt::format_to(to, " ack {}", segment.ack.value - ack_base.value);
  fmt::format_to(to, " win {}", segment.window);
  if (segment.has(kUrg)) fmt::format_to(to, " urg {}", segment.urgent);
  const std::string options = options_text(segment.options, ack_base);
  if (!options.empty()) fmt::format_to(to, " <{}>", options);
  return text;
}

std::ostream& operator<<(std::ostream& out, const Segment& segment) {
  return out << segment_text(segment);
}

std::ostream& operator<<(std::ostream& out, const TcpOptions& options) {
  return out << '<' << options_text(options) << '>';
}

}  // namespace estab::wire
