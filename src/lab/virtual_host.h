// One host in virtual time: a stack, a link whose other end is the caller's, and the POSIX calls of
// estab/posix.h, blocking ones too. Nothing moves but by the calls below, so that the same calls
// give the same packets at the same instants.
//
//   auto host = VirtualHost::create({.addresses = {*Prefix::parse("192.168.0.1/16")}});
//   auto call = (*host)->begin([] { return estab_accept(listening, nullptr, nullptr); });
//   (*host)->inject(syn);  ...  (*host)->advance_to(when);  (*host)->take();
//   if (call->finished()) use(call->result(), call->error(), call->finished_at());
//
// Thread rules: one thread is the master, the one that made the host; it alone calls the functions
// here. Calls that may block run in threads of their own (begin()), or in any other thread between
// enter() and leave(); the clock stands still while one of them can run. A call that the master
// makes itself and that blocks lets time pass until it is done; when nothing can end it any more it
// returns EAGAIN.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "estab/estab.h"
#include "estab/posix.h"
#include "lab/script_device.h"
#include "socket/driver.h"

namespace estab::lab {

struct HostOptions {
  std::vector<Prefix> addresses{};
  std::size_t mtu = 1500;
  Tuning tuning{};
  std::uint64_t seed = 1;
  Instant start = Instant(std::chrono::seconds(1));
};

class VirtualHost : private socket::Pacer {
 public:
  // A default route leads over the link. The error is one line for a user.
  static tl::expected<std::unique_ptr<VirtualHost>, std::string> create(const HostOptions& options);
  ~VirtualHost() override;  // calls that still wait end with EBADF
  VirtualHost(const VirtualHost&) = delete;
  VirtualHost& operator=(const VirtualHost&) = delete;

  Stack& stack() { return *stack_; }
  // For estab_use_stack_in_thread(); create(), begin() and enter() have called it.
  estab_stack* posix() { return posix_; }

  // --- time
  Instant now() const override { return Instant(Duration(now_.load())); }
  // The next timer's; nothing: nothing will ever happen by itself.
  std::optional<Instant> next_deadline();
  // Each timer runs at its own time. An instant that has passed changes nothing.
  void advance_to(Instant when);

  // --- packets
  void inject(Bytes packet);         // arrives now; checksums must be right
  std::optional<LeftPacket> take();  // the oldest that nobody took

  // --- calls that may block
  class Call {
   public:
    bool finished() const { return finished_; }  // otherwise it waits for a packet or a timer
    long result() const { return result_; }      // when finished: what it returned
    int error() const { return error_; }         // and errno then
    Instant finished_at() const { return finished_at_; }

   private:
    friend class VirtualHost;
    bool finished_ = false;
    long result_ = 0;
    int error_ = 0;
    Instant finished_at_{};
  };
  // Returns when the call has finished or waits. The master alone looks at it, with no lock.
  std::shared_ptr<const Call> begin(std::function<long()> call);
  // A thread that is somebody else's makes a call. leave() gives the instant at which it ended.
  void enter();
  Instant leave();

 private:
  explicit VirtualHost(Instant start);
  // Pacer
  void wait(socket::Lock& lock, socket::Waiter& waiter, socket::Deadline deadline) override;

  void pass_time(socket::Lock& lock, socket::Waiter& waiter, socket::Deadline deadline);
  // Until no thread can run: each has ended its call or waits for what has not come.
  void settle(socket::Lock& lock);
  std::size_t runnable() const;
  std::optional<Instant> step(socket::Lock& lock);  // what is due now; then the next deadline
  void advance(socket::Lock& lock, Instant when);

  const std::thread::id master_ = std::this_thread::get_id();
  std::atomic<std::int64_t> now_;  // ns; moved by the master with the engine's mutex held
  std::unique_ptr<Stack> stack_;
  estab_stack* posix_ = nullptr;
  ScriptDevice* device_ = nullptr;  // the stack's

  // All with the engine's mutex held.
  struct Waiting {
    socket::Waiter* waiter;
    socket::Deadline deadline;
  };
  std::vector<Waiting> waiting_;
  std::size_t running_ = 0;  // calls that have begun, neither ended nor among waiting_
  std::condition_variable settled_;
  std::vector<std::thread> threads_;
};

}  // namespace estab::lab
