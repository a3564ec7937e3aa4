// A server with a backlog of 1024: the settings around it are the test's.
#include <vector>

#include "sockets.h"

namespace pathology {

void settings(const Told&) {
  const int listener = listen_on(9010, 1024);
  (void)listener;
  say("ready");
  stay();
}

}  // namespace pathology
