// What the terminal can show.
#pragma once
#include <cstddef>

namespace estab::cli {

// Columns of standard output: the terminal's, else $COLUMNS, else 80.
std::size_t terminal_width();
// The locale's characters have lines and arrows (UTF-8).
bool terminal_has_lines();

}  // namespace estab::cli
