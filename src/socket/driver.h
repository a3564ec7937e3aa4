// Who drives a stack, and how others wait meanwhile. At any time at most one thread is the driver:
// it alone waits in the event loop and runs callbacks, both without the mutex. All other threads
// that wait for something do so on their Waiter, and take the role when it becomes free.
//
// A step needs the mutex alone, not the role: a thread that made a call takes one itself (flush()),
// so that what the call caused is sent before it returns; the driver, whose callbacks make many
// calls, takes one for all of them.
//
// Every function wants the mutex held but for those that say otherwise.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "dev/loop.h"
#include "estab/time.h"
#include "socket/waiter.h"

namespace estab::socket {

using Lock = std::unique_lock<std::mutex>;
// When a blocking call gives up, at Driver::clock(); kNever: it does not.
using Deadline = Instant;
using Call = std::function<void()>;

// What is driven.
class Driven {
 public:
  virtual ~Driven() = default;
  // One step; when the next one is due, as Stack::poll() says it.
  virtual std::optional<Instant> step(Instant now) = 0;
  // The next callback that a step made due; empty: none. It is called without the mutex.
  virtual Call next_call() = 0;
  virtual bool has_calls() const = 0;
};

// Lets threads wait in a time that is not the system's (src/lab/virtual_host.h).
class Pacer {
 public:
  virtual ~Pacer() = default;
  virtual Instant now() const = 0;
  // Until the waiter is woken, the deadline has come, or nothing can ever happen any more.
  virtual void wait(Lock& lock, Waiter& waiter, Deadline deadline) = 0;
};

class Driver {
 public:
  using Watcher = std::function<void(std::uint32_t events)>;

  // EMFILE, ENOMEM. `clock` is what steps get for now.
  static Result<std::unique_ptr<Driver>> create(std::mutex& mutex, Driven& driven,
                                                std::function<Instant()> clock);
  ~Driver();  // not while a thread is inside; stop() and join first

  // --- the four ways
  // ------------------------------------------------------------------------------
  std::optional<Instant> poll(Lock& lock, Instant now);
  int poll_fd(Lock& lock);
  // EBUSY, EAGAIN. The thread holds on to `owner`, which outlives the driver.
  Result<void> start(Lock& lock, std::shared_ptr<void> owner);
  void run(Lock& lock);
  void stop();            // from anywhere, the mutex need not be held
  void join(Lock& lock);  // the thread of start(), unless it is the caller
  // After a call that changed something: sends what it caused, now or at the driver's next step.
  void flush(Lock& lock);
  Instant now() const;  // never goes back
  // Blocking calls count their time by the pacer, who outlives the driver, instead of dev::now().
  void set_pacer(Pacer* pacer) { pacer_ = pacer; }
  Instant clock() const;  // what the deadlines of blocking calls mean

  // --- waiting
  // -------------------------------------------------------------------------------------- Until
  // the waiter is woken (true) or the deadline has come. Drives if nobody else does.
  bool wait(Lock& lock, Waiter& waiter, Deadline deadline);
  // For a thread that waits for several stacks. enter() lets it be nudged when the role is free;
  // drive_briefly() takes one turn without waiting, and says how long the thread may wait in
  // poll_fd(); nothing when somebody else drives.
  void enter(Waiter& waiter) { members_.push_back(&waiter); }
  void leave(Waiter& waiter);
  std::optional<Duration> drive_briefly(Lock& lock);

  // --- guests
  // ---------------------------------------------------------------------------------------
  void post(Call call);
  void watch(int fd, std::uint32_t events, Watcher watcher);  // empty: unwatch
  void watch_device(int fd);  // ends the wait, calls nobody: a step looks at all devices
  // A device whose frames only receive() can see: looked at every millisecond.
  void look_often() { look_often_ = true; }
  std::uint64_t call_at(Instant when, Call call);
  void cancel(std::uint64_t timer);

 private:
  Driver(std::mutex& mutex, Driven& driven, std::function<Instant()> clock)
      : mutex_(mutex), driven_(driven), clock_(std::move(clock)) {}
  bool driving() const { return driver_ == std::this_thread::get_id(); }
  bool may_drive() const { return driver_ == std::thread::id{} || driving(); }
  class Role;  // holds the role for a scope

  void run_loop(Lock& lock);
  void step(Instant at);
  void turn(Lock& lock, Deadline until);  // waits in the loop, steps, runs callbacks
  void look_around(Lock& lock, Deadline until);
  void run_guests(Lock& lock);
  void run_timers(Lock& lock);
  void run_calls(Lock& lock);
  void call_without_lock(Lock& lock, const Call& call);
  void take_commands();
  bool work_waits() const;
  Instant next_event() const;  // of the stack's deadline and the timers
  void rouse(Instant by);      // whoever waits in the loop must look before `by`

  std::mutex& mutex_;
  Driven& driven_;
  std::function<Instant()> clock_;  // empty: dev::now()
  Pacer* pacer_ = nullptr;
  std::unique_ptr<dev::Loop> loop_;

  std::thread::id driver_;    // none: nobody drives
  bool loop_thread_ = false;  // the driver is in run(), which gives up the role at its end only
  bool loop_wanted_ = false;  // run() waits for the role
  bool dirty_ = false;        // a call was made since the last step
  bool embedded_ = false;     // somebody waits in poll_fd()
  bool look_often_ = false;
  Instant sleeps_until_ =
      Instant::min();  // when the driver's wait ends by itself; min: it is awake
  Instant last_now_ = Instant::min();
  std::optional<Instant> next_step_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
  std::vector<Waiter*> members_;  // all threads that wait

  struct Command {
    int fd = -1;
    std::uint32_t events = 0;
    std::shared_ptr<Watcher> watcher;
  };
  std::vector<Command> commands_;  // what the loop shall watch: the driver's to do
  std::unordered_map<int, std::shared_ptr<Watcher>> watchers_;
  struct Ready {
    int fd;
    std::uint32_t events;
  };
  std::vector<Ready> ready_;  // touched by the driver alone, in the loop without the mutex
  std::deque<Call> posted_;
  std::map<std::pair<Instant, std::uint64_t>, Call> timers_;
  std::unordered_map<std::uint64_t, Instant> timer_times_;
  std::uint64_t next_timer_ = 1;
};

}  // namespace estab::socket
