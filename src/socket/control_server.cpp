#include "socket/control_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "socket/control_directory.h"
#include "stack/control_answer.h"

namespace estab::socket {
namespace control = stack::control;
namespace {

std::string own_command() {
  char name[64] = "estab";
  const ssize_t n = ::readlink("/proc/self/exe", name, sizeof name - 1);
  if (n <= 0) return "estab";
  const std::string path(name, static_cast<std::size_t>(n));
  return path.substr(path.rfind('/') + 1).substr(0, 15);
}

// Listens on `path`; -1 with errno set when it can't.
int listen_on(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  ::unlink(path.c_str());  // of an earlier process with our pid
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(fd, 16) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

bool may_ask(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

tl::expected<std::unique_ptr<ControlServer>, std::string> ControlServer::open(
    const ControlOptions& options, Instant now) {
  auto directory = open_control_directory(options.directory);
  if (!directory) return tl::unexpected(directory.error());
  remove_stale_sockets(*directory);

  std::unique_ptr<ControlServer> server(new ControlServer);
  const auto pid = static_cast<std::uint32_t>(::getpid());
  const std::string name = options.name.empty() ? "stack" : options.name;
  server->identity_ = {pid,
                       ::geteuid(),
                       name,
                       own_command(),
                       options.version,
                       options.description,
                       options.wall_offset,
                       now,
                       now};
  server->recorded_calls_ = options.recorded_calls;
  const std::string path = *directory + "/" + control::socket_file_name(pid, name);
  server->listener_ = listen_on(path);
  if (server->listener_ < 0) {
    return tl::unexpected("cannot listen on " + path + ": " + std::strerror(errno));
  }
  server->path_ = path;
  server->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (server->epoll_ < 0 ||
      ::epoll_ctl(server->epoll_, EPOLL_CTL_ADD, server->listener_, &wanted) != 0) {
    return tl::unexpected(std::string("cannot watch the control socket: ") + std::strerror(errno));
  }
  return server;
}

ControlServer::~ControlServer() {
  for (const Client& client : clients_) ::close(client.fd);
  if (listener_ >= 0) ::close(listener_);
  if (epoll_ >= 0) ::close(epoll_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void ControlServer::serve(stack::Stack& stack, Instant now) {
  accept_clients();
  for (std::size_t i = clients_.size(); i-- > 0;) {
    if (!serve_client(clients_[i], stack, now)) drop(i);
  }
}

void ControlServer::accept_clients() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;  // EAGAIN; at EMFILE the tool waits until a descriptor is free
    if (!admit(fd)) ::close(fd);
  }
}

bool ControlServer::admit(int fd) {
  if (!may_ask(fd)) return false;
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &wanted) != 0) return false;
  if (clients_.size() == kMostClients) {
    const auto oldest = std::min_element(
        clients_.begin(), clients_.end(),
        [](const Client& a, const Client& b) { return a.last_used < b.last_used; });
    drop(static_cast<std::size_t>(oldest - clients_.begin()));
  }
  Client client;
  client.fd = fd;
  client.last_used = ++uses_;
  clients_.push_back(std::move(client));
  return true;
}

// False when the client is to be dropped.
bool ControlServer::serve_client(Client& client, stack::Stack& stack, Instant now) {
  if (!client.out.empty()) return flush(client);  // who doesn't read gets no further answers
  return read_some(client) && answer_one(client, stack, now);
}

bool ControlServer::read_some(Client& client) {
  std::uint8_t bytes[control::kMaxRequest];
  const std::size_t room = control::kMaxRequest - client.in.size();
  if (room == 0) return true;  // a whole request is there
  const ssize_t n = ::recv(client.fd, bytes, room, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  client.in.insert(client.in.end(), bytes, bytes + n);
  return n > 0;
}

control::Reply ControlServer::reply_to(const control::Request& request, stack::Stack& stack,
                                       Instant now) const {
  if (request.kind == control::Kind::CallSites && recorded_calls_) {
    return recorded_calls_(request.from, request.limit);
  }
  return control::answer(request, identity_, stack, now);
}

bool ControlServer::answer_one(Client& client, stack::Stack& stack, Instant now) {
  const auto size = control::frame_size(client.in, control::kMaxRequest);
  if (!size) {
    client.out = control::encode(control::Reply(control::Refusal{size.error()}));
    flush(client);
    return false;
  }
  if (*size == 0 || client.in.size() < *size) return true;
  const auto request = control::decode_request({client.in.data(), *size});
  client.in.erase(client.in.begin(), client.in.begin() + static_cast<std::ptrdiff_t>(*size));
  client.last_used = ++uses_;
  client.out = control::encode(request ? reply_to(*request, stack, now)
                                       : control::Reply(control::Refusal{request.error()}));
  return flush(client);
}

bool ControlServer::flush(Client& client) {
  const ssize_t n = ::send(client.fd, client.out.data() + client.sent,
                           client.out.size() - client.sent, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  client.sent += static_cast<std::size_t>(std::max<ssize_t>(n, 0));
  const bool done = client.sent == client.out.size();
  if (done) {
    client.out.clear();
    client.sent = 0;
  }
  // A request that came together with the answered one is served when we may write, which is soon.
  const auto next = control::frame_size(client.in, control::kMaxRequest);
  const bool waits = !next || (*next != 0 && client.in.size() >= *next);
  epoll_event wanted{};
  wanted.events = done && !waits ? EPOLLIN : EPOLLOUT;
  return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &wanted) == 0;
}

void ControlServer::drop(std::size_t index) {
  ::close(clients_[index].fd);
  clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
}

}  // namespace estab::socket
