// callers: connections to itself, each opened, taken and ended by a function of its own name, on
// Linux's sockets or on ours (ON_ESTAB). Waits for a line of input first, and at its end.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#ifdef ON_ESTAB
#include "estab/posix.h"
#define SOCKET_CALL(name) estab_##name
#else
#define SOCKET_CALL(name) ::name
#endif

namespace callers {

constexpr in_port_t kPort = 7711;

sockaddr_in own_address() {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(kPort);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

__attribute__((noinline)) int listen_here() {
  const int fd = SOCKET_CALL(socket)(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = own_address();
  const int on = 1;
  SOCKET_CALL(setsockopt)(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (SOCKET_CALL(bind)(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) std::exit(1);
  if (SOCKET_CALL(listen)(fd, 16) != 0) std::exit(1);
  return fd;
}

__attribute__((noinline)) int open_it() {
  const int fd = SOCKET_CALL(socket)(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in at = own_address();
  if (SOCKET_CALL(connect)(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0)
    std::exit(1);
  return fd;
}

__attribute__((noinline)) int take_it(int listener) {
  const int fd = SOCKET_CALL(accept)(listener, nullptr, nullptr);
  if (fd < 0) std::exit(1);
  return fd;
}

__attribute__((noinline)) void read_it(int fd) {
  char bytes[64];
  (void)SOCKET_CALL(recv)(fd, bytes, sizeof bytes, 0);
}

__attribute__((noinline)) void write_it(int fd) { (void)SOCKET_CALL(send)(fd, "word", 4, 0); }

__attribute__((noinline)) void shut_it(int fd) { SOCKET_CALL(shutdown)(fd, SHUT_WR); }

__attribute__((noinline)) void close_it(int fd) { SOCKET_CALL(close)(fd); }

__attribute__((noinline)) void answer_and_close(int fd) {
  read_it(fd);
  SOCKET_CALL(close)(fd);
}

// With RST.
__attribute__((noinline)) void drop_it(int fd) {
  const linger at_once{1, 0};
  SOCKET_CALL(setsockopt)(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  SOCKET_CALL(close)(fd);
}

void wait_for_word() {
  char byte = 0;
  while (::read(0, &byte, 1) == 1 && byte != '\n') {
  }
}

void run() {
  const int listener = listen_here();
  std::puts("ready");
  std::fflush(stdout);
  wait_for_word();
  int client = open_it();
  int server = take_it(listener);
  write_it(client);
  read_it(server);
  shut_it(client);
  answer_and_close(server);
  close_it(client);
  client = open_it();
  server = take_it(listener);
  drop_it(server);
  close_it(client);
  std::puts("done");
  std::fflush(stdout);
  wait_for_word();
}

}  // namespace callers

int main() {
#ifdef ON_ESTAB
  estab_stack* stack = estab_stack_open(nullptr, nullptr, std::getenv("OPTIONS"));
  if (stack == nullptr || estab_stack_start(stack) != 0) {
    std::fprintf(stderr, "callers: %s\n", estab_last_error());
    return 1;
  }
#endif
  callers::run();
}
