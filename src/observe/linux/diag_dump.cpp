#include "observe/linux/diag_dump.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "observe/linux/diag_row.h"

namespace estab::observe {
namespace {

constexpr std::uint32_t kSequence = 4711;
constexpr std::size_t kRoom = 64 * 1024;  // the kernel hands out 32 KiB at most at a time

class DiagSocket {
 public:
  DiagSocket() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {}
  DiagSocket(const DiagSocket&) = delete;
  DiagSocket& operator=(const DiagSocket&) = delete;
  ~DiagSocket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

std::uint8_t extensions(const LinuxQuery& query) {
  const auto bit = [](int extension) { return 1u << (extension - 1); };
  unsigned wanted = 0;
  if (query.memory) wanted |= bit(INET_DIAG_MEMINFO) | bit(INET_DIAG_SKMEMINFO);
  if (query.info) {
    wanted |= bit(INET_DIAG_INFO) | bit(INET_DIAG_VEGASINFO) | bit(INET_DIAG_CONG);
  }
  if (query.tos) wanted |= bit(INET_DIAG_TOS) | bit(INET_DIAG_TCLASS);
  return static_cast<std::uint8_t>(wanted);
}

// The old request takes all families in one walk of the table, which is half of the time when the
// table is large; the new one takes one family.
int send_request(int fd, const LinuxQuery& query, const std::vector<std::uint8_t>& bytecode) {
  std::vector<std::uint8_t> message(NLMSG_HDRLEN);
  const auto put = [&](const void* bytes, std::size_t size) {
    const auto* from = static_cast<const std::uint8_t*>(bytes);
    message.insert(message.end(), from, from + size);
  };
  const bool both = query.v4 == query.v6;
  if (both) {
    inet_diag_req request{};
    request.idiag_family = AF_UNSPEC;
    request.idiag_ext = extensions(query);
    request.idiag_states = query.states;
    put(&request, sizeof request);
  } else {
    inet_diag_req_v2 request{};
    request.sdiag_family = query.v4 ? AF_INET : AF_INET6;
    request.sdiag_protocol = IPPROTO_TCP;
    request.idiag_ext = extensions(query);
    request.idiag_states = query.states;
    put(&request, sizeof request);
  }
  if (!bytecode.empty()) {
    rtattr attribute{};
    attribute.rta_type = INET_DIAG_REQ_BYTECODE;
    attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(bytecode.size()));
    put(&attribute, sizeof attribute);
    put(bytecode.data(), bytecode.size());
  }
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(message.size());
  header.nlmsg_type =
      static_cast<std::uint16_t>(both ? int{TCPDIAG_GETSOCK} : int{SOCK_DIAG_BY_FAMILY});
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = kSequence;
  std::memcpy(message.data(), &header, sizeof header);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(fd, message.data(), message.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  return sent < 0 ? errno : 0;
}

// Of NLMSG_DONE and NLMSG_ERROR: a negative errno, or 0.
int error_in(const std::uint8_t* body, std::size_t size) {
  int error = 0;
  if (size >= sizeof error) std::memcpy(&error, body, sizeof error);
  return -error;
}

// True: that was the last. `error` is the kernel's answer then.
bool walk_messages(const std::uint8_t* data, std::size_t size, const DiagRowReader& reader,
                   const TakeConnection& take, int& error) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header;
    std::memcpy(&header, data + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) break;
    const std::uint8_t* body = data + at + NLMSG_HDRLEN;
    const std::size_t body_size = header.nlmsg_len - NLMSG_HDRLEN;
    at += NLMSG_ALIGN(header.nlmsg_len);
    if (header.nlmsg_seq != kSequence) continue;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      error = error_in(body, body_size);
      return true;
    }
    Connection c;
    if (reader.read(body, body_size, c)) take(c);
  }
  return false;
}

// The bytes of one datagram; 0: none comes any more, and `error` says why.
std::size_t receive(int fd, std::vector<std::uint8_t>& room, int& error) {
  for (;;) {
    const ssize_t n = ::recv(fd, room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    error = n < 0 ? errno : 0;
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
}

}  // namespace

int dump(const LinuxQuery& query, const std::vector<std::uint8_t>& bytecode,
         const TakeConnection& take) {
  const DiagSocket socket;
  if (socket.fd() < 0) return errno;
  if (const int error = send_request(socket.fd(), query, bytecode)) return error;
  const DiagRowReader reader(query);
  std::vector<std::uint8_t> room(kRoom);
  for (;;) {
    int error = 0;
    const std::size_t n = receive(socket.fd(), room, error);
    if (n == 0) return error;
    if (walk_messages(room.data(), n, reader, take, error)) return error;
  }
}

}  // namespace estab::observe
