// The POSIX face: calls that move bytes.
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "estab/posix.h"
#include "socket/posix_table.h"

// Within estab::socket: whoever names the functions of a recorded stack knows them as the library's.
namespace estab::socket {
namespace {

using Pieces = std::span<const iovec>;

unsigned our_flags(int flags) {
  unsigned ours = 0;
  if ((flags & MSG_PEEK) != 0) ours |= estab::kPeek;
  if ((flags & MSG_WAITALL) != 0) ours |= estab::kWaitAll;
  if ((flags & MSG_DONTWAIT) != 0) ours |= estab::kDontWait;
  if ((flags & MSG_OOB) != 0) ours |= estab::kOutOfBand;
  if ((flags & MSG_MORE) != 0) ours |= estab::kMore;
  if ((flags & MSG_EOR) != 0) ours |= estab::kEndOfRecord;
  if ((flags & MSG_TRUNC) != 0) ours |= estab::kDiscard;
  return ours;
}

ssize_t give(const Result<std::size_t>& result) {
  return result ? static_cast<ssize_t>(*result) : answer(result);
}

// EFAULT, EINVAL: more than an ssize_t counts.
Result<std::size_t> total_of(Pieces pieces) {
  std::size_t total = 0;
  for (const iovec& piece : pieces) {
    if (piece.iov_len > static_cast<std::size_t>(SSIZE_MAX) - total) return estab::fail(EINVAL);
    if (piece.iov_base == nullptr && piece.iov_len > 0) return estab::fail(EFAULT);
    total += piece.iov_len;
  }
  return total;
}

ssize_t send_pieces(const SocketRef& socket, Pieces pieces, unsigned flags) {
  const auto total = total_of(pieces);
  if (!total) return give(total);
  std::size_t done = 0;
  for (std::size_t i = 0; i < pieces.size() || i == 0; ++i) {
    const iovec piece = pieces.empty() ? iovec{} : pieces[i];
    const bool last = i + 1 >= pieces.size();
    if (piece.iov_len == 0 && !(last && done == 0)) continue;
    const Bytes bytes{static_cast<const std::uint8_t*>(piece.iov_base), piece.iov_len};
    const unsigned inner = (flags | estab::kMore) & ~unsigned{estab::kEndOfRecord};
    const auto sent = socket->send(socket.id(), bytes, last ? flags : inner);
    if (!sent) return done > 0 ? static_cast<ssize_t>(done) : give(sent);
    done += *sent;
    if (*sent < piece.iov_len) break;
  }
  return static_cast<ssize_t>(done);
}

// Through one buffer: MSG_PEEK must not look at the same bytes for each piece.
ssize_t peek_pieces(const SocketRef& socket, Pieces pieces, std::size_t total, unsigned flags) {
  constexpr std::size_t kMost = 1 << 20;
  std::vector<std::uint8_t> bytes(std::min(total, kMost));
  const auto got = socket->receive(socket.id(), bytes, flags);
  if (!got) return give(got);
  std::size_t at = 0;
  for (const iovec& piece : pieces) {
    const std::size_t n = std::min(piece.iov_len, *got - at);
    if (n > 0) std::memcpy(piece.iov_base, bytes.data() + at, n);
    at += n;
  }
  return give(got);
}

ssize_t receive_pieces(const SocketRef& socket, Pieces pieces, unsigned flags) {
  const auto total = total_of(pieces);
  if (!total) return give(total);
  if ((flags & estab::kPeek) != 0 && pieces.size() > 1) {
    return peek_pieces(socket, pieces, *total, flags);
  }
  std::size_t done = 0;
  for (std::size_t i = 0; i < pieces.size() || i == 0; ++i) {
    const iovec piece = pieces.empty() ? iovec{} : pieces[i];
    if (piece.iov_len == 0 && i + 1 < pieces.size()) continue;
    const bool waits = done == 0 || (flags & estab::kWaitAll) != 0;
    const auto got = socket->receive(
        socket.id(), MutableBytes{static_cast<std::uint8_t*>(piece.iov_base), piece.iov_len},
        waits ? flags : flags | estab::kDontWait);
    if (!got) return done > 0 ? static_cast<ssize_t>(done) : give(got);
    done += *got;
    if (*got < piece.iov_len) break;
  }
  return static_cast<ssize_t>(done);
}

// TCP_INQ: how many bytes more could be read now; the end of the stream counts as one.
void tell_readable(const SocketRef& socket, msghdr& message) {
  const std::size_t room = std::exchange(message.msg_controllen, 0);
  const auto options = socket->get_options(socket.id());
  const auto look = socket->look(socket.id());
  if (!options || !options->tell_readable || !look) return;
  if (message.msg_control == nullptr || room < CMSG_LEN(sizeof(int))) {
    message.msg_flags |= MSG_CTRUNC;
    return;
  }
  const bool ended = (look->readiness & estab::kReadClosed) != 0;
  const int left = static_cast<int>(look->readable > 0 ? look->readable : ended ? 1 : 0);
  auto* header = static_cast<cmsghdr*>(message.msg_control);
  header->cmsg_level = IPPROTO_TCP;
  header->cmsg_type = TCP_CM_INQ;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &left, sizeof(left));
  message.msg_controllen = std::min<std::size_t>(room, CMSG_SPACE(sizeof(int)));
}

int check_count(int count) {
  constexpr int kMostPieces = 1024;  // UIO_MAXIOV
  return count < 0 || count > kMostPieces ? refuse(EINVAL) : 0;
}

}  // namespace
}  // namespace estab::socket

