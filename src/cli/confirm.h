// A question before something that cannot be undone.
#pragma once
#include <string>

namespace estab::cli {

// Asks on standard error and reads the answer: yes is y, Y or yes, everything else is no. Where
// standard input is no terminal nobody can be asked: throws Failure.
bool confirmed(const std::string& question);

}  // namespace estab::cli
