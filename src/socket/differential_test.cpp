#include "socket/differential.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>

namespace estab::socket::differential {
namespace {

int kernel_ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return ::ioctl(fd, request, argument);
}

const Calls kKernel{::socket, ::bind,       ::listen,        ::accept4,     ::connect,
                    ::send,   ::recv,       ::sendmsg,       ::recvmsg,     ::read,
                    ::write,  ::readv,      ::writev,        ::shutdown,    ::close,
                    ::poll,   ::getsockopt, ::setsockopt,    ::getsockname, ::getpeername,
                    ::fcntl,  kernel_ioctl, ::epoll_create1, ::epoll_ctl,   ::epoll_wait};

const Calls kEstab{
    estab_socket, estab_bind,       estab_listen,        estab_accept4,     estab_connect,
    estab_send,   estab_recv,       estab_sendmsg,       estab_recvmsg,     estab_read,
    estab_write,  estab_readv,      estab_writev,        estab_shutdown,    estab_close,
    estab_poll,   estab_getsockopt, estab_setsockopt,    estab_getsockname, estab_getpeername,
    estab_fcntl,  estab_ioctl,      estab_epoll_create1, estab_epoll_ctl,   estab_epoll_wait};

std::string bits_of(short events) {
  std::string text;
  const auto add = [&](short bit, const char* name) {
    if ((events & bit) != 0) text += name;
  };
  add(POLLIN, " IN");
  add(POLLOUT, " OUT");
  add(POLLPRI, " PRI");
  add(POLLRDHUP, " RDHUP");
  add(POLLERR, " ERR");
  add(POLLHUP, " HUP");
  add(POLLNVAL, " NVAL");
  return text;
}

}  // namespace

Run::~Run() {
  for (const int fd : open_) c.close(fd);
}

long Run::rec(std::string_view what, long result) {
  note(result < 0 ? fmt::format("{}: {}", what, strerrorname_np(errno))
                  : fmt::format("{}: {}", what, result));
  return result;
}

int Run::opened(std::string_view what, int descriptor) {
  if (descriptor < 0) {
    rec(what, descriptor);
    return -1;
  }
  note(fmt::format("{}: ok", what));
  return keep(descriptor);
}

void Run::poll_now(std::string_view what, int fd, short events) {
  pollfd p{fd, events, 0};
  const int n = c.poll(&p, 1, 0);
  note(fmt::format("poll {}: {}{}", what, n, bits_of(p.revents)));
}

void Run::error_of(int fd) {
  int error = 0;
  socklen_t length = sizeof(error);
  EXPECT_EQ(c.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  note(fmt::format("SO_ERROR: {}", error == 0 ? "0" : strerrorname_np(error)));
}

void Run::set(int fd, int level, int name, int value) {
  rec(fmt::format("set {}/{} {}", level, name, value),
      c.setsockopt(fd, level, name, &value, sizeof(value)));
  get(fd, level, name);
}

void Run::get(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof(value);
  const std::string what = fmt::format("get {}/{}", level, name);
  if (c.getsockopt(fd, level, name, &value, &length) < 0) {
    rec(what, -1);
  } else {
    note(fmt::format("{}: {} of {} bytes", what, value, length));
  }
}

int Run::tcp(int flags, int domain) {
  const int fd = c.socket(domain, SOCK_STREAM | flags, 0);
  EXPECT_GE(fd, 0) << strerrorname_np(errno);
  return keep(fd);
}

int Run::keep(int fd) {
  open_.push_back(fd);
  return fd;
}

void Run::close(int fd) {
  EXPECT_EQ(c.close(fd), 0);
  std::erase(open_, fd);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = port;
  return a;
}

sockaddr_in Run::name_of(int fd) {
  sockaddr_in a{};
  socklen_t length = sizeof(a);
  EXPECT_EQ(c.getsockname(fd, reinterpret_cast<sockaddr*>(&a), &length), 0);
  return a;
}

sockaddr_in free_port(Run& run) {
  const int fd = run.tcp();
  const sockaddr_in wanted = loopback();
  EXPECT_EQ(run.c.bind(fd, any(wanted), sizeof(wanted)), 0);
  const sockaddr_in found = run.name_of(fd);
  run.close(fd);
  return found;
}

int Run::listener(int backlog, bool reuse) {
  const int fd = tcp();
  const int on = reuse ? 1 : 0;
  EXPECT_EQ(c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
  const sockaddr_in local = loopback();
  EXPECT_EQ(c.bind(fd, any(local), sizeof(local)), 0);
  EXPECT_EQ(c.listen(fd, backlog), 0);
  return fd;
}

int Run::connected_to(int listening) {
  const int fd = tcp();
  const sockaddr_in to = name_of(listening);
  EXPECT_EQ(c.connect(fd, any(to), sizeof(to)), 0) << strerrorname_np(errno);
  return fd;
}

int Run::accepted(int listening) {
  const int fd = c.accept4(listening, nullptr, nullptr, 0);
  EXPECT_GE(fd, 0) << strerrorname_np(errno);
  return keep(fd);
}

Run::Ends Run::pair() {
  const int listening = listener();
  const int client = connected_to(listening);
  return {client, accepted(listening), listening};
}

void Run::await(int fd, short events) {
  pollfd p{fd, events, 0};
  EXPECT_EQ(c.poll(&p, 1, 5000), 1) << "waited in vain";
}

void compare(void (*script)(Run&)) {
  std::vector<std::string> linux_log, estab_log;
  {
    Run run(kKernel);
    script(run);
    linux_log = run.log();
  }
  estab_stack* stack = estab_stack_open(nullptr, nullptr, "tcp_syn_retries=6");
  ASSERT_NE(stack, nullptr) << estab_last_error();
  estab_use_stack_in_thread(stack);
  {
    Run run(kEstab);
    script(run);
    estab_log = run.log();
  }
  estab_stack_close(stack);
  EXPECT_EQ(fmt::format("{}", fmt::join(estab_log, "\n")),
            fmt::format("{}", fmt::join(linux_log, "\n")));
}

}  // namespace estab::socket::differential
