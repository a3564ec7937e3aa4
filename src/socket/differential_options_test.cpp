// Socket options, poll and epoll, beside the kernel's.
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <cstring>
#include <string>

#include "socket/differential.h"

namespace estab::socket::differential {
namespace {

struct IntOption {
  int level;
  int name;
};

}  // namespace

SAME_AS_LINUX(flags_are_zero_or_one) {
  const int fd = s.tcp();
  for (const IntOption o : {IntOption{SOL_SOCKET, SO_REUSEADDR},
                            {SOL_SOCKET, SO_REUSEPORT},
                            {SOL_SOCKET, SO_KEEPALIVE},
                            {SOL_SOCKET, SO_OOBINLINE},
                            {IPPROTO_TCP, TCP_NODELAY},
                            {IPPROTO_TCP, TCP_CORK}}) {
    s.get(fd, o.level, o.name);
    s.set(fd, o.level, o.name, 5);
    s.set(fd, o.level, o.name, 0);
  }
}

SAME_AS_LINUX(what_a_socket_is) {
  for (const int fd : {s.tcp(), s.tcp(0, AF_INET6), s.listener()}) {
    for (const int name : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR}) {
      s.get(fd, SOL_SOCKET, name);
      const int value = 1;
      s.rec("set", s.c.setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)));
    }
  }
}

SAME_AS_LINUX(numbers_and_their_ranges) {
  const int fd = s.tcp();
  for (const int value : {-1, 0, 1, 15, 127, 128, 32767, 32768}) {
    s.set(fd, IPPROTO_TCP, TCP_KEEPIDLE, value);
    s.set(fd, IPPROTO_TCP, TCP_KEEPINTVL, value);
    s.set(fd, IPPROTO_TCP, TCP_KEEPCNT, value);
    s.set(fd, IPPROTO_TCP, TCP_SYNCNT, value);
    s.set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, value);
    s.set(fd, IPPROTO_TCP, TCP_LINGER2, value);
    s.set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, value);
    s.set(fd, IPPROTO_IP, IP_TTL, value);
    s.set(fd, IPPROTO_IP, IP_TOS, value);
    if (value >= 0) s.set(fd, SOL_SOCKET, SO_RCVLOWAT, value);
  }
}

SAME_AS_LINUX(defer_accept_is_rounded) {
  const int fd = s.tcp();
  for (const int value : {-1, 0, 1, 2, 3, 4, 10, 100}) {
    s.set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, value);
  }
}

SAME_AS_LINUX(maximum_segment) {
  const int fd = s.tcp();
  for (const int value : {-1, 1, 87, 32768, 70000}) {
    s.rec("set", s.c.setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &value, sizeof(value)));
  }
  s.set(fd, IPPROTO_TCP, TCP_MAXSEG, 500);
}

SAME_AS_LINUX(buffers_are_doubled) {
  const int fd = s.tcp();
  for (const int value : {1, 3000, 10000, 100000}) {
    s.set(fd, SOL_SOCKET, SO_RCVBUF, value);
    s.set(fd, SOL_SOCKET, SO_SNDBUF, value);
  }
}

SAME_AS_LINUX(hops_and_class_of_ipv6) {
  const int fd = s.tcp(0, AF_INET6);
  for (const int value : {-2, -1, 1, 64, 255, 256}) {
    s.set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, value);
    s.rec("class", s.c.setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value)));
  }
  s.set(fd, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
}

SAME_AS_LINUX(path_mtu_discovery) {
  for (const int fd : {s.tcp(), s.tcp(0, AF_INET6)}) {
    for (const int value : {-1, 0, 1, 2, 3, 4, 5, 6, 255}) {
      s.set(fd, IPPROTO_IP, IP_MTU_DISCOVER, value);
      s.set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, value);
    }
    const int two = 2;
    for (const socklen_t length : {0u, 1u, 2u, 4u}) {
      s.rec("v4", s.c.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &two, length));
      s.get(fd, IPPROTO_IP, IP_MTU_DISCOVER);
      s.rec("v6", s.c.setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &two, length));
    }
  }
}

