#include "observe/linux/destroy_events.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "observe/linux/diag_row.h"

namespace estab::observe {
namespace {

constexpr int kRoomForEvents = 8 * 1024 * 1024;

tl::unexpected<std::string> wrong(const char* doing) {
  return tl::unexpected(std::string("cannot ") + doing + ": " + std::strerror(errno));
}

int event_socket(const LinuxQuery& query) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return fd;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kRoomForEvents, sizeof kRoomForEvents);
  const auto group = [](int number) { return 1u << (number - 1); };
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (query.v4) address.nl_groups |= group(SKNLGRP_INET_TCP_DESTROY);
  if (query.v6) address.nl_groups |= group(SKNLGRP_INET6_TCP_DESTROY);
  // Unbound, its port is 0 as the sender's is, and the kernel leaves out the sender.
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

tl::expected<void, std::string> follow_destroyed(
    const LinuxQuery& query, const std::function<bool(Connection&, bool lost)>& take) {
  const int fd = event_socket(query);
  if (fd < 0) return wrong("listen to sockets' ends");
  const DiagRowReader reader(query);
  std::vector<std::uint8_t> room(64 * 1024);
  bool lost = false;
  for (;;) {
    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == ENOBUFS) {
      lost = true;
      continue;
    }
    if (n < 0) break;
    std::size_t at = 0;
    while (at + sizeof(nlmsghdr) <= static_cast<std::size_t>(n)) {
      nlmsghdr header;
      std::memcpy(&header, room.data() + at, sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > static_cast<std::size_t>(n) - at) {
        break;
      }
      Connection c;
      const bool read =
          reader.read(room.data() + at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN, c);
      at += NLMSG_ALIGN(header.nlmsg_len);
      if (!read || (query.filter != nullptr && !query.filter->matches(c))) continue;
      if (!take(c, std::exchange(lost, false))) {
        ::close(fd);
        return {};
      }
    }
  }
  const auto error = wrong("read sockets' ends");
  ::close(fd);
  return error;
}

}  // namespace estab::observe
