// Socket calls on a connection, until its end, beside the kernel's.
#include <fcntl.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "socket/differential.h"

namespace estab::socket::differential {
namespace {

char buffer[256];

void probe(Run& s, int fd) {
  s.poll_now("it", fd);
  s.rec("recv", s.c.recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
  s.rec("recv", s.c.recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT));
  s.rec("send", s.c.send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
  s.rec("send", s.c.send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
  sockaddr_in a{};
  socklen_t length = sizeof(a);
  s.rec("getpeername", s.c.getpeername(fd, reinterpret_cast<sockaddr*>(&a), &length));
  s.error_of(fd);
  s.rec("shutdown", s.c.shutdown(fd, SHUT_WR));
  s.poll_now("it", fd);
}

void reset(Run& s, int fd) {
  const linger now{1, 0};
  EXPECT_EQ(s.c.setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
  s.close(fd);
}

}  // namespace

// --- while it lives -----------------------------------------------------------------------------

SAME_AS_LINUX(established) {
  const auto ends = s.pair();
  s.poll_now("client", ends.client);
  s.rec("recv", s.c.recv(ends.client, buffer, 1, MSG_DONTWAIT));
  s.rec("recv oob", s.c.recv(ends.client, buffer, 1, MSG_OOB));
  s.rec("empty send", s.c.send(ends.client, buffer, 0, 0));
  s.rec("empty recv", s.c.recv(ends.client, buffer, 0, MSG_DONTWAIT));
  s.rec("empty read", s.c.read(ends.client, buffer, 0));
  s.rec("null", s.c.send(ends.client, nullptr, 5, 0));
  s.rec("listen", s.c.listen(ends.client, 1));
  s.rec("accept", s.c.accept4(ends.client, nullptr, nullptr, 0));
}

SAME_AS_LINUX(bytes_there_and_back) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.client, "hello", 5, 0));
  s.await(ends.server, POLLIN);
  s.poll_now("server", ends.server);
  int queued = 0;
  s.rec("FIONREAD", s.c.ioctl(ends.server, FIONREAD, &queued));
  s.rec("bytes", queued);
  s.rec("empty recv", s.c.recv(ends.server, buffer, 0, MSG_DONTWAIT));
  s.rec("peek", s.c.recv(ends.server, buffer, 3, MSG_PEEK));
  s.rec("peek", s.c.recv(ends.server, buffer, 64, MSG_PEEK));
  s.rec("recv", s.c.recv(ends.server, buffer, 2, 0));
  s.note(std::string(buffer, 2));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, MSG_WAITALL | MSG_DONTWAIT));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, MSG_DONTWAIT));
}

SAME_AS_LINUX(truncating_receive) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.client, "hello world", 11, 0));
  s.await(ends.server, POLLIN);
  s.rec("thrown away", s.c.recv(ends.server, nullptr, 6, MSG_TRUNC));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
  s.note(std::string(buffer, 5));
}

SAME_AS_LINUX(scattered_and_gathered) {
  const auto ends = s.pair();
  char one[] = "ab", two[] = "cdefg";
  const iovec out[3] = {{one, 2}, {nullptr, 0}, {two, 5}};
  s.rec("writev", s.c.writev(ends.client, out, 3));
  s.await(ends.server, POLLIN);
  char a[3], b[10];
  const iovec in[2] = {{a, 3}, {b, 10}};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(in);
  message.msg_iovlen = 2;
  sockaddr_in from{};
  message.msg_name = &from;
  message.msg_namelen = sizeof(from);
  s.rec("recvmsg peek", s.c.recvmsg(ends.server, &message, MSG_PEEK));
  s.rec("name", message.msg_namelen);
  s.rec("readv", s.c.readv(ends.server, in, 2));
  s.note(std::string(a, 3) + std::string(b, 4));
  s.rec("readv none", s.c.readv(ends.server, in, 0));
  s.rec("readv -1", s.c.readv(ends.server, in, -1));
  s.rec("writev none", s.c.writev(ends.client, out, 0));
  s.rec("writev many", s.c.writev(ends.client, out, 5000));
}

