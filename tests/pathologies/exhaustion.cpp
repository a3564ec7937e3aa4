// Descriptors, or the ports to one server, on their way to the end: steadily more. The twin goes up
// and down between the same bounds.
#include <vector>

#include "sockets.h"

namespace pathology {

void exhaustion(const Told& told) {
  std::vector<int> all;
  hear("go");
  bool growing = true;
  for (int step = 0;; ++step) {
    if (told.sick || growing) {
      for (int i = 0; i < (told.sick ? 1 : 15); ++i) {
        const int fd = connect_to("10.88.0.1", 9009);
        if (fd >= 0) all.push_back(fd);
      }
    } else {
      for (int i = 0; i < 15 && !all.empty(); ++i) {
        const linger now{1, 0};  // no TIME-WAIT: its port is free again
        SOCKET_CALL(setsockopt)(all.back(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close_socket(all.back());
        all.pop_back();
      }
    }
    if (all.size() >= 120) growing = false;
    if (all.size() <= 60) growing = true;
    if (step == 60 && told.sick) say("standing");
    if (all.size() >= 60 && !told.sick && step == 20) say("standing");
    pass_time(told.sick ? (step < 60 ? 1 : 100) : 100);
  }
}

}  // namespace pathology
