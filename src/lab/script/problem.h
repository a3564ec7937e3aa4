// What is wrong with a script, and where.
#pragma once
#include <stdexcept>
#include <string>

namespace estab::lab {

enum class Trouble {
  kWrong,         // no script of this language: what was expected is in the text
  kNotSupported,  // right, but not for this stack or this tool: the script counts as skipped
};

// Thrown inside the folder; parse_script() and the runner hand it on as a value.
struct Problem : std::runtime_error {
  Problem(Trouble what, int on_line, int in_column, const std::string& text)
      : std::runtime_error(text), trouble(what), line(on_line), column(in_column) {}
  Trouble trouble;
  int line;
  int column;  // 0: the whole line
};

}  // namespace estab::lab
