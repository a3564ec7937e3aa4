// Where the boxes and lines of the diagram lie, in character cells, after RFC 9293's Figure 5:
// the way in above, ESTABLISHED in the middle, the one who closes first on the left.
#pragma once
#include <array>
#include <cstdint>

#include "estab/state.h"
#include "tcp/state_machine.h"

namespace estab::observe {

struct Cell {
  int x = 0;
  int y = 0;
};

struct Box {
  State state;
  int x;
  int y;
  int height;
};
inline constexpr int kBoxWidth = 16;
inline constexpr int kDiagramWidth = 80;
inline constexpr int kDiagramHeight = 44;

// clang-format off
inline constexpr std::array kBoxes{
    Box{State::Closed,      32,  2, 4},
    Box{State::Listen,      32, 10, 3},
    Box{State::SynReceived,  0, 15, 7},
    Box{State::SynSent,     64, 15, 7},
    Box{State::Established, 32, 24, 3},
    Box{State::FinWait1,     0, 28, 4},
    Box{State::CloseWait,   64, 28, 3},
    Box{State::FinWait2,     0, 35, 3},
    Box{State::Closing,     32, 35, 3},
    Box{State::LastAck,     64, 35, 3},
    Box{State::TimeWait,    32, 41, 3},
    Box{State::Closed,      64, 41, 3},  // as in the figure, CLOSED stands at both ends
};

// The line of one arrow, from beside its first box to beside its last, with one corner at most.
struct Route {
  std::uint8_t arrow;  // its number in kFigure5
  Cell begin;
  Cell corner;         // equal to `end` when there is none
  Cell end;
  Cell label;          // of the first of its two lines of words
  bool one_line;       // words in one line
};
inline constexpr std::array kRoutes{
    Route{ 1, {36,  6}, {36,  9}, {36,  9}, {20,  7}, false},
    Route{ 2, {43,  9}, {43,  6}, {43,  6}, {45,  7}, false},
    Route{ 3, {48,  3}, {75,  3}, {75, 14}, {50,  1}, false},
    Route{ 4, {66, 14}, {66,  4}, {48,  4}, {50,  5}, false},
    Route{ 5, { 7, 14}, { 7, 11}, {31, 11}, { 9,  9}, false},
    Route{ 6, {36, 13}, {36, 16}, {16, 16}, {18, 14}, false},
    Route{ 7, {43, 13}, {43, 16}, {63, 16}, {45, 14}, false},
    Route{ 8, {63, 18}, {16, 18}, {16, 18}, {28, 17}, true},
    Route{ 9, {16, 20}, {36, 20}, {36, 23}, {18, 21}, false},
    Route{10, {63, 20}, {43, 20}, {43, 23}, {45, 21}, false},
    Route{11, { 4, 22}, { 4, 27}, { 4, 27}, { 6, 24}, false},
    Route{12, {36, 27}, {36, 29}, {16, 29}, {18, 27}, false},
    Route{13, {43, 27}, {43, 29}, {63, 29}, {45, 27}, false},
    Route{14, { 4, 32}, { 4, 34}, { 4, 34}, { 6, 32}, false},
    Route{15, {16, 30}, {40, 30}, {40, 34}, {42, 31}, false},
    Route{16, { 4, 38}, { 4, 42}, {31, 42}, { 6, 39}, false},
    Route{17, {40, 38}, {40, 40}, {40, 40}, {42, 38}, false},
    Route{18, {71, 31}, {71, 34}, {71, 34}, {60, 32}, false},
    Route{19, {71, 38}, {71, 40}, {71, 40}, {53, 39}, false},
    Route{20, {48, 42}, {63, 42}, {63, 42}, {48, 40}, false},
};
// clang-format on

constexpr bool beside(const Box& box, Cell c) {
  const bool in_rows = c.y >= box.y && c.y < box.y + box.height;
  const bool in_columns = c.x >= box.x && c.x < box.x + kBoxWidth;
  return (in_rows && (c.x == box.x - 1 || c.x == box.x + kBoxWidth)) ||
         (in_columns && (c.y == box.y - 1 || c.y == box.y + box.height));
}
constexpr bool beside(State state, Cell c) {
  for (const Box& box : kBoxes) {
    if (box.state == state && beside(box, c)) return true;
  }
  return false;
}
consteval bool routes_are_the_figure() {
  for (std::size_t i = 0; i < kRoutes.size(); ++i) {
    const Route& route = kRoutes[i];
    const tcp::Arrow& arrow = tcp::kFigure5[i];
    if (route.arrow != arrow.n || !beside(arrow.from, route.begin)) return false;
    if (!beside(arrow.to, route.end)) return false;
  }
  return kRoutes.size() == tcp::kFigure5.size();
}
static_assert(routes_are_the_figure(), "a line does not lead where the table's arrow does");

}  // namespace estab::observe
