// The calls of a pathology's program: Linux's sockets, or ours through the POSIX face. Each program
// is one text, compiled for both.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#ifdef ON_ESTAB
#include "estab/posix.h"
#define SOCKET_CALL(name) estab_##name
#else
#define SOCKET_CALL(name) ::name
#endif

namespace pathology {

// What the test told the program on its command line.
struct Told {
  bool sick = false;  // or its healthy twin
  std::string what;   // a variant of the pathology
};

// On any failure these end the program with a line on stderr.
int listen_on(std::uint16_t port, int backlog);
int accept_one(int listener);  // waits
// Waits for the handshake. -1 with errno where it fails.
int connect_to(const std::string& host, std::uint16_t port);
// Only begins it.
int begin_connect(const std::string& host, std::uint16_t port);
void send_text(int fd, const std::string& text);
bool ended_or_broken(int fd);  // reads all that is there; true at the end of file, or an error
void set_nonblocking(int fd);
void close_socket(int fd);

void say(const std::string& line);   // to the test
void hear(const std::string& line);  // waits for this line; the end of the input ends the program
void pass_time(int milliseconds);    // ends the program when the input ends
[[noreturn]] void stay();            // until the input ends

// The programs: tests/pathologies/NAME.cpp.
void close_wait(const Told&);
void time_wait(const Told&);
void syn_received(const Told&);
void syn_sent(const Told&);
void fin_wait_2(const Told&);
void fin_unanswered(const Told&);
void resets(const Told&);
void dead_established(const Told&);
void exhaustion(const Told&);
void settings(const Told&);

}  // namespace pathology
