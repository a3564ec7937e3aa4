#include "observe/small_sockets.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace estab::observe {
namespace {

tl::unexpected<std::string> trouble(const char* doing) {
  return tl::unexpected(std::string("cannot ") + doing + " sock_diag: " + std::strerror(errno));
}

IpAddress address(std::uint8_t family, const __be32* words) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  if (family == AF_INET) return IpAddress::v4(bytes[0], bytes[1], bytes[2], bytes[3]);
  return IpAddress::v6(bytes);
}

SampledSocket row_of(const inet_diag_msg& m, std::uint32_t netns) {
  SampledSocket row;
  row.cookie = std::uint64_t{m.id.idiag_cookie[1]} << 32 | m.id.idiag_cookie[0];
  row.tuple = {{address(m.idiag_family, m.id.idiag_src), {ntohs(m.id.idiag_sport)}},
               {address(m.idiag_family, m.id.idiag_dst), {ntohs(m.id.idiag_dport)}}};
  row.state = state_of_linux(m.idiag_state).value_or(State::Closed);
  row.expires = std::chrono::milliseconds(m.idiag_expires);
  row.netns = netns;
  row.uid = m.idiag_uid;
  return row;
}

class Dump {
 public:
  Dump() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
    struct stat status {};
    if (::stat("/proc/self/ns/net", &status) == 0)
      netns_ = static_cast<std::uint32_t>(status.st_ino);
  }
  ~Dump() {
    if (fd_ >= 0) ::close(fd_);
  }
  Dump(const Dump&) = delete;
  Dump& operator=(const Dump&) = delete;

  bool ask(std::uint8_t family, std::uint32_t states) const {
    struct {
      nlmsghdr head;
      inet_diag_req_v2 body;
    } request{};
    request.head.nlmsg_len = sizeof request;
    request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = family;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = states;
    return fd_ >= 0 && ::send(fd_, &request, sizeof request, 0) == sizeof request;
  }

  // False: an error, in errno.
  bool read(std::vector<SampledSocket>& rows) {
    for (;;) {
      const ssize_t n = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      auto left = static_cast<std::size_t>(n);
      const char* at = buffer_.data();
      while (left >= sizeof(nlmsghdr)) {
        nlmsghdr head;
        std::memcpy(&head, at, sizeof head);
        if (head.nlmsg_type == NLMSG_DONE) return true;
        if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_len < sizeof head ||
            head.nlmsg_len > left) {
          errno = EPROTO;
          return false;
        }
        if (head.nlmsg_len >= sizeof head + sizeof(inet_diag_msg)) {
          inet_diag_msg message;
          std::memcpy(&message, at + sizeof head, sizeof message);
          rows.push_back(row_of(message, netns_));
        }
        const std::size_t step = std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), left);
        at += step;
        left -= step;
      }
    }
  }

 private:
  int fd_;
  std::uint32_t netns_ = 0;
  std::vector<char> buffer_ = std::vector<char>(65536);
};

}  // namespace

tl::expected<std::vector<SampledSocket>, std::string> look_at_sockets(std::uint32_t states) {
  std::vector<SampledSocket> rows;
  Dump dump;
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    if (!dump.ask(family, states)) return trouble("ask");
    if (!dump.read(rows)) return trouble("read");
  }
  return rows;
}

}  // namespace estab::observe
