// The descriptors of the POSIX face: numbers of our own, the lowest free one first, and what they
// stand for.
#pragma once
#include <cerrno>
#include <memory>
#include <mutex>
#include <queue>
#include <vector>

#include "socket/engine.h"

struct estab_stack {
  std::unique_ptr<estab::Stack> owned;  // none: somebody else's
  std::shared_ptr<estab::socket::Engine> engine;
};

namespace estab::socket {

class Epoll;

struct File {
  std::shared_ptr<Engine> engine;  // of a socket
  SocketId id;
  std::shared_ptr<Epoll> epoll;  // of an epoll instance
};
using FileRef = std::shared_ptr<const File>;

class DescriptorTable {
 public:
  static DescriptorTable& instance();
  Result<int> insert(File file);  // EMFILE
  FileRef find(int fd) const;     // nullptr: EBADF
  FileRef remove(int fd);         // likewise

 private:
  mutable std::mutex mutex_;
  std::vector<FileRef> files_;
  std::priority_queue<int, std::vector<int>, std::greater<>> free_;  // indices below files_.size()
};

// The stack on which this thread makes sockets; nullptr: none.
std::shared_ptr<Engine> current_engine();

// `return refuse(EBADF);`
inline int refuse(int error) {
  errno = error;
  return -1;
}

template <class T>
int answer(const Result<T>& result) {
  return result ? 0 : refuse(result.error().value());
}

// Finds the socket behind a descriptor, or sets errno: EBADF, ENOTSOCK (an epoll instance).
class SocketRef {
 public:
  explicit SocketRef(int fd) : file_(DescriptorTable::instance().find(fd)) {
    if (file_ == nullptr) {
      errno = EBADF;
    } else if (file_->epoll) {
      errno = ENOTSOCK;
      file_ = nullptr;
    }
  }
  explicit operator bool() const { return file_ != nullptr; }
  Engine* operator->() const { return file_->engine.get(); }
  SocketId id() const { return file_->id; }
  const std::shared_ptr<Engine>& engine() const { return file_->engine; }

 private:
  FileRef file_;
};

}  // namespace estab::socket
