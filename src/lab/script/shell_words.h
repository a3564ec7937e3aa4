// The little of a shell's language that commands in scripts use: simple commands, quotes,
// continuation lines, comments, redirections and $((arithmetic)). Nothing is ever executed.
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace estab::lab {

struct ShellCommand {
  std::vector<std::string> words;
  std::string output;  // where `>` sends its output; "" nowhere
  bool piped = false;  // its output goes to the next command
};

// The error is one line: what is not understood.
tl::expected<std::vector<ShellCommand>, std::string> shell_commands(std::string_view text);

}  // namespace estab::lab
