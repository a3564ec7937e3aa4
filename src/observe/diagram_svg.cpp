// The diagram as SVG: the same layout as in characters, a cell being 9 by 18 units.
#include <fmt/format.h>

#include "observe/diagram.h"
#include "observe/diagram_layout.h"

namespace estab::observe {
namespace {

constexpr int kCellWidth = 9;
constexpr int kCellHeight = 18;

struct Spot {
  int x;
  int y;
};
Spot middle_of(Cell c) {
  return {c.x * kCellWidth + kCellWidth / 2, c.y * kCellHeight + kCellHeight / 2};
}

constexpr const char* kStyle =
    "<style>\n"
    "  rect { fill: #f4f6f8; stroke: #34495e; stroke-width: 1.5; }\n"
    "  .busy rect { fill: #d6eaf8; }\n"
    "  path { fill: none; stroke: #34495e; stroke-width: 1.3; marker-end: url(#head); }\n"
    "  text { font: 13px sans-serif; fill: #1c2833; }\n"
    "  .name { font-weight: bold; text-anchor: middle; }\n"
    "  .number { font-weight: bold; fill: #b03a2e; }\n"
    "</style>\n"
    "<defs><marker id=\"head\" markerWidth=\"9\" markerHeight=\"9\" refX=\"7\" refY=\"4\" "
    "orient=\"auto\"><polygon points=\"0 0, 8 4, 0 8\" fill=\"#34495e\"/></marker></defs>\n";

std::string box_svg(const Box& box, const std::optional<StateCounts>& counts) {
  const int x = box.x * kCellWidth;
  const int y = box.y * kCellHeight;
  const int width = kBoxWidth * kCellWidth;
  const int height = box.height * kCellHeight;
  std::uint64_t count = 0;
  if (counts && box.state != State::Closed) count = (*counts)[static_cast<std::size_t>(box.state)];
  const std::string shown = count != 0 ? fmt::format(": {}", count) : "";
  return fmt::format(
      "<g class=\"{}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"/>"
      "<text class=\"name\" x=\"{}\" y=\"{}\">{}{}</text></g>\n",
      count != 0 ? "state busy" : "state", x, y, width, height, x + width / 2, y + height / 2 + 5,
      rfc_name(box.state), shown);
}

// Lines end at the box, half a cell further than the cell beside it.
Spot towards_box(Cell at, Cell from) {
  Spot spot = middle_of(at);
  if (at.x != from.x) spot.x += at.x > from.x ? kCellWidth / 2 : -kCellWidth / 2;
  if (at.x == from.x) spot.y += at.y > from.y ? kCellHeight / 2 : -kCellHeight / 2;
  return spot;
}

std::string route_svg(const Route& route) {
  const tcp::Arrow& arrow = tcp::kFigure5[route.arrow - 1u];
  const bool straight = route.corner.x == route.end.x && route.corner.y == route.end.y;
  const Spot begin = towards_box(route.begin, route.corner);
  const Spot begin_out = {2 * middle_of(route.begin).x - begin.x,
                          2 * middle_of(route.begin).y - begin.y};
  const Spot corner = middle_of(route.corner);
  const Spot end = towards_box(route.end, straight ? route.begin : route.corner);
  std::string out = fmt::format("<path d=\"M {} {} ", begin_out.x, begin_out.y);
  if (!straight) out += fmt::format("L {} {} ", corner.x, corner.y);
  out += fmt::format("L {} {}\"/>\n", end.x, end.y);

  std::string then = actions_text(arrow.then);
  if (arrow.when == tcp::When::IfPassive) then = "if passive OPEN";
  const int x = route.label.x * kCellWidth;
  const int y = route.label.y * kCellHeight + 13;
  out += fmt::format("<text x=\"{}\" y=\"{}\"><tspan class=\"number\">{}</tspan> {}", x, y, arrow.n,
                     event_name(arrow.on));
  if (route.one_line) out += " / " + then;
  if (!route.one_line && !then.empty()) {
    out += fmt::format("<tspan x=\"{}\" dy=\"{}\">{}</tspan>", x + 2 * kCellWidth, kCellHeight - 2,
                       then);
  }
  return out + "</text>\n";
}

}  // namespace

std::string diagram_svg(const DiagramStyle& style) {
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 -10 {} {}\" role=\"img\">\n"
      "<title>TCP connection state diagram (RFC 9293, Figure 5)</title>\n",
      kDiagramWidth * kCellWidth + 20, kDiagramHeight * kCellHeight + 20);
  out += kStyle;
  for (const Box& box : kBoxes) out += box_svg(box, style.counts);
  for (const Route& route : kRoutes) out += route_svg(route);
  return out + "</svg>\n";
}

}  // namespace estab::observe
