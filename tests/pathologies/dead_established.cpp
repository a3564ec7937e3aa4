// Connections that are established and dead. backoff: the peer vanished while data was on its way;
// window: it has not read for long; idle: nobody says anything and nobody asks whether the other is
// there. The twins: one segment was lost; it reads after a while; keep-alive asks.
#include <vector>

#include "sockets.h"

namespace pathology {

void dead_established(const Told& told) {
  const int listener = listen_on(9008, 64);
  set_nonblocking(listener);
  std::vector<int> all;
  bool talking = false;
  say("ready");
  for (;;) {
    for (int fd = accept_one(listener); fd >= 0; fd = accept_one(listener)) {
      const int on = told.what == "idle" && !told.sick ? 1 : 0;
      SOCKET_CALL(setsockopt)(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      set_nonblocking(fd);
      all.push_back(fd);
    }
    pollfd input{0, POLLIN, 0};
    if (::poll(&input, 1, 0) > 0) {
      hear("talk");
      talking = true;
      say("talking");
    }
    for (const int fd : all) {
      const std::string words(told.what == "window" ? 16384 : 100, 'd');
      if (talking) send_text(fd, words);
      ended_or_broken(fd);
    }
    ::poll(&input, 1, 50);
  }
}

}  // namespace pathology
