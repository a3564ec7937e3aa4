#include "observe/linux/destroy.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace estab::observe {
namespace {

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

void put_address(const IpAddress& address, bool v6, __be32* to) {
  if (v6) {
    std::memcpy(to, address.bytes().data(), 16);
  } else {
    to[0] = htonl(address.v4_value());
  }
}

Request request_for(const Connection& c, std::uint32_t sequence) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DESTROY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.header.nlmsg_seq = sequence;
  request.body.sdiag_family = c.v6 ? AF_INET6 : AF_INET;
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0u;
  inet_diag_sockid& id = request.body.id;
  id.idiag_sport = htons(c.local.port.value);
  id.idiag_dport = htons(c.remote.port.value);
  put_address(c.local.address, c.v6, id.idiag_src);
  put_address(c.remote.address, c.v6, id.idiag_dst);
  id.idiag_if = c.interface;
  id.idiag_cookie[0] = static_cast<__u32>(c.cookie);
  id.idiag_cookie[1] = static_cast<__u32>(c.cookie >> 32);
  return request;
}

// The answer to the request of this number: 0 or an errno.
int answer(int fd, std::uint32_t sequence) {
  alignas(nlmsghdr) char room[4096];
  for (;;) {
    const ssize_t n = ::recv(fd, room, sizeof room, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    nlmsghdr header;
    nlmsgerr error;
    if (static_cast<std::size_t>(n) < sizeof header + sizeof error.error) return EPROTO;
    std::memcpy(&header, room, sizeof header);
    if (header.nlmsg_seq != sequence || header.nlmsg_type != NLMSG_ERROR) continue;
    std::memcpy(&error.error, room + NLMSG_HDRLEN, sizeof error.error);
    return -error.error;
  }
}

}  // namespace

SocketDestroyer::SocketDestroyer()
    : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
  constexpr timeval kPatience{5, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
}

SocketDestroyer::~SocketDestroyer() {
  if (fd_ >= 0) ::close(fd_);
}

tl::expected<Destroyed, std::string> SocketDestroyer::destroy(const Connection& c) {
  const Request request = request_for(c, ++sequence_);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  int error = 0;
  if (::sendto(fd_, &request, sizeof request, 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0) {
    error = errno;
  } else {
    error = answer(fd_, sequence_);
  }
  if (error == 0) return Destroyed::Closed;
  if (error == ENOENT || error == ESTALE) return Destroyed::Gone;
  if (error == EOPNOTSUPP) return Destroyed::CannotBe;
  return tl::unexpected("SOCK_DESTROY answers: " + std::string(std::strerror(error)) +
                        (error == EPERM || error == EACCES
                             ? " (needs root, or CAP_NET_ADMIN in this network namespace)"
                             : ""));
}

DestroyReport destroy_connections(const std::vector<Connection>& connections) {
  DestroyReport report;
  SocketDestroyer destroyer;
  for (const Connection& c : connections) {
    const auto result = destroyer.destroy(c);
    if (!result) {
      report.error = result.error();
      break;
    }
    if (*result == Destroyed::Closed) report.closed.push_back(c);
    if (*result == Destroyed::Gone) ++report.gone;
    if (*result == Destroyed::CannotBe) ++report.cannot;
  }
  return report;
}

}  // namespace estab::observe
