// For tests: the same script of socket calls through the kernel's TCP on 127.0.0.1 and through
// estab_* on a stack of its own; whatever the calls return, errno included, must be the same.
#pragma once
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <string>
#include <string_view>
#include <vector>

#include "estab/posix.h"

namespace estab::socket::differential {

struct Calls {
  int (*socket)(int, int, int);
  int (*bind)(int, const sockaddr*, socklen_t);
  int (*listen)(int, int);
  int (*accept4)(int, sockaddr*, socklen_t*, int);
  int (*connect)(int, const sockaddr*, socklen_t);
  ssize_t (*send)(int, const void*, size_t, int);
  ssize_t (*recv)(int, void*, size_t, int);
  ssize_t (*sendmsg)(int, const msghdr*, int);
  ssize_t (*recvmsg)(int, msghdr*, int);
  ssize_t (*read)(int, void*, size_t);
  ssize_t (*write)(int, const void*, size_t);
  ssize_t (*readv)(int, const iovec*, int);
  ssize_t (*writev)(int, const iovec*, int);
  int (*shutdown)(int, int);
  int (*close)(int);
  int (*poll)(pollfd*, nfds_t, int);
  int (*getsockopt)(int, int, int, void*, socklen_t*);
  int (*setsockopt)(int, int, int, const void*, socklen_t);
  int (*getsockname)(int, sockaddr*, socklen_t*);
  int (*getpeername)(int, sockaddr*, socklen_t*);
  int (*fcntl)(int, int, ...);
  int (*ioctl)(int, unsigned long, ...);
  int (*epoll_create1)(int);
  int (*epoll_ctl)(int, int, int, epoll_event*);
  int (*epoll_wait)(int, epoll_event*, int, int);
};

// One run of a script: the calls, and what they returned.
class Run {
 public:
  explicit Run(const Calls& calls) : c(calls) {}
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Calls& c;
  const std::vector<std::string>& log() const { return log_; }
  void note(std::string line) { log_.push_back(std::move(line)); }

  // --- recorded ---------------------------------------------------------------------------------
  long rec(std::string_view what, long result);       // the number, or errno's name
  int opened(std::string_view what, int descriptor);  // "ok", or errno's name; closed at the end
  void poll_now(std::string_view what, int fd, short events = kAll);
  void error_of(int fd);                             // SO_ERROR
  void set(int fd, int level, int name, int value);  // and reads it back
  void get(int fd, int level, int name);

  // --- not recorded: they must work ---------------------------------------------------------------
  int tcp(int flags = 0, int domain = AF_INET);
  int keep(int fd);  // closed at the end of the run
  void close(int fd);
  sockaddr_in name_of(int fd);
  int listener(int backlog = 8, bool reuse = false);
  int connected_to(int listening);  // blocking
  int accepted(int listening);
  struct Ends {
    int client, server, listener;
  };
  Ends pair();
  void await(int fd, short events);  // until it is so

  static constexpr short kAll = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

 private:
  std::vector<int> open_;
  std::vector<std::string> log_;
};

sockaddr_in loopback(std::uint16_t port_in_network_order = 0);
sockaddr_in free_port(Run& run);  // where nobody listens

inline const sockaddr* any(const sockaddr_in& a) { return reinterpret_cast<const sockaddr*>(&a); }
inline const sockaddr* any(const sockaddr_in6& a) { return reinterpret_cast<const sockaddr*>(&a); }

void compare(void (*script)(Run&));

}  // namespace estab::socket::differential

// SAME_AS_LINUX(name) { ... calls through s ... }
#define SAME_AS_LINUX(name)                                                        \
  static void script_##name(Run& s);                                               \
  TEST(SameAsLinux, name) { estab::socket::differential::compare(script_##name); } \
  static void script_##name(Run& s)