SAME_AS_LINUX(flags_by_fcntl_and_ioctl) {
  const auto ends = s.pair();
  s.rec("F_GETFL", s.c.fcntl(ends.client, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
  int on = 1;
  s.rec("FIONBIO", s.c.ioctl(ends.client, FIONBIO, &on));
  s.rec("F_GETFL", s.c.fcntl(ends.client, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
  s.rec("recv", s.c.recv(ends.client, buffer, 1, 0));
  s.rec("F_SETFL", s.c.fcntl(ends.client, F_SETFL, 0));
  s.rec("F_GETFL", s.c.fcntl(ends.client, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
  s.rec("unknown command", s.c.fcntl(ends.client, 9999));
  s.rec("unknown request", s.c.ioctl(ends.client, 0x1234, &on));
}

SAME_AS_LINUX(receive_times_out) {
  const auto ends = s.pair();
  const timeval t{0, 10000};
  s.rec("set", s.c.setsockopt(ends.client, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
  s.rec("recv", s.c.recv(ends.client, buffer, 1, 0));
  s.rec("send", s.c.send(ends.server, "abc", 3, 0));
  s.rec("all or timeout", s.c.recv(ends.client, buffer, 9, MSG_WAITALL));
}

SAME_AS_LINUX(send_until_full) {
  const auto ends = s.pair();
  const std::vector<char> much(1 << 16);
  long last = 0;
  for (int i = 0; i < 10000 && last >= 0; ++i) {
    last = s.c.send(ends.client, much.data(), much.size(), MSG_DONTWAIT);
  }
  s.rec("full", last);
  s.poll_now("client", ends.client);
  const timeval t{0, 10000};
  s.rec("set", s.c.setsockopt(ends.client, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)));
  s.rec("send", s.c.send(ends.client, much.data(), much.size(), 0));
}

SAME_AS_LINUX(low_water_mark) {
  const auto ends = s.pair();
  s.set(ends.server, SOL_SOCKET, SO_RCVLOWAT, 4);
  s.rec("send", s.c.send(ends.client, "ab", 2, 0));
  s.await(ends.client, POLLOUT);
  s.poll_now("too few", ends.server);
  s.rec("send", s.c.send(ends.client, "cd", 2, 0));
  s.await(ends.server, POLLIN);
  s.poll_now("enough", ends.server);
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
}

// --- urgent data --------------------------------------------------------------------------------

SAME_AS_LINUX(urgent_byte) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.client, "abc", 3, MSG_OOB));
  s.await(ends.server, POLLPRI);
  s.poll_now("server", ends.server);
  int mark = -1;
  s.rec("SIOCATMARK", s.c.ioctl(ends.server, 0x8905, &mark));
  s.rec("mark", mark);
  s.rec("peek oob", s.c.recv(ends.server, buffer, 1, MSG_OOB | MSG_PEEK));
  s.rec("oob", s.c.recv(ends.server, buffer, 1, MSG_OOB));
  s.note(std::string(buffer, 1));
  s.rec("oob again", s.c.recv(ends.server, buffer, 1, MSG_OOB));
  s.poll_now("server", ends.server);
  s.rec("send", s.c.send(ends.client, "def", 3, 0));
  s.await(ends.server, POLLIN);
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
  s.rec("SIOCATMARK", s.c.ioctl(ends.server, 0x8905, &mark));
  s.rec("mark", mark);
  s.rec("recv", s.c.recv(ends.server, buffer, 64, MSG_DONTWAIT));
  s.note(std::string(buffer, 3));
}

SAME_AS_LINUX(urgent_byte_inline) {
  const auto ends = s.pair();
  s.set(ends.server, SOL_SOCKET, SO_OOBINLINE, 1);
  s.rec("send", s.c.send(ends.client, "abc", 3, MSG_OOB));
  s.await(ends.server, POLLIN);
  s.rec("oob", s.c.recv(ends.server, buffer, 1, MSG_OOB));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
  s.note(std::string(buffer, 1));
}

// --- closing ------------------------------------------------------------------------------------

SAME_AS_LINUX(half_close) {
  const auto ends = s.pair();
  s.rec("shutdown", s.c.shutdown(ends.client, SHUT_WR));
  s.poll_now("client", ends.client);
  s.rec("send", s.c.send(ends.client, "x", 1, MSG_NOSIGNAL));
  s.error_of(ends.client);
  s.await(ends.server, POLLIN);
  s.poll_now("server", ends.server);
  s.rec("end", s.c.recv(ends.server, buffer, 1, 0));
  s.rec("answer", s.c.send(ends.server, "late", 4, 0));
  s.await(ends.client, POLLIN);
  s.rec("recv", s.c.recv(ends.client, buffer, 64, 0));
  s.rec("shutdown again", s.c.shutdown(ends.client, SHUT_WR));
  s.rec("both", s.c.shutdown(ends.client, SHUT_RDWR));
  s.poll_now("client", ends.client);
}

SAME_AS_LINUX(shutdown_of_reading) {
  const auto ends = s.pair();
  s.rec("shutdown", s.c.shutdown(ends.client, SHUT_RD));
  s.poll_now("client", ends.client);
  s.rec("recv", s.c.recv(ends.client, buffer, 1, 0));
  s.rec("still sends", s.c.send(ends.client, "x", 1, 0));
  s.rec("send", s.c.send(ends.server, "more", 4, 0));
  s.rec("recv", s.c.recv(ends.client, buffer, 64, 0));
  s.rec("recv", s.c.recv(ends.client, buffer, 64, 0));
}

SAME_AS_LINUX(peer_closed) {
  const auto ends = s.pair();
  s.close(ends.server);
  s.await(ends.client, POLLRDHUP);
  s.poll_now("client", ends.client);
  s.rec("recv", s.c.recv(ends.client, buffer, 1, 0));
  s.rec("recv", s.c.recv(ends.client, buffer, 1, 0));
  s.rec("send", s.c.send(ends.client, "x", 1, MSG_NOSIGNAL));
  s.await(ends.client, POLLHUP);
  probe(s, ends.client);
}

SAME_AS_LINUX(peer_closed_error_first) {
  const auto ends = s.pair();
  s.close(ends.server);
  s.await(ends.client, POLLRDHUP);
  s.rec("send", s.c.send(ends.client, "x", 1, MSG_NOSIGNAL));
  s.await(ends.client, POLLHUP);
  s.poll_now("client", ends.client);
  s.error_of(ends.client);
  probe(s, ends.client);
}

SAME_AS_LINUX(both_closed_one_after_the_other) {
  const auto ends = s.pair();
  s.rec("client", s.c.shutdown(ends.client, SHUT_WR));
  s.await(ends.server, POLLRDHUP);
  s.rec("server", s.c.shutdown(ends.server, SHUT_WR));
  s.await(ends.client, POLLHUP);
  probe(s, ends.client);
  s.await(ends.server, POLLHUP);
  probe(s, ends.server);
}

SAME_AS_LINUX(closed_with_bytes_under_way) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.server, "last words", 10, 0));
  s.close(ends.server);
  s.await(ends.client, POLLRDHUP);
  s.poll_now("client", ends.client);
  s.rec("recv", s.c.recv(ends.client, buffer, 64, 0));
  s.rec("recv", s.c.recv(ends.client, buffer, 64, 0));
}

SAME_AS_LINUX(reset_by_linger_zero) {
  const auto ends = s.pair();
  reset(s, ends.server);
  s.await(ends.client, POLLHUP);
  probe(s, ends.client);
}

SAME_AS_LINUX(reset_found_by_send) {
  const auto ends = s.pair();
  reset(s, ends.server);
  s.await(ends.client, POLLHUP);
  s.rec("send", s.c.send(ends.client, "x", 1, MSG_NOSIGNAL));
  s.rec("send", s.c.send(ends.client, "x", 1, MSG_NOSIGNAL));
  probe(s, ends.client);
}

SAME_AS_LINUX(reset_found_by_so_error) {
  const auto ends = s.pair();
  reset(s, ends.server);
  s.await(ends.client, POLLHUP);
  s.error_of(ends.client);
  probe(s, ends.client);
}

SAME_AS_LINUX(reset_behind_bytes) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.server, "lost", 4, 0));
  s.await(ends.client, POLLIN);
  reset(s, ends.server);
  s.await(ends.client, POLLHUP);
  probe(s, ends.client);
}

