// A server that ends its connections by RST. unread: it closes without having read; linger: it asks
// for that; refused: nobody listens where the clients call. The twin reads, closes, and resets one
// in 25.
#include <vector>

#include "sockets.h"

namespace pathology {
namespace {

void linger_none(int fd) {
  const linger now{1, 0};
  SOCKET_CALL(setsockopt)(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

void resets(const Told& told) {
  const int listener = listen_on(told.what == "refused" && told.sick ? 9017 : 9007, 128);
  set_nonblocking(listener);
  std::vector<std::pair<int, int>> all;  // with its age in steps
  int ended = 0;
  say("ready");
  for (;;) {
    for (int fd = accept_one(listener); fd >= 0; fd = accept_one(listener)) all.push_back({fd, 0});
    std::erase_if(all, [&](auto& one) {
      if (++one.second < 10) return false;
      if (!told.sick || told.what == "linger") ended_or_broken(one.first);
      if ((told.sick && told.what == "linger") || ++ended % 25 == 0) linger_none(one.first);
      close_socket(one.first);
      return true;
    });
    pass_time(50);
  }
}

}  // namespace pathology
