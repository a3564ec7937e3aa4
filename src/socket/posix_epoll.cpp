#include "socket/posix_epoll.h"

#include <algorithm>
#include <utility>

#include "estab/posix.h"

namespace estab::socket {

// --- candidates
// ---------------------------------------------------------------------------------------

void Epoll::push(int fd, Item& item) {
  if (!item.candidate) {
    item.candidate = true;
    candidates_.push_back(fd);
  }
  for (Waiter* waiter : waiters_) waiter->wake();
}

void Epoll::count_engine(const std::shared_ptr<Engine>& engine, int by) {
  auto found = std::find_if(engines_.begin(), engines_.end(),
                            [&](const auto& e) { return e.first == engine; });
  if (found == engines_.end()) found = engines_.insert(found, {engine, 0});
  found->second += by;
  if (found->second == 0) engines_.erase(found);
}

void Epoll::on_change(std::uint64_t key) {
  const std::lock_guard held(mutex_);
  const auto fd = by_key_.find(key);
  if (fd != by_key_.end()) push(fd->second, items_.at(fd->second));
}

void Epoll::on_closed(std::uint64_t key) {
  const std::lock_guard held(mutex_);
  const auto fd = by_key_.find(key);
  if (fd == by_key_.end()) return;
  count_engine(items_.at(fd->second).file->engine, -1);
  items_.erase(fd->second);
  by_key_.erase(fd);
}

// --- epoll_ctl
// ----------------------------------------------------------------------------------------

Result<void> Epoll::add(int fd, const FileRef& file, const epoll_event& event) {
  std::uint64_t key = 0;
  {
    const std::lock_guard held(mutex_);
    if (items_.count(fd) != 0) return fail(EEXIST);
    key = next_key_++;
    Item item;
    item.file = file;
    item.wanted = event;
    item.key = key;
    count_engine(file->engine, 1);
    items_.emplace(fd, std::move(item));
    by_key_.emplace(key, fd);
  }
  const Lock engine = file->engine->lock();
  if (auto seen = file->engine->observe(engine, file->id, this, key); !seen) {
    on_closed(key);
    return seen;
  }
  on_change(key);
  return {};
}

Result<void> Epoll::modify(int fd, const epoll_event& event) {
  const std::lock_guard held(mutex_);
  const auto item = items_.find(fd);
  if (item == items_.end()) return fail(ENOENT);
  item->second.wanted = event;
  item->second.armed = true;
  push(fd, item->second);
  return {};
}

Result<void> Epoll::remove(int fd) {
  Item gone;
  {
    const std::lock_guard held(mutex_);
    const auto item = items_.find(fd);
    if (item == items_.end()) return fail(ENOENT);
    gone = std::move(item->second);
    by_key_.erase(gone.key);
    items_.erase(item);
    count_engine(gone.file->engine, -1);
  }
  const Lock engine = gone.file->engine->lock();
  gone.file->engine->unobserve(engine, gone.file->id, this, gone.key);
  return {};
}

void Epoll::close() {
  std::vector<int> all;
  {
    const std::lock_guard held(mutex_);
    for (const auto& [fd, item] : items_) all.push_back(fd);
  }
  for (const int fd : all) (void)remove(fd);
}

// --- epoll_wait
// ---------------------------------------------------------------------------------------

// False: the item is gone or has nothing to tell.
bool Epoll::report(int fd, std::uint64_t key, std::uint32_t bits, epoll_event& to) {
  const std::lock_guard held(mutex_);
  const auto found = items_.find(fd);
  if (found == items_.end() || found->second.key != key || !found->second.armed) return false;
  Item& item = found->second;
  bits &= item.wanted.events | EPOLLERR | EPOLLHUP;
  if (bits == 0) return false;
  to.events = bits;
  to.data = item.wanted.data;
  if ((item.wanted.events & EPOLLONESHOT) != 0) {
    item.armed = false;
  } else if ((item.wanted.events & EPOLLET) == 0 && !item.candidate) {
    item.candidate = true;  // level-triggered: it is looked at again next time
    candidates_.push_back(fd);
  }
  return true;
}

std::size_t Epoll::collect(std::span<epoll_event> events) {
  std::size_t count = 0;
  std::size_t left = 0;
  {
    const std::lock_guard held(mutex_);
    left = candidates_.size();  // those that report() appends are for the next call
  }
  for (; left > 0 && count < events.size(); --left) {
    int fd = -1;
    std::uint64_t key = 0;
    FileRef file;
    {
      const std::lock_guard held(mutex_);
      if (candidates_.empty()) break;
      fd = candidates_.front();
      candidates_.pop_front();
      const auto item = items_.find(fd);
      if (item == items_.end()) continue;
      item->second.candidate = false;
      key = item->second.key;
      file = item->second.file;
    }
    const std::uint32_t bits = poll_bits(file->engine->readiness(file->id));
    if (report(fd, key, bits, events[count])) ++count;
  }
  return count;
}

Engines Epoll::engines() const {
  Engines engines;
  {
    const std::lock_guard held(mutex_);
    for (const auto& [engine, count] : engines_) engines.push_back(engine);
  }
  wait_somewhere(engines);
  return engines;
}

int Epoll::wait(std::span<epoll_event> events, int timeout_ms) {
  const Deadline deadline = deadline_of(engines(), timeout_ms);
  for (;;) {
    const Engines engines = this->engines();
    Waiter waiter(waiter_descriptor(engines));
    {
      const std::lock_guard held(mutex_);
      waiters_.push_back(&waiter);
    }
    const std::size_t count = collect(events);
    const bool over = deadline != kNever && clock_of(engines) >= deadline;
    if (count == 0 && !over) wait_many(engines, waiter, deadline);
    {
      const std::lock_guard held(mutex_);
      std::erase(waiters_, &waiter);
    }
    if (count > 0 || over) return static_cast<int>(count);
  }
}

}  // namespace estab::socket