SAME_AS_LINUX(path_mtu_discovery_is_inherited) {
  const int listener = s.listener();
  s.set(listener, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
  s.set(listener, IPPROTO_IP, IP_FREEBIND, 1);
  s.connected_to(listener);
  const int accepted = s.accepted(listener);
  s.get(accepted, IPPROTO_IP, IP_MTU_DISCOVER);
  s.get(accepted, IPPROTO_IP, IP_FREEBIND);
}

SAME_AS_LINUX(mtu_of_the_path) {
  const int none = s.tcp(0, AF_INET6);
  const auto ends = s.pair();
  for (const int fd : {none, ends.listener, ends.client, ends.server}) {
    s.get(fd, IPPROTO_IP, IP_MTU);
    const int value = 1400;
    s.rec("set", s.c.setsockopt(fd, IPPROTO_IP, IP_MTU, &value, sizeof(value)));
  }
  s.get(none, IPPROTO_IPV6, IPV6_MTU);
  const int refused = s.tcp();
  const sockaddr_in nobody = free_port(s);
  s.rec("connect", s.c.connect(refused, any(nobody), sizeof(nobody)));
  s.get(refused, IPPROTO_IP, IP_MTU);
}

SAME_AS_LINUX(binding_to_what_is_not_ours) {
  sockaddr_in foreign = loopback();
  foreign.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1
  sockaddr_in6 foreign6{};
  foreign6.sin6_family = AF_INET6;
  foreign6.sin6_addr.s6_addr[0] = 0x20;
  foreign6.sin6_addr.s6_addr[1] = 0x01;
  foreign6.sin6_addr.s6_addr[2] = 0x0d;
  foreign6.sin6_addr.s6_addr[3] = 0xb8;
  const int value = 7;
  for (const socklen_t length : {0u, 1u, 4u}) {
    const int fd = s.tcp();
    s.rec("set", s.c.setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &value, length));
    s.get(fd, IPPROTO_IP, IP_FREEBIND);
    s.rec("bind", s.c.bind(fd, any(foreign), sizeof(foreign)));
    s.rec("listen", s.c.listen(fd, 8));
    const int six = s.tcp(0, AF_INET6);
    s.rec("set", s.c.setsockopt(six, IPPROTO_IPV6, IPV6_FREEBIND, &value, length));
    s.get(six, IPPROTO_IP, IP_FREEBIND);
    s.get(six, IPPROTO_IPV6, IPV6_FREEBIND);
    s.rec("bind", s.c.bind(six, any(foreign6), sizeof(foreign6)));
  }
}

SAME_AS_LINUX(lengths_of_values) {
  const int fd = s.tcp();
  const int value = 1;
  char out[64];
  for (const int level : {SOL_SOCKET, int{IPPROTO_TCP}}) {
    const int name = level == SOL_SOCKET ? SO_KEEPALIVE : TCP_NODELAY;
    s.rec("short", s.c.setsockopt(fd, level, name, &value, 2));
    s.rec("none", s.c.setsockopt(fd, level, name, &value, 0));
    s.rec("null", s.c.setsockopt(fd, level, name, nullptr, 4));
    for (const socklen_t room : {0u, 1u, 2u, 4u, 9u, 0xffffffffu}) {
      socklen_t length = room;
      s.rec(fmt::format("room {}", room), s.c.getsockopt(fd, level, name, out, &length));
      s.rec("length", static_cast<int>(length));
    }
  }
  const unsigned char ttl = 9;
  s.rec("a char", s.c.setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, 1));
  s.get(fd, IPPROTO_IP, IP_TTL);
  socklen_t length = 1;
  s.rec("a char", s.c.getsockopt(fd, IPPROTO_IP, IP_TTL, out, &length));
  s.rec("length", length);
}

