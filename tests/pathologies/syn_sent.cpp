// A client whose server does not answer: the firewall drops its SYNs, or no host is there. The twin:
// the first SYN is lost, the second one arrives; and a server that refuses at once.
#include <poll.h>

#include <vector>

#include "sockets.h"

namespace pathology {
namespace {

bool failed(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  SOCKET_CALL(getsockopt)(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error != 0;
}

}  // namespace

void syn_sent(const Told& told) {
  const std::string host = told.sick && told.what == "no_host" ? "10.88.0.77" : "10.88.0.1";
  hear("go");
  std::vector<int> all;
  for (int i = 0; i < 8; ++i) all.push_back(begin_connect(host, 9004));
  say("begun");
  for (;;) {
    pass_time(50);
    for (int& fd : all) {
      if (fd >= 0 && !failed(fd)) continue;
      if (fd >= 0) close_socket(fd);
      fd = begin_connect(host, 9004);  // as programs do
    }
  }
}

}  // namespace pathology
