// The state diagram, drawn from the state machine's own table (tcp/state_machine.h): what is drawn
// is what runs. Only where boxes and lines lie comes from here (diagram_layout.h); which arrows
// there are, their words and numbers come from the table.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "estab/state.h"
#include "tcp/state_machine.h"

namespace estab::observe {

// How many connections are in each state, to be shown on the boxes.
using StateCounts = std::array<std::uint64_t, kStates>;

struct DiagramStyle {
  bool ascii = false;  // lines of + - | instead of box-drawing characters
  std::optional<StateCounts> counts;
};

std::string diagram_text(const DiagramStyle& style);  // 80 columns
std::string diagram_dot(const DiagramStyle& style);
std::string diagram_mermaid(const DiagramStyle& style);
std::string diagram_svg(const DiagramStyle& style);

// Figure 5's twenty arrows, one a line.
std::string diagram_rows();
// What every (state, event) leads to, figure and prose, one a line: the golden matrix.
std::string diagram_matrix();

// "create TCB, snd SYN"; "" for none.
std::string actions_text(tcp::Actions actions);

}  // namespace estab::observe
