// A server that forgets to close what its clients closed. Its twins: one that closes a little late,
// and one whose clients have said all they had to say and are still being answered.
#include <vector>

#include "sockets.h"

namespace pathology {
namespace {

struct Served {
  int fd;
  bool peer_ended = false;
  int steps_since = 0;
};

// One step of 50 ms. False: done with it.
bool serve(Served& one, const Told& told) {
  if (told.what == "answering") {
    send_text(one.fd, std::string(100, 'a'));
    return true;
  }
  if (!one.peer_ended && told.what != "unread") one.peer_ended = ended_or_broken(one.fd);
  if (!one.peer_ended || told.sick) return true;
  if (++one.steps_since < 6) return true;
  close_socket(one.fd);
  return false;
}

}  // namespace

void close_wait(const Told& told) {
  const int listener = listen_on(9001, 128);
  set_nonblocking(listener);
  std::vector<Served> all;
  say("ready");
  for (;;) {
    for (int fd = accept_one(listener); fd >= 0; fd = accept_one(listener)) all.push_back({fd});
    std::erase_if(all, [&](Served& one) { return !serve(one, told); });
    pass_time(50);
  }
}

}  // namespace pathology
