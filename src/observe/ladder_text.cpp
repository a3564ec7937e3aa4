// The ladder in characters.
#include <fmt/format.h>

#include <algorithm>

#include "observe/duration_text.h"
#include "observe/ladder.h"
#include "observe/replay.h"

namespace estab::observe {
namespace {

constexpr std::size_t kTimeWidth = 9;
constexpr std::size_t kStateWidth = 15;  // "9 SYN-RECEIVED"

using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;
using wire::kUrg;

std::string flags_words(const CapturedSegment& s) {
  std::string text;
  for (const auto& [flag, word] :
       {std::pair{kSyn, "SYN"}, {kFin, "FIN"}, {kRst, "RST"}, {kUrg, "URG"}, {kAck, "ACK"}}) {
    if (!s.has(flag)) continue;
    if (!text.empty()) text += ",";
    text += word;
  }
  return text.empty() ? "no flags" : text;
}

std::string bytes_words(std::uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  if (bytes < 10000) return fmt::format("{} bytes", bytes);
  if (bytes < 10000000) return fmt::format("{:.0f} kB", static_cast<double>(bytes) / 1e3);
  if (bytes < 10000000000) return fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.0f} GB", static_cast<double>(bytes) / 1e9);
}

// How many columns a text takes that has only ASCII and the characters drawn here.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}
std::string repeat(const char* piece, std::size_t n) {
  std::string out;
  while (n-- > 0) out += piece;
  return out;
}

class Ladder {
 public:
  Ladder(const Conversation& conversation, const std::vector<LadderNote>& notes,
         const LadderStyle& style)
      : conversation_(conversation),
        notes_(notes),
        style_(style),
        lane_(std::max<std::size_t>(style.width, 72) - kTimeWidth - 2 * kStateWidth - 4),
        replay_(conversation),
        dull_(dull_segments(conversation)) {}

  std::string draw() {
    heading();
    const auto& segments = conversation_.segments;
    for (std::size_t i = 0; i < segments.size();) {
      notes_before(segments[i].at);
      i += draw_from(i);
    }
    notes_before(Instant::max());
    return out_;
  }

 private:
  const char* vertical() const { return style_.ascii ? "|" : "│"; }
  const char* dash() const { return style_.ascii ? "-" : "─"; }

  void heading() {
    const auto name = [](const Endpoint& e, const std::string& who) {
      return who.empty() ? e.to_string() : who + " " + e.to_string();
    };
    const std::string left = name(conversation_.tuple.local, style_.left_name);
    const std::string right = name(conversation_.tuple.remote, style_.right_name);
    const std::size_t room = kTimeWidth + 2 * kStateWidth + lane_ + 4;
    const std::size_t used = columns(left) + columns(right) + kTimeWidth + 1;
    out_ += std::string(kTimeWidth + 1, ' ') + left +
            std::string(used < room ? room - used : 1, ' ') + right + "\n";
    row("", state_words(replay_.left.state()), std::string(lane_, ' '),
        state_words(replay_.right.state()));
  }

  static std::string state_words(std::optional<State> s) {
    return s ? std::string(rfc_name(*s)) : "?";
  }

  void row(const std::string& time, const std::string& left, const std::string& lane,
           const std::string& right) {
    std::string line = fmt::format("{:>{}} {:>{}} {}{}{} {}", time, kTimeWidth, left, kStateWidth,
                                   vertical(), lane, vertical(), right);
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out_ += line + "\n";
  }

  std::string time_words(Instant at) const {
    const Duration since = at - conversation_.segments.front().at;
    const double ms = static_cast<double>(since.count()) / 1e6;
    if (ms < 1000) return fmt::format("{:.2f} ms", ms);
    return fmt::format("{:.2f} s", ms / 1e3);
  }

  // ── SYN ─────▶ or ◀──── ACK ──
  std::string rung(const std::string& words, bool to_right) const {
    const std::string shown = " " + words + " ";
    const std::size_t used = columns(shown) + 3;
    const std::string rest = repeat(dash(), used < lane_ ? lane_ - used : 0);
    const char* head = style_.ascii ? (to_right ? ">" : "<") : (to_right ? "▶" : "◀");
    return to_right ? repeat(dash(), 2) + shown + rest + head
                    : head + rest + shown + repeat(dash(), 2);
  }

  bool from_left(const CapturedSegment& s) const { return s.sender == conversation_.tuple; }

  std::string segment_words(const CapturedSegment& s) const {
    std::string words = flags_words(s);
    const bool plain = (s.flags & (kSyn | kFin | kRst | kUrg)) == 0;
    if (s.payload != 0)
      words = plain ? bytes_words(s.payload) : words + " + " + bytes_words(s.payload);
    if (style_.numbers) {
      words += fmt::format(" seq {}", relative(s.seq, from_left(s)));
      if (s.has(kAck)) words += fmt::format(" ack {}", relative(s.ack, !from_left(s)));
    }
    return words;
  }
  std::uint32_t relative(WireSeq seq, bool of_left) const {
    for (const CapturedSegment& s : conversation_.segments) {
      if (from_left(s) == of_left) return seq.value - s.seq.value;
    }
    return seq.value;
  }

