// Descriptors, or the ports to one server, on their way to the end: steadily more. The twin goes up
// and down between the same bounds.
#include <vector>

#include "sockets.h"

namespace pathology {
namespace {

constexpr std::size_t kStep = 15;

void more(std::vector<int>& all, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const int fd = connect_to("10.88.0.1", 9009);
    if (fd >= 0) all.push_back(fd);
  }
}

void grow(std::vector<int>& all) {
  for (;;) {
    more(all, 1);
    pass_time(100);
  }
}

// The server closes first, so that no TIME-WAIT keeps a port here.
void ask_to_end(std::vector<int>& all, std::vector<int>& ending) {
  for (std::size_t i = 0; i < kStep && !all.empty(); ++i) {
    send_text(all.back(), "bye");
    ending.push_back(all.back());
    all.pop_back();
  }
}

void sway(std::vector<int>& all, std::size_t low, std::size_t high) {
  std::vector<int> ending;
  bool growing = true;
  for (;;) {
    if (growing) {
      more(all, kStep);
    } else {
      ask_to_end(all, ending);
    }
    if (all.size() >= high) growing = false;
    if (all.size() <= low) growing = true;
    pass_time(100);
    std::erase_if(ending, [](int fd) {
      if (!ended_or_broken(fd)) return false;
      close_socket(fd);
      return true;
    });
  }
}

}  // namespace

void exhaustion(const Told& told) {
  const std::size_t low = told.what == "ports" ? 300 : 60;
  std::vector<int> all;
  hear("go");
  more(all, low);
  say("standing");
  if (told.sick) grow(all);
  sway(all, low, low + 60);
}

}  // namespace pathology
