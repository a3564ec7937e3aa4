// subject PATHOLOGY sick|healthy [VARIANT]: one pathology or its healthy twin, on Linux's sockets or
// on ours (then DEVICE, ADDRESS and OPTIONS stand in the environment). It ends when its input does.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "sockets.h"

namespace pathology {
namespace {

[[noreturn]] void die(const std::string& doing) {
  std::fprintf(stderr, "subject: %s: %s\n", doing.c_str(), std::strerror(errno));
  std::exit(1);
}

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &at.sin_addr) != 1) die("address " + host);
  return at;
}

// One line of standard input, unbuffered: pass_time() polls the descriptor.
std::string line_of_input() {
  std::string line;
  char byte = 0;
  for (;;) {
    const ssize_t n = ::read(0, &byte, 1);
    if (n <= 0) std::exit(0);
    if (byte == '\n') return line;
    line += byte;
  }
}

int connect_with(const std::string& host, std::uint16_t port, int flags) {
  const int fd = SOCKET_CALL(socket)(AF_INET, SOCK_STREAM | flags, 0);
  if (fd < 0) return -1;
  const sockaddr_in at = address_of(host, port);
  const int done = SOCKET_CALL(connect)(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  if (done == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  SOCKET_CALL(close)(fd);
  errno = error;
  return -1;
}

}  // namespace

int listen_on(std::uint16_t port, int backlog) {
  const int fd = SOCKET_CALL(socket)(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  const sockaddr_in at = address_of("0.0.0.0", port);
  if (fd < 0) die("socket");
  SOCKET_CALL(setsockopt)(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (SOCKET_CALL(bind)(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) die("bind");
  if (SOCKET_CALL(listen)(fd, backlog) != 0) die("listen");
  return fd;
}

int accept_one(int listener) { return SOCKET_CALL(accept)(listener, nullptr, nullptr); }

int connect_to(const std::string& host, std::uint16_t port) { return connect_with(host, port, 0); }

int begin_connect(const std::string& host, std::uint16_t port) {
  return connect_with(host, port, SOCK_NONBLOCK);
}

void send_text(int fd, const std::string& text) {
  (void)SOCKET_CALL(send)(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

bool ended_or_broken(int fd) {
  char bytes[4096];
  for (;;) {
    const ssize_t n = SOCKET_CALL(recv)(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) return errno != EAGAIN;
    if (n == 0) return true;
  }
}

void set_nonblocking(int fd) {
  SOCKET_CALL(fcntl)(fd, F_SETFL, SOCKET_CALL(fcntl)(fd, F_GETFL, 0) | O_NONBLOCK);
}

void close_socket(int fd) { SOCKET_CALL(close)(fd); }

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

void hear(const std::string& line) {
  while (line_of_input() != line) {
  }
}

void pass_time(int milliseconds) {
  pollfd input{0, POLLIN, 0};
  if (::poll(&input, 1, milliseconds) > 0) hear("");
}

void stay() {
  for (;;) hear("nothing");
}

}  // namespace pathology

int main(int argc, char** argv) {
  using Program = void (*)(const pathology::Told&);
  const std::map<std::string, Program> programs{
      {"close_wait", pathology::close_wait},
      {"time_wait", pathology::time_wait},
      {"syn_received", pathology::syn_received},
      {"syn_sent", pathology::syn_sent},
      {"fin_wait_2", pathology::fin_wait_2},
      {"fin_unanswered", pathology::fin_unanswered},
      {"resets", pathology::resets},
      {"dead_established", pathology::dead_established},
      {"exhaustion", pathology::exhaustion},
      {"settings", pathology::settings},
  };
  const auto program = argc > 2 ? programs.find(argv[1]) : programs.end();
  if (program == programs.end()) {
    std::fprintf(stderr, "usage: subject PATHOLOGY sick|healthy [VARIANT]\n");
    return 2;
  }
#ifdef ON_ESTAB
  estab_stack* stack =
      estab_stack_open(std::getenv("DEVICE"), std::getenv("ADDRESS"), std::getenv("OPTIONS"));
  if (stack == nullptr || estab_stack_start(stack) != 0) {
    std::fprintf(stderr, "subject: %s\n", estab_last_error());
    return 1;
  }
#endif
  program->second({std::string(argv[2]) == "sick", argc > 3 ? argv[3] : ""});
}