SAME_AS_LINUX(unknown_options) {
  const int fd = s.tcp();
  const int value = 1;
  for (const int level : {SOL_SOCKET, int{IPPROTO_TCP}, int{IPPROTO_IP}}) {
    s.rec("set", s.c.setsockopt(fd, level, 9999, &value, sizeof(value)));
    s.get(fd, level, 9999);
  }
  s.rec("bad descriptor", s.c.setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
}

SAME_AS_LINUX(linger_and_times) {
  const int fd = s.tcp();
  linger l{1, 7};
  s.rec("short", s.c.setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
  s.rec("set", s.c.setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
  l = {};
  socklen_t length = sizeof(l);
  s.rec("get", s.c.getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &length));
  s.note(fmt::format("{} {}", l.l_onoff, l.l_linger));
  for (const int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    for (const timeval given : {timeval{1, 500000}, {0, 0}, {0, 1000000}, {0, -1}, {3, 0}}) {
      s.rec("set", s.c.setsockopt(fd, SOL_SOCKET, name, &given, sizeof(given)));
      timeval t{};
      length = sizeof(t);
      s.rec("get", s.c.getsockopt(fd, SOL_SOCKET, name, &t, &length));
      s.note(fmt::format("{} {}", t.tv_sec, t.tv_usec));
    }
    const timeval given{1, 0};
    s.rec("short", s.c.setsockopt(fd, SOL_SOCKET, name, &given, 8));
  }
}

SAME_AS_LINUX(congestion_control_by_name) {
  const int fd = s.tcp();
  s.rec("unknown", s.c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nonsense", 8));
  s.rec("reno", s.c.setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  char name[32] = {};
  socklen_t length = sizeof(name);
  s.rec("get", s.c.getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length));
  s.note(fmt::format("{} of {}", name, length));
}

SAME_AS_LINUX(tcp_info) {
  const auto ends = s.pair();
  for (const int fd : {s.tcp(), ends.client, ends.listener}) {
    tcp_info info{};
    for (const socklen_t room : {0u, 1u, 40u, static_cast<socklen_t>(sizeof(info))}) {
      socklen_t length = room;
      s.rec("get", s.c.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
      s.rec("length", length);
    }
    s.rec("state", info.tcpi_state);
  }
}

SAME_AS_LINUX(accepted_sockets_inherit) {
  const int listening = s.listener();
  const int on = 1, idle = 77;
  const linger l{1, 3};
  s.rec("set", s.c.setsockopt(listening, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
  s.rec("set", s.c.setsockopt(listening, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)));
  s.rec("set", s.c.setsockopt(listening, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
  s.rec("set", s.c.setsockopt(listening, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
  s.connected_to(listening);
  const int child = s.accepted(listening);
  s.get(child, SOL_SOCKET, SO_KEEPALIVE);
  s.get(child, IPPROTO_TCP, TCP_KEEPIDLE);
  s.get(child, IPPROTO_TCP, TCP_NODELAY);
  linger got{};
  socklen_t length = sizeof(got);
  s.rec("get", s.c.getsockopt(child, SOL_SOCKET, SO_LINGER, &got, &length));
  s.note(fmt::format("{} {}", got.l_onoff, got.l_linger));
  s.get(child, SOL_SOCKET, SO_ACCEPTCONN);
}

SAME_AS_LINUX(names_and_their_lengths) {
  const auto ends = s.pair();
  sockaddr_in a{};
  for (const socklen_t room : {0u, 3u, 16u, 100u, 0xffffffffu}) {
    socklen_t length = room;
    s.rec("sockname", s.c.getsockname(ends.client, reinterpret_cast<sockaddr*>(&a), &length));
    s.rec("length", static_cast<int>(length));
    length = room;
    s.rec("peername", s.c.getpeername(ends.client, reinterpret_cast<sockaddr*>(&a), &length));
  }
  socklen_t length = sizeof(a);
  a = {};
  s.rec("fresh", s.c.getsockname(s.tcp(), reinterpret_cast<sockaddr*>(&a), &length));
  s.note(fmt::format("{} {} {}", a.sin_family, a.sin_port, a.sin_addr.s_addr));
}

// --- waiting ------------------------------------------------------------------------------------

SAME_AS_LINUX(poll_arguments) {
  const auto ends = s.pair();
  pollfd fds[3] = {{ends.client, POLLIN, 0}, {-1, POLLIN, 77}, {ends.server, POLLOUT, 0}};
  s.rec("poll", s.c.poll(fds, 3, 0));
  for (const pollfd& p : fds) s.rec("revents", p.revents);
  s.rec("nothing", s.c.poll(nullptr, 0, 0));
  fds[0].events = 0;
  s.rec("no events", s.c.poll(fds, 1, 0));
  s.close(ends.server);
  s.await(ends.client, POLLIN);
  s.rec("time out", s.c.poll(fds, 1, 5));
  fds[0].fd = 123456;
  s.rec("bad descriptor", s.c.poll(fds, 1, 0));
  s.rec("revents", fds[0].revents);
}

SAME_AS_LINUX(epoll_arguments) {
  const int ep = s.opened("create", s.c.epoll_create1(EPOLL_CLOEXEC));
  s.rec("flags", s.c.epoll_create1(1));
  const int fd = s.tcp();
  epoll_event e{EPOLLIN, {}};
  s.rec("mod", s.c.epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e));
  s.rec("del", s.c.epoll_ctl(ep, EPOLL_CTL_DEL, fd, nullptr));
  s.rec("null", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, nullptr));
  s.rec("add", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
  s.rec("again", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
  s.rec("itself", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e));
  s.rec("what", s.c.epoll_ctl(ep, 99, fd, &e));
  s.rec("bad descriptor", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, -1, &e));
  s.rec("bad epoll", s.c.epoll_ctl(-1, EPOLL_CTL_ADD, fd, &e));
  s.rec("no epoll", s.c.epoll_ctl(fd, EPOLL_CTL_ADD, s.tcp(), &e));
  s.rec("wait 0", s.c.epoll_wait(ep, &e, 0, 0));
  s.rec("wait on a socket", s.c.epoll_wait(fd, &e, 1, 0));
  s.rec("del", s.c.epoll_ctl(ep, EPOLL_CTL_DEL, fd, nullptr));
  s.rec("wait", s.c.epoll_wait(ep, &e, 1, 5));
}

namespace {

void waited(Run& s, int ep) {
  epoll_event e[4];
  const int n = s.c.epoll_wait(ep, e, 4, 0);
  s.note(fmt::format("epoll: {}", n));
  for (int i = 0; i < n; ++i)
    s.note(fmt::format("  {:x} {}", std::uint32_t{e[i].events}, std::uint32_t{e[i].data.u32}));
}

}  // namespace

SAME_AS_LINUX(epoll_by_level) {
  const auto ends = s.pair();
  const int ep = s.keep(s.c.epoll_create1(0));
  epoll_event e{EPOLLIN | EPOLLRDHUP, {}};
  e.data.u32 = 7;
  s.rec("add", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, ends.server, &e));
  waited(s, ep);
  s.rec("send", s.c.send(ends.client, "ab", 2, 0));
  s.await(ends.server, POLLIN);
  waited(s, ep);
  waited(s, ep);
  char c[8];
  s.rec("recv", s.c.recv(ends.server, c, 8, 0));
  waited(s, ep);
  s.close(ends.client);
  s.await(ends.server, POLLRDHUP);
  waited(s, ep);
  s.close(ends.server);
  waited(s, ep);
}

SAME_AS_LINUX(epoll_by_edge) {
  const auto ends = s.pair();
  const int ep = s.keep(s.c.epoll_create1(0));
  epoll_event e{EPOLLIN | EPOLLOUT | EPOLLET, {}};
  e.data.u32 = 7;
  s.rec("add", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, ends.server, &e));
  waited(s, ep);
  waited(s, ep);
  s.rec("send", s.c.send(ends.client, "ab", 2, 0));
  s.await(ends.server, POLLIN);
  waited(s, ep);
  waited(s, ep);
  s.rec("send", s.c.send(ends.client, "cd", 2, 0));
  s.await(ends.client, POLLOUT);
  waited(s, ep);
  e.events = EPOLLIN | EPOLLET;
  s.rec("mod", s.c.epoll_ctl(ep, EPOLL_CTL_MOD, ends.server, &e));
  waited(s, ep);
  waited(s, ep);
}

SAME_AS_LINUX(epoll_one_shot) {
  const auto ends = s.pair();
  const int ep = s.keep(s.c.epoll_create1(0));
  epoll_event e{EPOLLIN | EPOLLONESHOT, {}};
  s.rec("add", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, ends.server, &e));
  s.rec("send", s.c.send(ends.client, "ab", 2, 0));
  s.await(ends.server, POLLIN);
  waited(s, ep);
  waited(s, ep);
  s.rec("send", s.c.send(ends.client, "cd", 2, 0));
  waited(s, ep);
  s.rec("mod", s.c.epoll_ctl(ep, EPOLL_CTL_MOD, ends.server, &e));
  waited(s, ep);
}

SAME_AS_LINUX(epoll_of_errors) {
  const auto ends = s.pair();
  const int ep = s.keep(s.c.epoll_create1(0));
  epoll_event e{0, {}};
  s.rec("add", s.c.epoll_ctl(ep, EPOLL_CTL_ADD, ends.client, &e));
  const linger now{1, 0};
  s.rec("linger", s.c.setsockopt(ends.server, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
  s.close(ends.server);
  s.await(ends.client, POLLHUP);
  waited(s, ep);
  s.error_of(ends.client);
  waited(s, ep);
}

}  // namespace estab::socket::differential