SAME_AS_LINUX(reset_then_connect_and_listen) {
  const auto ends = s.pair();
  reset(s, ends.server);
  s.await(ends.client, POLLHUP);
  const sockaddr_in to = s.name_of(ends.listener);
  s.rec("connect", s.c.connect(ends.client, any(to), sizeof(to)));
  s.rec("listen", s.c.listen(ends.client, 1));
}

SAME_AS_LINUX(closed_with_unread_bytes) {
  const auto ends = s.pair();
  s.rec("send", s.c.send(ends.client, "unread", 6, 0));
  s.await(ends.server, POLLIN);
  s.close(ends.server);
  s.await(ends.client, POLLHUP);
  probe(s, ends.client);
}

SAME_AS_LINUX(linger_with_time_to_spare) {
  const auto ends = s.pair();
  const linger time{1, 5};
  s.rec("linger", s.c.setsockopt(ends.client, SOL_SOCKET, SO_LINGER, &time, sizeof(time)));
  s.rec("send", s.c.send(ends.client, "bye", 3, 0));
  s.close(ends.client);
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
  s.rec("recv", s.c.recv(ends.server, buffer, 64, 0));
}

SAME_AS_LINUX(port_in_time_wait) {
  const auto ends = s.pair();
  const sockaddr_in name = s.name_of(ends.listener);
  s.close(ends.server);  // closes first: TIME-WAIT is its
  s.await(ends.client, POLLRDHUP);
  s.close(ends.client);
  s.close(ends.listener);
  s.rec("without", s.c.bind(s.tcp(), any(name), sizeof(name)));
  const int reuses = s.tcp();
  s.set(reuses, SOL_SOCKET, SO_REUSEADDR, 1);
  s.rec("with", s.c.bind(reuses, any(name), sizeof(name)));
  s.rec("listen", s.c.listen(reuses, 1));
}

SAME_AS_LINUX(port_of_a_living_connection) {
  const int listening = s.listener(8, true);
  const sockaddr_in name = s.name_of(listening);
  s.connected_to(listening);
  s.accepted(listening);
  s.close(listening);
  s.rec("without", s.c.bind(s.tcp(), any(name), sizeof(name)));
  const int reuses = s.tcp();
  s.set(reuses, SOL_SOCKET, SO_REUSEADDR, 1);
  s.rec("with", s.c.bind(reuses, any(name), sizeof(name)));
  s.rec("listen", s.c.listen(reuses, 1));
}

}  // namespace estab::socket::differential
