#include "cli/print_whole.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace estab::cli {

bool print_whole(const std::string& text) {
  std::fflush(stdout);
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace estab::cli
