#include "observe/linux/neighbours.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

namespace estab::observe {
namespace {

struct Request {
  nlmsghdr header;
  ndmsg body;
};

bool ask(int fd) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETNEIGH;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.ndm_family = AF_UNSPEC;
  constexpr timeval kPatience{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return ::send(fd, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);
}

// The address of one neighbour's attributes.
std::optional<IpAddress> address_in(const std::uint8_t* data, std::size_t size) {
  std::size_t at = 0;
  while (at + sizeof(rtattr) <= size) {
    rtattr attribute;
    std::memcpy(&attribute, data + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > size - at) return std::nullopt;
    const std::uint8_t* value = data + at + RTA_LENGTH(0);
    const std::size_t length = attribute.rta_len - RTA_LENGTH(0);
    at += RTA_ALIGN(attribute.rta_len);
    if (attribute.rta_type != NDA_DST) continue;
    std::array<std::uint8_t, 16> v6{};
    if (length == v6.size()) {
      std::memcpy(v6.data(), value, length);
      return IpAddress::v6(v6);
    }
    std::uint32_t v4 = 0;
    if (length != sizeof v4) return std::nullopt;
    std::memcpy(&v4, value, sizeof v4);
    return IpAddress::v4(ntohl(v4));
  }
  return std::nullopt;
}

// False: that was the last.
bool take(const std::uint8_t* data, std::size_t size, std::set<IpAddress>& dead) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header;
    std::memcpy(&header, data + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    const std::uint8_t* body = data + at + NLMSG_HDRLEN;
    const std::size_t length = header.nlmsg_len - NLMSG_HDRLEN;
    at += NLMSG_ALIGN(header.nlmsg_len);
    ndmsg neighbour;
    if (header.nlmsg_type != RTM_NEWNEIGH || length < sizeof neighbour) continue;
    std::memcpy(&neighbour, body, sizeof neighbour);
    // Asked for and not answered: given up, or still being asked.
    if ((neighbour.ndm_state & (NUD_FAILED | NUD_INCOMPLETE)) == 0) continue;
    const std::size_t begin = NLMSG_ALIGN(sizeof neighbour);
    if (length < begin) continue;
    if (const auto address = address_in(body + begin, length - begin)) dead.insert(*address);
  }
  return true;
}

}  // namespace

std::set<IpAddress> dead_neighbours() {
  std::set<IpAddress> dead;
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return dead;
  std::vector<std::uint8_t> room(65536);
  bool more = ask(fd);
  while (more) {
    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
    more = n > 0 && take(room.data(), static_cast<std::size_t>(n), dead);
  }
  ::close(fd);
  return dead;
}

}  // namespace estab::observe
