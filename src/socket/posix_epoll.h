// An epoll instance over estab's descriptors: level- and edge-triggered, one-shot.
//
// As in the kernel, a list of candidates is all that a change of a socket touches; epoll_wait()
// looks at the candidates alone. The engine's mutex is taken before the instance's, never after.
#pragma once
#include <sys/epoll.h>

#include <deque>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "socket/posix_table.h"
#include "socket/wait_many.h"

namespace estab::socket {

class Epoll : public Observer {
 public:
  ~Epoll() override = default;
  // epoll_ctl(2): EEXIST, ENOENT.
  Result<void> add(int fd, const FileRef& file, const epoll_event& event);
  Result<void> modify(int fd, const epoll_event& event);
  Result<void> remove(int fd);
  int wait(std::span<epoll_event> events, int timeout_ms);
  void close();  // lets go of all sockets

  void on_change(std::uint64_t key) override;
  void on_closed(std::uint64_t key) override;

 private:
  struct Item {
    FileRef file;
    epoll_event wanted{};
    std::uint64_t key = 0;  // tells registrations of one number apart
    bool candidate = false;
    bool armed = true;  // a one-shot one fires once
  };
  void push(int fd, Item& item);  // to the candidates; wakes who waits
  Engines engines() const;
  std::size_t collect(std::span<epoll_event> events);
  void count_engine(const std::shared_ptr<Engine>& engine, int by);
  bool report(int fd, std::uint64_t key, std::uint32_t bits, epoll_event& to);

  mutable std::mutex mutex_;
  std::unordered_map<int, Item> items_;
  std::unordered_map<std::uint64_t, int> by_key_;
  std::vector<std::pair<std::shared_ptr<Engine>, int>> engines_;  // with how many items of each
  std::deque<int> candidates_;
  std::vector<Waiter*> waiters_;
  std::uint64_t next_key_ = 1;
};

}  // namespace estab::socket
