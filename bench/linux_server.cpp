// Echo, discard and chargen on the kernel's sockets, in one thread with epoll: the peer that
// `estab serve --echo --discard --chargen` is measured beside.
//
//   bench_linux_server HOST ECHO_PORT DISCARD_PORT CHARGEN_PORT
#include <sys/epoll.h>

#include <memory>
#include <unordered_map>
#include <vector>

#include "kernel_socket.h"

namespace bench {
namespace {

enum class Service { Echo, Discard, Chargen };

struct Socket {
  Fd fd;
  Service service = Service::Echo;
  bool listens = false;
};

class Server {
 public:
  void listen(const char* host, int port, Service service) {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    const sockaddr_in a = address_of(host, port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) die("bind");
    if (::listen(fd.get(), 1024) != 0) die("listen");
    add({std::move(fd), service, true}, EPOLLIN);
  }
  [[noreturn]] void run() {
    for (;;) {
      epoll_event events[256];
      const int n = epoll_wait(epoll_.get(), events, 256, -1);
      for (int i = 0; i < n; ++i) step(events[i].data.fd);
    }
  }

 private:
  void add(Socket s, std::uint32_t events) {
    const int fd = s.fd.get();
    epoll_event e{};
    e.events = events;
    e.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
    sockets_[fd] = std::move(s);
  }
  void step(int fd) {
    const auto found = sockets_.find(fd);
    if (found == sockets_.end()) return;
    Socket& s = found->second;
    if (s.listens) return accept_all(s);
    if (!serve(s)) sockets_.erase(found);
  }
  void accept_all(Socket& listener) {
    const Service service = listener.service;
    const int from = listener.fd.get();
    for (;;) {
      Fd fd(::accept4(from, nullptr, nullptr, SOCK_NONBLOCK));
      if (fd.get() < 0) return;
      set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
      add({std::move(fd), service, false}, service == Service::Chargen ? EPOLLOUT : EPOLLIN);
    }
  }
  bool serve(Socket& s) {
    if (s.service == Service::Chargen) {
      const ssize_t n = ::send(s.fd.get(), block_.data(), block_.size(), MSG_NOSIGNAL);
      return n > 0 || errno == EAGAIN;
    }
    const ssize_t n = ::recv(s.fd.get(), block_.data(), block_.size(), 0);
    if (n < 0) return errno == EAGAIN;
    if (n == 0) return false;
    if (s.service == Service::Echo) {
      return ::send(s.fd.get(), block_.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) == n;
    }
    return true;
  }

  Fd epoll_{::epoll_create1(0)};
  std::unordered_map<int, Socket> sockets_;
  std::vector<char> block_ = std::vector<char>(1 << 18, 'x');
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  if (argc != 5) {
    (void)std::fprintf(stderr,
                       "bench_linux_server: expected HOST ECHO_PORT DISCARD_PORT CHARGEN_PORT\n");
    return 2;
  }
  bench::Server server;
  server.listen(argv[1], std::atoi(argv[2]), bench::Service::Echo);
  server.listen(argv[1], std::atoi(argv[3]), bench::Service::Discard);
  server.listen(argv[1], std::atoi(argv[4]), bench::Service::Chargen);
  server.run();
}
