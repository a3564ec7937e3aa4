#include "observe/linux/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace estab::observe {

tl::expected<std::string, int> read_proc_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return tl::unexpected(errno);
  std::string text;
  char piece[16384];
  for (;;) {
    const ssize_t n = ::read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      return tl::unexpected(error);
    }
    if (n == 0) break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

}  // namespace estab::observe
