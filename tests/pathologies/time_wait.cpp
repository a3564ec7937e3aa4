// A client that opens a connection for each request and closes first: its ports to one server end up
// in TIME-WAIT. The twin makes as many, over six servers.
#include "sockets.h"

namespace pathology {

void time_wait(const Told& told) {
  hear("go");
  int made = 0;
  for (int i = 0; i < 968; ++i) {
    const std::string host = told.sick ? "10.88.0.1" : "10.88.0.1" + std::to_string(1 + i % 6);
    const int fd = connect_to(host, 9002);
    if (fd < 0) break;
    close_socket(fd);
    ++made;
  }
  say("made " + std::to_string(made));
  stay();
}

}  // namespace pathology
