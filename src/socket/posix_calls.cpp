// The POSIX face: calls that make, name, join and end sockets.
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <cstdarg>

#include "estab/posix.h"
#include "socket/posix_address.h"
#include "socket/posix_epoll.h"
#include "socket/posix_table.h"

using estab::Endpoint;
using estab::Result;
using estab::socket::answer;
using estab::socket::DescriptorTable;
using estab::socket::Engine;
using estab::socket::Family;
using estab::socket::File;
using estab::socket::Phase;
using estab::socket::refuse;
using estab::socket::SocketId;
using estab::socket::SocketRef;

namespace {

int install(const std::shared_ptr<Engine>& engine, SocketId id, int flags) {
  if ((flags & SOCK_NONBLOCK) != 0) (void)engine->set_nonblocking(id, true);
  File file;
  file.engine = engine;
  file.id = id;
  const Result<int> fd = DescriptorTable::instance().insert(std::move(file));
  if (fd) return *fd;
  (void)engine->close(id);
  return refuse(fd.error().value());
}

bool known_flags(int flags) { return (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == 0; }

}  // namespace

extern "C" {

int estab_socket(int domain, int type, int protocol) {
  constexpr int kTypeMask = 0xf;
  const int flags = type & ~kTypeMask;
  if (!known_flags(flags)) return refuse(EINVAL);
  if (domain != AF_INET && domain != AF_INET6) return refuse(EAFNOSUPPORT);
  if ((type & kTypeMask) != SOCK_STREAM) return refuse(ESOCKTNOSUPPORT);
  if (protocol != 0 && protocol != IPPROTO_TCP) return refuse(EPROTONOSUPPORT);
  const std::shared_ptr<Engine> engine = estab::socket::current_engine();
  if (engine == nullptr) return refuse(ENETDOWN);
  const auto id = engine->open(domain == AF_INET ? Family::v4 : Family::v6);
  return id ? install(engine, *id, flags) : answer(id);
}

int estab_bind(int fd, const sockaddr* address, socklen_t length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  const auto local = estab::socket::read_address(look->family, address, length);
  return local ? answer(socket->bind(socket.id(), *local)) : answer(local);
}

int estab_listen(int fd, int backlog) {
  const SocketRef socket(fd);
  return socket ? answer(socket->listen(socket.id(), backlog)) : -1;
}

int estab_accept(int fd, sockaddr* address, socklen_t* length) {
  return estab_accept4(fd, address, length, 0);
}

int estab_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (!known_flags(flags)) return refuse(EINVAL);
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto accepted = socket->accept(socket.id(), false);
  if (!accepted) return answer(accepted);
  if (address != nullptr) {
    const auto look = socket->look(*accepted).value_or(Engine::Look{});
    const auto written = estab::socket::write_address(look.family, look.remote, address, length);
    if (!written) {
      (void)socket->close(*accepted);
      return answer(written);
    }
  }
  return install(socket.engine(), *accepted, flags);
}

int estab_connect(int fd, const sockaddr* address, socklen_t length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  if (address == nullptr) return refuse(EFAULT);
  if (length < sizeof(sa_family_t) || length > sizeof(sockaddr_storage)) return refuse(EINVAL);
  if (estab::socket::is_unspecified(address, length)) {
    return answer(socket->disconnect(socket.id()));
  }
  const auto remote = estab::socket::read_address(look->family, address, length);
  // Linux looks at the address only when it is going to use it.
  const bool used = look->phase == Phase::Unconnected && look->state == estab::State::Closed;
  if (!remote && used) return answer(remote);
  return answer(socket->connect(socket.id(), remote.value_or(Endpoint{}), std::nullopt));
}

int estab_shutdown(int fd, int how) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if (how < SHUT_RD || how > SHUT_RDWR) return refuse(EINVAL);
  return answer(socket->shutdown(socket.id(), static_cast<std::uint8_t>(how + 1)));
}

int estab_close(int fd) {
  const auto file = DescriptorTable::instance().remove(fd);
  if (file == nullptr) return refuse(EBADF);
  if (file->epoll) {
    file->epoll->close();
  } else {
    (void)file->engine->close(file->id);  // of a stack that is gone, too
  }
  return 0;
}

int estab_getsockname(int fd, sockaddr* address, socklen_t* length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  return answer(estab::socket::write_address(look->family, look->local, address, length));
}

int estab_getpeername(int fd, sockaddr* address, socklen_t* length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  using estab::State;
  const bool has_peer =
      look->state != State::Closed && look->state != State::SynSent && look->state != State::Listen;
  if (!has_peer) return refuse(ENOTCONN);
  return answer(estab::socket::write_address(look->family, look->remote, address, length));
}

int estab_fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  const int argument = command == F_SETFL || command == F_SETFD ? va_arg(arguments, int) : 0;
  va_end(arguments);
  const SocketRef socket(fd);
  if (!socket) return -1;
  switch (command) {
    case F_GETFL: {
      const auto look = socket->look(socket.id());
      return look ? O_RDWR | (look->nonblocking ? O_NONBLOCK : 0) : answer(look);
    }
    case F_SETFL:
      return answer(socket->set_nonblocking(socket.id(), (argument & O_NONBLOCK) != 0));
    case F_GETFD:
      return FD_CLOEXEC;  // no descriptor of ours survives exec
    case F_SETFD:
      return 0;
    default:
      return refuse(EINVAL);
  }
}

int estab_ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  int* value = va_arg(arguments, int*);
  va_end(arguments);
  const SocketRef socket(fd);
  if (!socket) return -1;
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  if (request == FIONBIO) {
    if (value == nullptr) return refuse(EFAULT);
    return answer(socket->set_nonblocking(socket.id(), *value != 0));
  }
  // tcp_ioctl()
  const bool queue = request == SIOCINQ || request == SIOCOUTQ || request == SIOCOUTQNSD;
  if (!queue && request != SIOCATMARK) return refuse(ENOTTY);
  if (queue && look->listening) return refuse(EINVAL);
  if (value == nullptr) return refuse(EFAULT);
  switch (request) {
    case SIOCINQ:
      *value = static_cast<int>(look->readable);
      break;
    case SIOCOUTQ:
      *value = static_cast<int>(look->unacked);
      break;
    case SIOCOUTQNSD:
      *value = static_cast<int>(look->unsent);
      break;
    default:
      *value = look->at_mark ? 1 : 0;
  }
  return 0;
}

}  // extern "C"
