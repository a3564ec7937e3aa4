// estab_poll().
#include <poll.h>

#include <span>
#include <vector>

#include "estab/posix.h"
#include "socket/posix_table.h"
#include "socket/wait_many.h"

namespace estab::socket {
namespace {

class PollCall {
 public:
  explicit PollCall(std::span<pollfd> fds) : fds_(fds), files_(fds.size()) {
    for (std::size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].fd < 0) continue;
      files_[i] = DescriptorTable::instance().find(fds[i].fd);
      if (files_[i] && files_[i]->epoll) files_[i] = nullptr;  // only sockets are polled
      if (files_[i]) add_engine(engines_, files_[i]->engine);
    }
    wait_somewhere(engines_);
  }

  // How many descriptors have something to tell; their revents are set.
  int check() {
    int count = 0;
    for (std::size_t i = 0; i < fds_.size(); ++i) {
      fds_[i].revents = static_cast<short>(fds_[i].fd < 0 ? 0 : bits(i));
      if (fds_[i].revents != 0) ++count;
    }
    return count;
  }

  int wait(int timeout_ms) {
    const Deadline deadline = deadline_of(engines_, timeout_ms);
    Waiter waiter(waiter_descriptor(engines_));
    for_each_socket(
        [&](const File& f, const Lock& held) { f.engine->add_waiter(held, f.id, waiter); });
    int count = 0;
    while ((count = check()) == 0) {
      if (deadline != kNever && clock_of(engines_) >= deadline) break;
      wait_many(engines_, waiter, deadline);
      waiter.reset();
    }
    for_each_socket(
        [&](const File& f, const Lock& held) { f.engine->remove_waiter(held, f.id, waiter); });
    return count;
  }

 private:
  std::uint32_t bits(std::size_t i) const {
    const FileRef& file = files_[i];
    if (!file) return POLLNVAL;
    const Lock held = file->engine->lock();
    if (!file->engine->alive(held, file->id)) return POLLNVAL;
    const auto wanted = static_cast<std::uint32_t>(fds_[i].events) | POLLERR | POLLHUP;
    return poll_bits(file->engine->readiness(held, file->id)) & wanted & 0xffff;
  }

  template <class F>
  void for_each_socket(F&& f) {
    for (const FileRef& file : files_) {
      if (!file) continue;
      const Lock held = file->engine->lock();
      f(*file, held);
    }
  }

  std::span<pollfd> fds_;
  std::vector<FileRef> files_;
  Engines engines_;
};

}  // namespace
}  // namespace estab::socket

extern "C" int estab_poll(pollfd* fds, nfds_t count, int timeout_ms) {
  using namespace estab::socket;
  constexpr nfds_t kMost = 1 << 20;
  if (count > kMost) return refuse(EINVAL);
  if (fds == nullptr && count > 0) return refuse(EFAULT);
  PollCall call({fds, count});
  const int ready = call.check();
  if (ready != 0 || timeout_ms == 0) return ready;
  return call.wait(timeout_ms);
}