using namespace estab::socket;

namespace {

FileRef find_epoll(int fd) {  // or errno
  FileRef file = DescriptorTable::instance().find(fd);
  if (file == nullptr) {
    errno = EBADF;
  } else if (!file->epoll) {
    errno = EINVAL;
    file = nullptr;
  }
  return file;
}

}  // namespace

extern "C" {

int estab_epoll_create1(int flags) {
  if ((flags & ~EPOLL_CLOEXEC) != 0) return refuse(EINVAL);
  File file;
  file.epoll = std::make_shared<Epoll>();
  const auto fd = DescriptorTable::instance().insert(std::move(file));
  return fd ? *fd : answer(fd);
}

int estab_epoll_ctl(int epoll_fd, int operation, int fd, epoll_event* event) {
  if (operation != EPOLL_CTL_DEL && event == nullptr) return refuse(EFAULT);
  const FileRef target = DescriptorTable::instance().find(fd);
  if (DescriptorTable::instance().find(epoll_fd) == nullptr || target == nullptr) {
    return refuse(EBADF);
  }
  const FileRef epoll = find_epoll(epoll_fd);
  if (epoll == nullptr) return -1;
  if (target->epoll) return refuse(EINVAL);  // no epoll within epoll
  switch (operation) {
    case EPOLL_CTL_ADD:
      return answer(epoll->epoll->add(fd, target, *event));
    case EPOLL_CTL_MOD:
      return answer(epoll->epoll->modify(fd, *event));
    case EPOLL_CTL_DEL:
      return answer(epoll->epoll->remove(fd));
    default:
      return refuse(EINVAL);
  }
}

int estab_epoll_wait(int epoll_fd, epoll_event* events, int capacity, int timeout_ms) {
  constexpr int kMost = 1 << 24;
  if (capacity <= 0 || capacity > kMost) return refuse(EINVAL);
  if (events == nullptr) return refuse(EFAULT);
  const FileRef epoll = find_epoll(epoll_fd);
  if (epoll == nullptr) return -1;
  return epoll->epoll->wait({events, static_cast<std::size_t>(capacity)}, timeout_ms);
}

}  // extern "C"
