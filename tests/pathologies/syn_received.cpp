// Three ways to a pile of half-open connections or to one that looks so. flood and lossy are the
// peers' doing: the server is the same. overflow: the server does not accept. Their twins: a burst
// of honest clients over a short queue, and a server that accepts slowly and keeps up.
#include <vector>

#include "sockets.h"

namespace pathology {

void syn_received(const Told& told) {
  const int backlog = told.what == "overflow" ? 8 : 64;
  const int listener = listen_on(9003, backlog);
  say("ready");
  if (told.sick && told.what == "overflow") stay();
  set_nonblocking(listener);
  std::vector<int> accepted;
  const bool slow = told.what == "overflow";
  for (;;) {
    for (int fd = accept_one(listener); fd >= 0; fd = slow ? -1 : accept_one(listener)) {
      accepted.push_back(fd);
    }
    std::erase_if(accepted, [](int fd) {
      if (!ended_or_broken(fd)) return false;
      close_socket(fd);
      return true;
    });
    pass_time(slow ? 10 : 2);
  }
}

}  // namespace pathology