  // Changes of one end by one segment; each beyond the first gets a row of its own.
  static std::vector<std::string> change_words(EndpointStates& end) {
    std::vector<std::string> words;
    for (const Change& c : end.take_changes()) {
      const std::string state(rfc_name(c.to));
      words.push_back(c.arrow != 0 ? fmt::format("{} {}", c.arrow, state) : state);
    }
    return words;
  }

  static bool is_plain(const CapturedSegment& s) {
    return (s.flags & (kSyn | kFin | kRst | kUrg)) == 0;
  }

  // Plain data and acknowledgements that change no state.
  static std::vector<bool> dull_segments(const Conversation& c) {
    std::vector<bool> dull;
    Replay replay(c);
    for (std::size_t i = 0; i < c.segments.size(); ++i) {
      replay.step(i);
      const bool left = replay.left.take_changes().empty();
      const bool right = replay.right.take_changes().empty();
      dull.push_back(left && right && is_plain(c.segments[i]));
    }
    return dull;
  }

  // Draws the segment at `i`, or a run of dull ones that begins there; returns how many.
  std::size_t draw_from(std::size_t i) {
    constexpr std::size_t kWorthALine = 7;
    std::size_t run = 0;
    while (!style_.whole && i + run < dull_.size() && dull_[i + run]) ++run;
    if (run < kWorthALine) {
      draw_segment(i);
      return 1;
    }
    // The request and the first answer are worth a rung each, and so is the last one.
    const auto begin = conversation_.segments.begin() + static_cast<std::ptrdiff_t>(i);
    const bool data = std::any_of(begin, begin + static_cast<std::ptrdiff_t>(run),
                                  [](const CapturedSegment& s) { return s.payload != 0; });
    if (!data) {
      draw_run(i, run);
      return run;
    }
    draw_segment(i);
    draw_segment(i + 1);
    draw_run(i + 2, run - 3);
    draw_segment(i + run - 1);
    return run;
  }

  void draw_segment(std::size_t index) {
    const CapturedSegment& s = conversation_.segments[index];
    const bool to_right = from_left(s);
    replay_.step(index);
    const auto left = change_words(replay_.left);
    const auto right = change_words(replay_.right);
    const auto at = [](const std::vector<std::string>& v, std::size_t k) {
      return k < v.size() ? v[k] : std::string();
    };
    // The sender changes as it sends, the receiver as it receives: the same rung shows both.
    row(time_words(s.at), at(left, 0), rung(segment_words(s), to_right), at(right, 0));
    for (std::size_t k = 1; k < std::max(left.size(), right.size()); ++k) {
      row("", at(left, k), std::string(lane_, ' '), at(right, k));
    }
  }

  void draw_run(std::size_t begin, std::size_t count) {
    std::uint64_t bytes[2] = {0, 0};
    std::size_t segments[2] = {0, 0};
    for (std::size_t i = begin; i < begin + count; ++i) {
      const CapturedSegment& s = conversation_.segments[i];
      const bool to_right = from_left(s);
      replay_.step(i);
      bytes[to_right] += s.payload;
      ++segments[to_right];
    }
    const char* arrows[2] = {style_.ascii ? "<-" : "◀─", style_.ascii ? "->" : "─▶"};
    std::string words;
    for (const int to_right : {1, 0}) {
      if (segments[to_right] == 0) continue;
      if (!words.empty()) words += style_.ascii ? ", " : " · ";
      words += fmt::format("{} {}", arrows[to_right],
                           bytes[to_right] != 0 ? bytes_words(bytes[to_right])
                                                : fmt::format("{} ACK{}", segments[to_right],
                                                              segments[to_right] == 1 ? "" : "s"));
    }
    const std::size_t pad = lane_ > columns(words) ? lane_ - columns(words) : 0;
    row(time_words(conversation_.segments[begin + count - 1].at), change(replay_.left),
        std::string(pad / 2, ' ') + words + std::string(pad - pad / 2, ' '), change(replay_.right));
  }
  static std::string change(EndpointStates& end) {
    const auto words = change_words(end);
    return words.empty() ? "" : words.back();
  }

  void notes_before(Instant until) {
    for (; next_note_ < notes_.size() && notes_[next_note_].at < until; ++next_note_) {
      const LadderNote& note = notes_[next_note_];
      const bool left = note.whose == conversation_.tuple.local;
      std::string who = left ? style_.left_name : style_.right_name;
      if (who.empty()) who = left ? "left" : "right";
      out_ += fmt::format("{:>{}} {}, {}\n", time_words(note.at), kTimeWidth, who, note.text);
    }
  }

  const Conversation& conversation_;
  const std::vector<LadderNote>& notes_;
  const LadderStyle& style_;
  std::size_t lane_;
  Replay replay_;
  std::vector<bool> dull_;
  std::size_t next_note_ = 0;
  std::string out_;
};

}  // namespace

std::string ladder_text(const Conversation& conversation, const std::vector<LadderNote>& notes,
                        const LadderStyle& style) {
  return Ladder(conversation, notes, style).draw();
}

FinalStates final_states(const Conversation& conversation) {
  Replay replay(conversation);
  for (std::size_t i = 0; i < conversation.segments.size(); ++i) replay.step(i);
  return {replay.left.state(), replay.right.state()};
}

}  // namespace estab::observe
