// libestab-packetdrill.so: lets the genuine packetdrill drive an estab stack in virtual time.
//
//   packetdrill --so_filename=/path/libestab-packetdrill.so --ip_version=ipv4
//     --local_ip=192.168.0.1 --remote_ip=192.0.2.1 script.pkt      (in one line)
//
// --so_flags are those of session.h. With LD_PRELOAD naming this file as well, scripts that assert
// tcp_info work (preload.cpp).
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "lab/packetdrill_so/interface.h"
#include "lab/packetdrill_so/session.h"

namespace {

using estab::lab::Session;
using estab::lab::SessionFlags;

Session& session(void* userdata) { return *static_cast<Session*>(userdata); }

int refuse(int error) {
  errno = error;
  return -1;
}

// Makes the call on the estab descriptor behind a number of packetdrill's.
template <class F>
auto on(void* userdata, int number, F&& f) {
  Session& s = session(userdata);
  const int fd = s.number_behind(number);  // -1: answered EBADF
  return s.call([&] { return f(fd); });
}

// --- making and ending sockets
// --------------------------------------------------------------------

int do_socket(void* u, int domain, int type, int protocol) {
  session(u).follow_knobs();
  return session(u).give_number(estab_socket(domain, type, protocol));
}

// Of scripts, the addresses that are bound are this host's.
std::optional<estab::IpAddress> address_in(const sockaddr* address, socklen_t length) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof(in));
    return estab::IpAddress::v4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof(in));
    std::array<std::uint8_t, 16> bytes;
    std::copy_n(in.sin6_addr.s6_addr, 16, bytes.begin());
    return estab::IpAddress::v6(bytes);
  }
  return std::nullopt;
}

int do_bind(void* u, int fd, const sockaddr* address, socklen_t length) {
  const auto local = address_in(address, length);
  if (local && !local->is_any()) session(u).own_address(*local);
  return on(u, fd, [&](int e) { return estab_bind(e, address, length); });
}

int do_listen(void* u, int fd, int backlog) {
  session(u).follow_knobs();
  return on(u, fd, [&](int e) { return estab_listen(e, backlog); });
}

int do_accept(void* u, int fd, sockaddr* address, socklen_t* length) {
  return session(u).give_number(on(u, fd, [&](int e) { return estab_accept(e, address, length); }));
}

int do_connect(void* u, int fd, const sockaddr* address, socklen_t length) {
  session(u).follow_knobs();
  return on(u, fd, [&](int e) { return estab_connect(e, address, length); });
}

int do_close(void* u, int fd) {
  const int result = on(u, fd, [&](int e) { return estab_close(e); });
  const int error = errno;
  if (session(u).forget(fd)) ::close(fd);
  errno = error;
  return result;
}

int do_shutdown(void* u, int fd, int how) {
  return on(u, fd, [&](int e) { return estab_shutdown(e, how); });
}

// --- moving bytes
// ---------------------------------------------------------------------------------

ssize_t do_read(void* u, int fd, void* to, size_t n) {
  return on(u, fd, [&](int e) { return estab_read(e, to, n); });
}
ssize_t do_readv(void* u, int fd, const iovec* pieces, int count) {
  return on(u, fd, [&](int e) { return estab_readv(e, pieces, count); });
}
ssize_t do_recv(void* u, int fd, void* to, size_t n, int flags) {
  return on(u, fd, [&](int e) { return estab_recv(e, to, n, flags); });
}
ssize_t do_recvfrom(void* u, int fd, void* to, size_t n, int flags, sockaddr* address,
                    socklen_t* length) {
  return on(u, fd, [&](int e) { return estab_recvfrom(e, to, n, flags, address, length); });
}
ssize_t do_recvmsg(void* u, int fd, msghdr* message, int flags) {
  return on(u, fd, [&](int e) { return estab_recvmsg(e, message, flags); });
}
ssize_t do_write(void* u, int fd, const void* from, size_t n) {
  return on(u, fd, [&](int e) { return estab_write(e, from, n); });
}
ssize_t do_writev(void* u, int fd, const iovec* pieces, int count) {
  return on(u, fd, [&](int e) { return estab_writev(e, pieces, count); });
}
ssize_t do_send(void* u, int fd, const void* from, size_t n, int flags) {
  return on(u, fd, [&](int e) { return estab_send(e, from, n, flags); });
}
ssize_t do_sendto(void* u, int fd, const void* from, size_t n, int flags, const sockaddr* address,
                  socklen_t length) {
  return on(u, fd, [&](int e) { return estab_sendto(e, from, n, flags, address, length); });
}
ssize_t do_sendmsg(void* u, int fd, const msghdr* message, int flags) {
  return on(u, fd, [&](int e) { return estab_sendmsg(e, message, flags); });
}

// --- options and waiting
// --------------------------------------------------------------------------

int do_fcntl(void* u, int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const int argument = command == F_SETFL || command == F_SETFD ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return on(u, fd, [&](int e) { return estab_fcntl(e, command, argument); });
}

