// Ends that said FIN, to peers that do not. owned: by shutdown(), the descriptor kept; orphan: by
// close(). The twins: the peer is still answering; the peers close a little later.
#include <vector>

#include "sockets.h"

namespace pathology {

void fin_wait_2(const Told& told) {
  hear("go");
  std::vector<int> all;
  const int count = told.what == "orphan" ? 30 : 6;
  for (int i = 0; i < count; ++i) {
    const int fd = connect_to("10.88.0.1", 9005);
    if (fd < 0) break;
    send_text(fd, "the question\n");
    if (told.what == "orphan") {
      close_socket(fd);
      continue;
    }
    SOCKET_CALL(shutdown)(fd, SHUT_WR);
    all.push_back(fd);
  }
  say("begun");
  for (;;) {
    for (const int fd : all) ended_or_broken(fd);
    if (told.what == "orphan" && !told.sick) {  // on and on: there are always some
      const int fd = connect_to("10.88.0.1", 9005);
      if (fd >= 0) close_socket(fd);
    }
    pass_time(50);
  }
}

}  // namespace pathology
