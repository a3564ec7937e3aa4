#include "socket/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace estab::socket {
namespace {

tl::unexpected<std::string> complain(const std::string& path, const char* what) {
  return tl::unexpected(fmt::format("state file {}: {}", path, what));
}

}  // namespace

StateFile::StateFile(StateFile&& o) noexcept
    : fd_(std::move(o.fd_)), memory_(std::exchange(o.memory_, {})) {}

StateFile& StateFile::operator=(StateFile&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(memory_, o.memory_);
  return *this;
}

StateFile::~StateFile() {
  if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
}

tl::expected<StateFile, std::string> StateFile::open(const std::string& path, std::size_t size) {
  StateFile file;
  file.fd_ = dev::FileDescriptor(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.fd_) return complain(path, std::strerror(errno));
  struct stat about {};
  if (::fstat(file.fd_.get(), &about) < 0) return complain(path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return complain(path, "is not a regular file; name one that is");
  if (::flock(file.fd_.get(), LOCK_EX | LOCK_NB) < 0) {
    return complain(path, errno == EWOULDBLOCK
                              ? "another running stack holds it; give each stack a file of its own"
                              : std::strerror(errno));
  }
  if (about.st_size == 0) {
    // Blocks now, not a SIGBUS when the disk is full later.
    const int failed = ::posix_fallocate(file.fd_.get(), 0, static_cast<off_t>(size));
    if (failed != 0) return complain(path, std::strerror(failed));
  } else {
    size = static_cast<std::size_t>(about.st_size);
  }
  void* mapped = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd_.get(), 0);
  if (mapped == MAP_FAILED) return complain(path, std::strerror(errno));
  file.memory_ = {static_cast<std::uint8_t*>(mapped), size};
  return file;
}

}  // namespace estab::socket
