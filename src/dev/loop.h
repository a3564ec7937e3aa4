// The event loop of a process that runs a stack: epoll for descriptors, a timerfd for the stack's
// next deadline, an eventfd by which other threads end the wait.
//
//   loop->watch(device.poll_fd(), EPOLLIN, [&](std::uint32_t) { readable = true; });
//   for (;;) {
//     loop->set_deadline(stack.poll(dev::now()));
//     loop->run_once();
//   }
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "dev/clock.h"
#include "dev/file_descriptor.h"
#include "estab/error.h"
#include "estab/time.h"

namespace estab::dev {

class Loop {
 public:
  // Receives epoll's bits (EPOLLIN, EPOLLERR ...). May watch and unwatch, itself too.
  using Callback = std::function<void(std::uint32_t events)>;

  // EMFILE, ENFILE, ENOMEM.
  static Result<std::unique_ptr<Loop>> create();

  // Level-triggered. Watching a watched descriptor replaces its events and callback. The descriptor
  // stays the caller's, who unwatches it before closing it. Errors are epoll_ctl's: EPERM for a
  // regular file, which is always ready.
  Result<void> watch(int fd, std::uint32_t events, Callback callback);
  void unwatch(int fd);  // no error when it is not watched

  // When run_once() returns at the latest, until set anew; kNever for none. The past means at once.
  void set_deadline(Instant deadline) { deadline_ = deadline; }

  // Waits for a ready descriptor, the deadline, wake() or `timeout` (none: no limit) and runs the
  // callbacks of what is ready. Returns how many ran. A signal ends the wait as well.
  std::size_t run_once(std::optional<Duration> timeout = std::nullopt);

  // For a loop inside another one: readable when run_once() has something to do without waiting.
  // arm_deadline() makes that so for the deadline, too.
  int poll_fd() const { return epoll_.get(); }
  void arm_deadline() { arm(deadline_); }

  // Ends the current wait, or the next one if none is on. From any thread or signal handler.
  void wake();

 private:
  Loop() = default;
  void arm(Instant deadline);

  struct Watched {
    std::uint64_t id = 0;  // tells a descriptor's number apart from its reuse
    Callback callback;
  };
  FileDescriptor epoll_;
  FileDescriptor timer_;
  FileDescriptor wake_;
  Instant deadline_ = kNever;
  Instant armed_ = kNever;
  std::uint64_t next_id_ = 0;
  std::unordered_map<int, std::shared_ptr<Watched>> watched_;
};

}  // namespace estab::dev