int do_ioctl(void* u, int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return on(u, fd, [&](int e) { return estab_ioctl(e, request, argument); });
}

int do_getsockopt(void* u, int fd, int level, int name, void* value, socklen_t* length) {
  return on(u, fd, [&](int e) { return estab_getsockopt(e, level, name, value, length); });
}

int do_setsockopt(void* u, int fd, int level, int name, const void* value, socklen_t length) {
  return on(u, fd, [&](int e) { return estab_setsockopt(e, level, name, value, length); });
}

int do_poll(void* u, pollfd* fds, nfds_t count, int timeout_ms) {
  Session& s = session(u);
  std::vector<pollfd> ours(fds, fds + count);
  for (pollfd& p : ours) p.fd = s.number_behind(p.fd);
  const int ready = s.call([&] { return estab_poll(ours.data(), count, timeout_ms); });
  for (nfds_t i = 0; i < count; ++i) fds[i].revents = ours[i].revents;
  return ready;
}

int do_epoll_create(void* u, int size) {
  if (size <= 0) return refuse(EINVAL);
  return session(u).give_number(estab_epoll_create1(0));
}

int do_epoll_ctl(void* u, int epoll_fd, int operation, int fd, epoll_event* event) {
  const int target = session(u).number_behind(fd);
  return on(u, epoll_fd, [&](int e) { return estab_epoll_ctl(e, operation, target, event); });
}

int do_epoll_wait(void* u, int epoll_fd, epoll_event* events, int capacity, int timeout_ms) {
  return on(u, epoll_fd, [&](int e) { return estab_epoll_wait(e, events, capacity, timeout_ms); });
}

int do_pipe(void*, int fds[2]) { return ::pipe(fds); }

// Between a pipe of the kernel's and a socket of ours, through memory.
int do_splice(void* u, int from, loff_t*, int to, loff_t*, size_t bytes, unsigned flags) {
  std::vector<char> between(std::min<size_t>(bytes, 1 << 20));
  const int wait_not = (flags & SPLICE_F_NONBLOCK) != 0 ? MSG_DONTWAIT : 0;
  if (session(u).number_behind(from) < 0) {
    const ssize_t got = ::read(from, between.data(), between.size());
    return static_cast<int>(
        got <= 0 ? got : do_send(u, to, between.data(), static_cast<size_t>(got), wait_not));
  }
  const ssize_t got = do_recv(u, from, between.data(), between.size(), wait_not);
  return static_cast<int>(got <= 0 ? got : ::write(to, between.data(), static_cast<size_t>(got)));
}

// --- packets and time
// -----------------------------------------------------------------------------

int do_netdev_send(void* u, const void* packet, size_t bytes) {
  session(u).inject({static_cast<const std::uint8_t*>(packet), bytes});
  return 0;
}

// No packet, now or ever, is said by none of its bytes.
int do_netdev_receive(void* u, void* packet, size_t* bytes, long long* time_usecs) {
  const auto next = session(u).next_packet();
  if (!next) {
    *bytes = 0;
    return 0;
  }
  const std::size_t n = std::min(*bytes, next->bytes.size());
  std::memcpy(packet, next->bytes.data(), n);
  *bytes = n;
  *time_usecs =
      std::chrono::duration_cast<std::chrono::microseconds>(next->at.time_since_epoch()).count();
  return 0;
}

int do_usleep(void* u, useconds_t usec) {
  session(u).sleep(std::chrono::microseconds(usec));
  return 0;
}

int do_gettimeofday(void* u, timeval* to, struct timezone*) {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      session(u).look_at_clock().time_since_epoch());
  to->tv_sec = static_cast<time_t>(now.count() / 1'000'000);
  to->tv_usec = static_cast<suseconds_t>(now.count() % 1'000'000);
  return 0;
}

void do_free(void* u) { delete &session(u); }

}  // namespace

extern "C" __attribute__((visibility("default"))) void packetdrill_interface_init(
    const char* flags, packetdrill_interface* interface) {
  const auto read = SessionFlags::parse(flags != nullptr ? flags : "");
  auto made = read ? Session::create(*read) : tl::unexpected(read.error());
  if (!made) {  // there is no way to say it to packetdrill
    (void)std::fprintf(stderr, "libestab-packetdrill: --so_flags: %s\n", made.error().c_str());
    std::exit(2);
  }
  *interface = {made->release(),   do_free,       do_socket,       do_bind,         do_listen,
                do_accept,         do_connect,    do_read,         do_readv,        do_recv,
                do_recvfrom,       do_recvmsg,    do_write,        do_writev,       do_send,
                do_sendto,         do_sendmsg,    do_fcntl,        do_ioctl,        do_close,
                do_shutdown,       do_getsockopt, do_setsockopt,   do_poll,         do_netdev_send,
                do_netdev_receive, do_usleep,     do_gettimeofday, do_epoll_create, do_epoll_ctl,
                do_epoll_wait,     do_pipe,       do_splice};
}
