#include "cli/confirm.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/command.h"

namespace estab::cli {

bool confirmed(const std::string& question) {
  if (::isatty(STDIN_FILENO) == 0) {
    throw Failure("nothing was ended: nobody is here to ask; --yes answers for you");
  }
  (void)std::fflush(stdout);
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace estab::cli
