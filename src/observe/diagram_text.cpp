// The diagram in characters: a canvas on which boxes, lines and words are put.
#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "observe/diagram.h"
#include "observe/diagram_layout.h"

namespace estab::observe {
namespace {

// Directions a cell's line goes to; the sum picks the character.
enum Side : unsigned { kUp = 1, kDown = 2, kLeft = 4, kRight = 8 };

class Canvas {
 public:
  explicit Canvas(bool ascii)
      : ascii_(ascii), cells_(kDiagramHeight, std::vector<std::string>(kDiagramWidth, " ")) {}

  void put(Cell at, std::string glyph) { cells_[at.y][at.x] = std::move(glyph); }
  void text(Cell at, std::string_view words) {  // ASCII words
    for (const char c : words) put({at.x++, at.y}, std::string(1, c));
  }
  void line(Cell at, unsigned sides) {
    static constexpr std::array<std::string_view, 16> kLines{
        " ", "│", "│", "│", "─", "┘", "┐", "┤", "─", "└", "┌", "├", "─", "┴", "┬", "┼"};
    static constexpr std::string_view kAscii = " |||-+++-+++-+++";
    put(at, ascii_ ? std::string(1, kAscii[sides]) : std::string(kLines[sides]));
  }
  void head(Cell at, unsigned towards) {
    if (towards == kUp) put(at, ascii_ ? "^" : "▲");
    if (towards == kDown) put(at, ascii_ ? "v" : "▼");
    if (towards == kLeft) put(at, ascii_ ? "<" : "◀");
    if (towards == kRight) put(at, ascii_ ? ">" : "▶");
  }
  std::string to_string() const {
    std::string out;
    for (const auto& row : cells_) {
      std::string line;
      for (const std::string& glyph : row) line += glyph;
      while (!line.empty() && line.back() == ' ') line.pop_back();
      if (!line.empty() || !out.empty()) out += line + "\n";
    }
    return out;
  }

 private:
  bool ascii_;
  std::vector<std::vector<std::string>> cells_;
};

unsigned direction(Cell from, Cell to) {
  if (to.y != from.y) return to.y < from.y ? kUp : kDown;
  return to.x < from.x ? kLeft : kRight;
}
unsigned opposite(unsigned side) {
  return side == kUp ? kDown : side == kDown ? kUp : side == kLeft ? kRight : kLeft;
}
Cell step(Cell at, unsigned side) {
  return {at.x + (side == kRight) - (side == kLeft), at.y + (side == kDown) - (side == kUp)};
}
bool same(Cell a, Cell b) { return a.x == b.x && a.y == b.y; }

void draw_route(Canvas& canvas, const Route& route) {
  unsigned going = direction(route.begin, route.corner);
  Cell at = route.begin;
  for (; !same(at, route.corner); at = step(at, going)) canvas.line(at, going | opposite(going));
  if (!same(route.corner, route.end)) {
    const unsigned then = direction(route.corner, route.end);
    canvas.line(at, opposite(going) | then);
    going = then;
    for (at = step(at, going); !same(at, route.end); at = step(at, going)) {
      canvas.line(at, going | opposite(going));
    }
  }
  canvas.head(route.end, going);
}

void draw_words(Canvas& canvas, const Route& route) {
  const tcp::Arrow& arrow = tcp::kFigure5[route.arrow - 1u];
  const std::string number = fmt::format("{} ", arrow.n);
  const std::string on = number + std::string(event_name(arrow.on));
  std::string then = actions_text(arrow.then);
  if (arrow.when == tcp::When::IfPassive) then = "if passive OPEN";
  if (route.one_line) {
    canvas.text(route.label, on + " / " + then);
    return;
  }
  canvas.text(route.label, on);
  canvas.text({route.label.x + static_cast<int>(number.size()), route.label.y + 1}, then);
}

void draw_box(Canvas& canvas, const Box& box, const std::optional<StateCounts>& counts) {
  const int right = box.x + kBoxWidth - 1;
  const int bottom = box.y + box.height - 1;
  for (int x = box.x + 1; x < right; ++x) {
    canvas.line({x, box.y}, kLeft | kRight);
    canvas.line({x, bottom}, kLeft | kRight);
  }
  for (int y = box.y + 1; y < bottom; ++y) {
    canvas.line({box.x, y}, kUp | kDown);
    canvas.line({right, y}, kUp | kDown);
  }
  canvas.line({box.x, box.y}, kDown | kRight);
  canvas.line({right, box.y}, kDown | kLeft);
  canvas.line({box.x, bottom}, kUp | kRight);
  canvas.line({right, bottom}, kUp | kLeft);

  std::string name(rfc_name(box.state));
  if (counts && box.state != State::Closed) {
    const std::uint64_t count = (*counts)[static_cast<std::size_t>(box.state)];
    if (count != 0) {
      const std::string shown = fmt::format(" {} ", count);
      canvas.text({box.x + (kBoxWidth - static_cast<int>(shown.size())) / 2, bottom}, shown);
    }
  }
  const int middle = box.y + (box.height - 1) / 2;
  canvas.text({box.x + (kBoxWidth - static_cast<int>(name.size())) / 2, middle}, name);
}

}  // namespace

std::string diagram_text(const DiagramStyle& style) {
  Canvas canvas(style.ascii);
  for (const Box& box : kBoxes) draw_box(canvas, box, style.counts);
  for (const Route& route : kRoutes) {
    draw_route(canvas, route);
    draw_words(canvas, route);
  }
  return canvas.to_string();
}

}  // namespace estab::observe
