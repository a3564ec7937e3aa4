#include "lab/script/sockets.h"

#include <fmt/format.h>

namespace estab::lab {

Conversation& Sockets::make() {
  conversations_.push_back(std::make_unique<Conversation>());
  return *conversations_.back();
}

Conversation* Sockets::find(int script_fd) {
  for (auto it = conversations_.rbegin(); it != conversations_.rend(); ++it) {
    if ((*it)->script_fd == script_fd && !(*it)->closed && script_fd >= 0) return it->get();
  }
  return nullptr;
}

Conversation* Sockets::unaccepted(Port remote) {
  for (auto it = conversations_.rbegin(); it != conversations_.rend(); ++it) {
    const bool came_in = (*it)->stage == Conversation::Stage::kSynAckSent ||
                         (*it)->stage == Conversation::Stage::kSynAckAcked;
    if (came_in && (*it)->live_fd < 0 && (*it)->remote.port == remote) return it->get();
  }
  return nullptr;
}

int Sockets::live_fd(int script_fd) {
  if (const Conversation* conversation = find(script_fd)) return conversation->live_fd;
  if (const auto other = others_.find(script_fd); other != others_.end()) return other->second;
  throw CallFailure(fmt::format("the script has no open descriptor {}", script_fd));
}

void Sockets::add_other(int script_fd, int live_fd) {
  refuse_duplicate(script_fd);
  others_.emplace(script_fd, live_fd);
}

void Sockets::refuse_duplicate(int script_fd) {
  if (find(script_fd) == nullptr && !others_.contains(script_fd)) return;
  throw CallFailure(fmt::format("duplicate fd {} in script", script_fd));
}

void Sockets::closed(int script_fd) {
  if (Conversation* conversation = find(script_fd)) conversation->closed = true;
  others_.erase(script_fd);
}

}  // namespace estab::lab