using estab::socket::check_count;
using estab::socket::our_flags;
using estab::socket::Pieces;
using estab::socket::receive_pieces;
using estab::socket::refuse;
using estab::socket::send_pieces;
using estab::socket::SocketRef;
using estab::socket::tell_readable;
using estab::socket::total_of;

extern "C" {

ssize_t estab_send(int fd, const void* bytes, size_t length, int flags) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  const iovec piece{const_cast<void*>(bytes), length};
  return send_pieces(socket, {&piece, 1}, our_flags(flags));
}

ssize_t estab_recv(int fd, void* bytes, size_t length, int flags) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if ((flags & MSG_ERRQUEUE) != 0) return refuse(EAGAIN);  // nothing is ever queued there
  if ((flags & MSG_TRUNC) != 0 && bytes == nullptr) {      // the bytes need no place
    static std::uint8_t nowhere;
    bytes = &nowhere;
  }
  const iovec piece{bytes, length};
  return receive_pieces(socket, {&piece, 1}, our_flags(flags));
}

// On a stream the address says nothing (tcp_sendmsg()).
ssize_t estab_sendto(int fd, const void* bytes, size_t length, int flags, const sockaddr*,
                     socklen_t) {
  return estab_send(fd, bytes, length, flags);
}

ssize_t estab_recvfrom(int fd, void* bytes, size_t length, int flags, sockaddr* address,
                       socklen_t* address_length) {
  const ssize_t got = estab_recv(fd, bytes, length, flags);
  if (got >= 0 && address != nullptr && address_length != nullptr) *address_length = 0;
  return got;
}

ssize_t estab_sendmsg(int fd, const msghdr* message, int flags) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if (message == nullptr) return refuse(EFAULT);
  if (message->msg_iovlen > 1024) return refuse(EMSGSIZE);
  return send_pieces(socket, {message->msg_iov, message->msg_iovlen}, our_flags(flags));
}

ssize_t estab_recvmsg(int fd, msghdr* message, int flags) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if (message == nullptr) return refuse(EFAULT);
  if (message->msg_iovlen > 1024) return refuse(EMSGSIZE);
  if ((flags & MSG_ERRQUEUE) != 0) return refuse(EAGAIN);
  const ssize_t got =
      receive_pieces(socket, {message->msg_iov, message->msg_iovlen}, our_flags(flags));
  if (got >= 0) {
    message->msg_namelen = 0;
    message->msg_flags = (flags & MSG_OOB) != 0 ? MSG_OOB : 0;
    tell_readable(socket, *message);
  }
  return got;
}

ssize_t estab_read(int fd, void* bytes, size_t length) {
  return length == 0 && SocketRef(fd) ? 0 : estab_recv(fd, bytes, length, 0);
}

ssize_t estab_write(int fd, const void* bytes, size_t length) {
  return estab_send(fd, bytes, length, 0);
}

ssize_t estab_readv(int fd, const iovec* pieces, int count) {
  const SocketRef socket(fd);
  if (!socket || check_count(count) < 0) return -1;
  const Pieces all{pieces, static_cast<std::size_t>(count)};
  const auto total = total_of(all);
  if (total && *total == 0) return 0;
  return receive_pieces(socket, all, 0);
}

ssize_t estab_writev(int fd, const iovec* pieces, int count) {
  const SocketRef socket(fd);
  if (!socket || check_count(count) < 0) return -1;
  return send_pieces(socket, {pieces, static_cast<std::size_t>(count)}, 0);
}

}  // extern "C"
