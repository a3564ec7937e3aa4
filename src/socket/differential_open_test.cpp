// Socket calls before and while a connection is opened, beside the kernel's.
#include <arpa/inet.h>
#include <fcntl.h>

#include "socket/differential.h"

namespace estab::socket::differential {
namespace {

char buffer[64];

// Every call on it that says something of its state.
void probe(Run& s, int fd) {
  s.poll_now("it", fd);
  s.rec("recv", s.c.recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
  s.rec("send", s.c.send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
  s.rec("recv oob", s.c.recv(fd, buffer, 1, MSG_OOB | MSG_DONTWAIT));
  sockaddr_in a{};
  socklen_t length = sizeof(a);
  s.rec("getpeername", s.c.getpeername(fd, reinterpret_cast<sockaddr*>(&a), &length));
  s.error_of(fd);
  s.poll_now("it", fd);
}

// A connect() that nobody answers: the accept queue is full.
int unanswered(Run& s, int flags, int& fd) {
  const int listening = s.listener(0);
  s.connected_to(listening);
  const sockaddr_in to = s.name_of(listening);
  int result = 0;
  for (int i = 0; i < 3; ++i) {  // Linux admits one more than asked for, and so may others
    fd = s.tcp(flags);
    result = s.c.connect(fd, any(to), sizeof(to));
    pollfd p{fd, POLLOUT, 0};
    if ((flags & SOCK_NONBLOCK) != 0 && s.c.poll(&p, 1, 20) == 0) break;
    if (result < 0 && (flags & SOCK_NONBLOCK) == 0) break;
  }
  return result;
}

}  // namespace

SAME_AS_LINUX(fresh_socket) { probe(s, s.tcp()); }

SAME_AS_LINUX(fresh_socket_shut_down) {
  const int fd = s.tcp();
  s.rec("shutdown", s.c.shutdown(fd, SHUT_RDWR));
  probe(s, fd);
  s.rec("listen", s.c.listen(fd, 1));
  s.rec("F_SETFL", s.c.fcntl(fd, F_SETFL, O_NONBLOCK));
  s.rec("accept", s.c.accept4(fd, nullptr, nullptr, 0));
}

SAME_AS_LINUX(fresh_socket_shut_down_one_way_each) {
  const int reads = s.tcp();
  s.rec("shutdown", s.c.shutdown(reads, SHUT_WR));
  probe(s, reads);
  const int writes = s.tcp();
  s.rec("shutdown", s.c.shutdown(writes, SHUT_RD));
  probe(s, writes);
}

SAME_AS_LINUX(shutdown_how) {
  const int fd = s.tcp();
  s.rec("-1", s.c.shutdown(fd, -1));
  s.rec("3", s.c.shutdown(fd, 3));
  const auto ends = s.pair();
  s.rec("17", s.c.shutdown(ends.client, 17));
}

SAME_AS_LINUX(socket_arguments) {
  s.rec("family", s.c.socket(99, SOCK_STREAM, 0));
  s.rec("type flags", s.c.socket(AF_INET, SOCK_STREAM | 0x10000, 0));
  s.rec("protocol", s.c.socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
  s.opened("tcp", s.c.socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
  s.opened("tcp6", s.c.socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

SAME_AS_LINUX(bind_arguments) {
  const int fd = s.tcp();
  const sockaddr_in local = loopback();
  s.rec("short", s.c.bind(fd, any(local), 8));
  s.rec("long", s.c.bind(fd, any(local), 1000));
  sockaddr_in other = local;
  other.sin_family = AF_INET6;
  s.rec("family", s.c.bind(fd, any(other), sizeof(other)));
  other.sin_family = AF_UNSPEC;
  s.rec("unspecified", s.c.bind(fd, any(other), sizeof(other)));
  other = local;
  other.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1
  s.rec("not ours", s.c.bind(fd, any(other), sizeof(other)));
  s.rec("bind", s.c.bind(fd, any(local), sizeof(local)));
  s.rec("again", s.c.bind(fd, any(local), sizeof(local)));
  s.rec("bad descriptor", s.c.bind(-1, any(local), sizeof(local)));
}

SAME_AS_LINUX(bind_unspecified_any) {
  sockaddr_in a{};
  s.rec("old way", s.c.bind(s.tcp(), any(a), sizeof(a)));
}

SAME_AS_LINUX(bind_taken) {
  const int listening = s.listener();
  const sockaddr_in taken = s.name_of(listening);
  s.rec("taken", s.c.bind(s.tcp(), any(taken), sizeof(taken)));
  const int reuses = s.tcp();
  s.set(reuses, SOL_SOCKET, SO_REUSEADDR, 1);
  s.rec("taken by a listener", s.c.bind(reuses, any(taken), sizeof(taken)));
}

SAME_AS_LINUX(bind_shared_then_listen) {
  const int one = s.tcp();
  const int two = s.tcp();
  s.set(one, SOL_SOCKET, SO_REUSEADDR, 1);
  s.set(two, SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in local = loopback();
  s.rec("bind", s.c.bind(one, any(local), sizeof(local)));
  const sockaddr_in name = s.name_of(one);
  s.rec("bind", s.c.bind(two, any(name), sizeof(name)));
  s.rec("listen", s.c.listen(one, 1));
  s.rec("listen", s.c.listen(two, 1));
}

SAME_AS_LINUX(reuse_port_group) {
  const int one = s.tcp();
  const int two = s.tcp();
  s.set(one, SOL_SOCKET, SO_REUSEPORT, 1);
  s.set(two, SOL_SOCKET, SO_REUSEPORT, 1);
  const sockaddr_in local = loopback();
  s.rec("bind", s.c.bind(one, any(local), sizeof(local)));
  const sockaddr_in name = s.name_of(one);
  s.rec("bind", s.c.bind(two, any(name), sizeof(name)));
  s.rec("listen", s.c.listen(one, 1));
  s.rec("listen", s.c.listen(two, 1));
  s.rec("without", s.c.bind(s.tcp(), any(name), sizeof(name)));
}

SAME_AS_LINUX(listen_unbound_and_again) {
  const int fd = s.tcp();
  s.rec("listen", s.c.listen(fd, 4));
  s.note(s.name_of(fd).sin_port != 0 ? "has a port" : "has none");
  s.rec("again", s.c.listen(fd, -1));
  const sockaddr_in local = loopback();
  s.rec("bind", s.c.bind(fd, any(local), sizeof(local)));
  s.get(fd, SOL_SOCKET, SO_ACCEPTCONN);
}

SAME_AS_LINUX(listener_is_no_connection) {
  const int fd = s.listener();
  probe(s, fd);
  const sockaddr_in to = s.name_of(fd);
  s.rec("connect", s.c.connect(fd, any(to), sizeof(to)));
  int queued = 0;
  s.rec("SIOCINQ", s.c.ioctl(fd, FIONREAD, &queued));
}

SAME_AS_LINUX(accept_without_listener) {
  s.rec("fresh", s.c.accept4(s.tcp(), nullptr, nullptr, 0));
  s.rec("connected", s.c.accept4(s.pair().client, nullptr, nullptr, 0));
  s.rec("bad descriptor", s.c.accept4(-1, nullptr, nullptr, 0));
  s.rec("flags", s.c.accept4(s.listener(), nullptr, nullptr, 1 << 20));
}

SAME_AS_LINUX(accept_nonblocking) {
  const int fd = s.listener();
  s.rec("F_SETFL", s.c.fcntl(fd, F_SETFL, O_NONBLOCK));
  s.rec("none", s.c.accept4(fd, nullptr, nullptr, 0));
  s.connected_to(fd);
  s.await(fd, POLLIN);
  s.poll_now("listener", fd);
  const int child = s.opened("one", s.c.accept4(fd, nullptr, nullptr, 0));
  s.rec("child's flags", s.c.fcntl(child, F_GETFL) & O_NONBLOCK);
  s.rec("none", s.c.accept4(fd, nullptr, nullptr, 0));
  s.poll_now("listener", fd);
}

SAME_AS_LINUX(accept_times_out) {
  const int fd = s.listener();
  const timeval t{0, 10000};
  s.rec("set", s.c.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
  s.rec("accept", s.c.accept4(fd, nullptr, nullptr, 0));
}

SAME_AS_LINUX(accept_gives_the_address) {
  const int fd = s.listener();
  const int client = s.connected_to(fd);
  sockaddr_in peer{};
  socklen_t length = 7;
  const int child =
      s.opened("accept", s.c.accept4(fd, reinterpret_cast<sockaddr*>(&peer), &length, 0));
  s.rec("full length", length);
  length = sizeof(peer);
  s.rec("getpeername", s.c.getpeername(child, reinterpret_cast<sockaddr*>(&peer), &length));
  s.note(peer.sin_port == s.name_of(client).sin_port ? "the client's port" : "another port");
  s.note(s.name_of(child).sin_port == s.name_of(fd).sin_port ? "the listener's" : "another");
}

SAME_AS_LINUX(listener_shut_down) {
  const int fd = s.listener();
  s.rec("write", s.c.shutdown(fd, SHUT_WR));
  s.get(fd, SOL_SOCKET, SO_ACCEPTCONN);
  s.rec("read", s.c.shutdown(fd, SHUT_RD));
  s.get(fd, SOL_SOCKET, SO_ACCEPTCONN);
  s.rec("accept", s.c.accept4(fd, nullptr, nullptr, 0));
  s.rec("again", s.c.shutdown(fd, SHUT_RD));
  s.rec("listen", s.c.listen(fd, 3));
  s.poll_now("it", fd);
}

SAME_AS_LINUX(listener_closed_with_a_queue) {
  const int fd = s.listener();
  const int client = s.connected_to(fd);
  s.await(fd, POLLIN);
  s.close(fd);
  s.await(client, POLLIN);
  probe(s, client);
}

SAME_AS_LINUX(connect_arguments) {
  const int fd = s.tcp();
  const sockaddr_in to = free_port(s);
  s.rec("short", s.c.connect(fd, any(to), 1));
  s.rec("shorter than sockaddr_in", s.c.connect(fd, any(to), 8));
  sockaddr_in other = to;
  other.sin_family = AF_INET6;
  s.rec("family", s.c.connect(fd, any(other), sizeof(other)));
  other.sin_family = AF_UNSPEC;
  s.rec("unspecified", s.c.connect(fd, any(other), sizeof(other)));
  other.sin_family = AF_INET;
  other.sin_addr.s_addr = htonl(INADDR_BROADCAST);
  s.rec("broadcast", s.c.connect(fd, any(other), sizeof(other)));
  s.rec("bad descriptor", s.c.connect(-1, any(to), sizeof(to)));
}

SAME_AS_LINUX(connect_refused) {
  const int fd = s.tcp();
  const sockaddr_in nobody = free_port(s);
  s.rec("connect", s.c.connect(fd, any(nobody), sizeof(nobody)));
  probe(s, fd);
  s.rec("again", s.c.connect(fd, any(nobody), sizeof(nobody)));
  const sockaddr_in somebody = s.name_of(s.listener());
  s.rec("elsewhere", s.c.connect(fd, any(somebody), sizeof(somebody)));
}

SAME_AS_LINUX(connect_refused_nonblocking) {
  const int fd = s.tcp(SOCK_NONBLOCK);
  const sockaddr_in nobody = free_port(s);
  s.rec("connect", s.c.connect(fd, any(nobody), sizeof(nobody)));
  s.await(fd, POLLOUT);
  s.poll_now("it", fd);
  s.error_of(fd);
  probe(s, fd);
  s.rec("again", s.c.connect(fd, any(nobody), sizeof(nobody)));
  probe(s, fd);
}

SAME_AS_LINUX(connect_refused_asked_by_connect) {
  const int fd = s.tcp(SOCK_NONBLOCK);
  const sockaddr_in nobody = free_port(s);
  s.rec("connect", s.c.connect(fd, any(nobody), sizeof(nobody)));
  s.await(fd, POLLOUT);
  s.rec("again", s.c.connect(fd, any(nobody), sizeof(nobody)));
  probe(s, fd);
  s.rec("once more", s.c.connect(fd, any(nobody), sizeof(nobody)));
}

SAME_AS_LINUX(connect_refused_read_first) {
  const int fd = s.tcp(SOCK_NONBLOCK);
  const sockaddr_in nobody = free_port(s);
  s.rec("connect", s.c.connect(fd, any(nobody), sizeof(nobody)));
  s.await(fd, POLLOUT);
  probe(s, fd);
}

SAME_AS_LINUX(connect_nonblocking) {
  const int fd = s.tcp(SOCK_NONBLOCK);
  const int listening = s.listener();
  const sockaddr_in to = s.name_of(listening);
  s.rec("connect", s.c.connect(fd, any(to), sizeof(to)));
  s.await(fd, POLLOUT);
  s.poll_now("it", fd);
  s.error_of(fd);
  s.rec("again", s.c.connect(fd, any(to), sizeof(to)));
  s.rec("once more", s.c.connect(fd, any(to), sizeof(to)));
  s.rec("with nonsense", s.c.connect(fd, any(to), 8));
  s.rec("listen", s.c.listen(fd, 1));
  s.rec("bind", s.c.bind(fd, any(to), sizeof(to)));
}

SAME_AS_LINUX(connect_unanswered) {
  int fd = -1;
  s.rec("connect", unanswered(s, SOCK_NONBLOCK, fd));
  probe(s, fd);
  const sockaddr_in to = loopback(htons(1));
  s.rec("again", s.c.connect(fd, any(to), sizeof(to)));
  s.rec("listen", s.c.listen(fd, 1));
  int queued = 0;
  s.rec("FIONREAD", s.c.ioctl(fd, FIONREAD, &queued));
  s.rec("SIOCOUTQ", s.c.ioctl(fd, TIOCOUTQ, &queued));
  s.rec("shutdown", s.c.shutdown(fd, SHUT_WR));
  probe(s, fd);
  const sockaddr_in somebody = s.name_of(s.listener());
  s.rec("elsewhere", s.c.connect(fd, any(somebody), sizeof(somebody)));
}

SAME_AS_LINUX(connect_unanswered_given_up) {
  int fd = -1;
  s.rec("connect", unanswered(s, SOCK_NONBLOCK, fd));
  sockaddr_in nobody{};
  s.rec("unspecified", s.c.connect(fd, any(nobody), sizeof(nobody)));
  probe(s, fd);
}

SAME_AS_LINUX(connect_from_a_bound_port) {
  const int listening = s.listener();
  const sockaddr_in to = s.name_of(listening);
  const int fd = s.tcp();
  const sockaddr_in local = loopback();
  s.rec("bind", s.c.bind(fd, any(local), sizeof(local)));
  const sockaddr_in from = s.name_of(fd);
  s.rec("connect", s.c.connect(fd, any(to), sizeof(to)));
  s.note(s.name_of(fd).sin_port == from.sin_port ? "same port" : "another port");
  const int twin = s.tcp();
  s.set(twin, SOL_SOCKET, SO_REUSEADDR, 1);
  s.rec("bind to it", s.c.bind(twin, any(from), sizeof(from)));
}

SAME_AS_LINUX(connect_to_any_means_here) {
  const int listening = s.listener();
  sockaddr_in to = s.name_of(listening);
  to.sin_addr.s_addr = 0;
  const int fd = s.tcp();
  s.rec("connect", s.c.connect(fd, any(to), sizeof(to)));
  sockaddr_in peer{};
  socklen_t length = sizeof(peer);
  s.rec("getpeername", s.c.getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length));
  s.rec("peer", ntohl(peer.sin_addr.s_addr));
}

SAME_AS_LINUX(connected_then_unspecified) {
  const auto ends = s.pair();
  const sockaddr_in nobody{};
  s.rec("unspecified", s.c.connect(ends.client, any(nobody), sizeof(nobody)));
  probe(s, ends.client);
  s.await(ends.server, POLLIN);
  probe(s, ends.server);
}

SAME_AS_LINUX(mapped_addresses) {
  const int listening = s.tcp(0, AF_INET6);
  sockaddr_in6 all{};
  all.sin6_family = AF_INET6;
  s.rec("bind", s.c.bind(listening, any(all), sizeof(all)));
  s.rec("listen", s.c.listen(listening, 4));
  s.set(listening, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  const std::uint16_t port = s.name_of(listening).sin_port;
  const int fd = s.tcp(0, AF_INET6);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = port;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
  s.rec("short", s.c.connect(fd, any(mapped), 20));
  s.rec("connect", s.c.connect(fd, any(mapped), sizeof(mapped)));
  sockaddr_in6 peer{};
  socklen_t length = sizeof(peer);
  const int child =
      s.opened("accept", s.c.accept4(listening, reinterpret_cast<sockaddr*>(&peer), &length, 0));
  s.rec("length", length);
  s.note(IN6_IS_ADDR_V4MAPPED(&peer.sin6_addr) ? "mapped" : "not mapped");
  s.rec("send", s.c.send(child, "hello", 5, 0));
  s.rec("recv", s.c.recv(fd, buffer, sizeof(buffer), 0));
}

SAME_AS_LINUX(v6_only) {
  const int fd = s.tcp(0, AF_INET6);
  s.set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
  s.rec("bind", s.c.bind(fd, any(mapped), sizeof(mapped)));
  mapped.sin6_port = htons(9);
  s.rec("connect", s.c.connect(fd, any(mapped), sizeof(mapped)));
  s.set(s.tcp(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
}

SAME_AS_LINUX(closed_descriptor) {
  const int fd = s.tcp();
  s.close(fd);
  s.rec("close", s.c.close(fd));
  s.rec("listen", s.c.listen(fd, 1));
  s.rec("recv", s.c.recv(fd, buffer, 1, 0));
  s.rec("send", s.c.send(fd, buffer, 1, 0));
  s.rec("shutdown", s.c.shutdown(fd, SHUT_RD));
  s.rec("fcntl", s.c.fcntl(fd, F_GETFL));
  s.poll_now("it", fd);
}

}  // namespace estab::socket::differential
