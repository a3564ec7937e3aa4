// Closed connections whose FIN is not acknowledged. vanished: the peer is gone when we close; last_ack:
// it closed before it went; window: it does not read what was sent before our FIN. The twin of the
// last: it reads, slowly.
#include <vector>

#include "sockets.h"

namespace pathology {
namespace {

void send_what_fits(int fd) {
  set_nonblocking(fd);
  const std::string much(16384, 'w');
  for (int i = 0; i < 64; ++i) {
    if (SOCKET_CALL(send)(fd, much.data(), much.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace

void fin_unanswered(const Told& told) {
  hear("go");
  std::vector<int> all;
  for (int i = 0; i < 5; ++i) {
    const int fd = connect_to("10.88.0.1", 9006);
    if (fd < 0) break;
    all.push_back(fd);
    if (told.what == "window") send_what_fits(fd);
  }
  say("connected");
  hear("close");
  for (const int fd : all) close_socket(fd);
  say("closed");
  stay();
}

}  // namespace pathology
