// A TCP/IP stack of one's own, in one's own process.
//
//   auto stack = estab::Stack::open();
//   auto tun = estab::dev::open_device("tun:estab0");
//   stack->attach(std::move(*tun), {{*estab::Prefix::parse("10.0.0.2/24")}, {}});
//   stack->start();                                    // a thread of its own; or one of the below
//   auto socket = estab::Socket::connect(*stack, *estab::Endpoint::parse("10.0.0.1:80"));
//
// Somebody must drive a stack. There are four ways:
//
//   start()                a thread of the stack's own, until stop()
//   run()                  the calling thread, until stop()
//   poll(), poll_fd()      somebody else's loop: call poll() when poll_fd() is readable or when the
//                          returned instant has come
//   nobody                 then a blocking socket call drives the stack while it waits, and any
//                          other call sends what it caused before it returns
//                          (between calls nothing moves: no retransmission, no answer to a peer)
//
// Thread rules: every function of a Stack, Socket, Listener and ConnectionPool may be called from
// any thread; one mutex per stack is where they meet. Callbacks (on_ready(), watch(), post(),
// call_at()) run in the thread that drives the stack, one at a time, with no lock held and the
// stack in a consistent state; they may call anything, also close and destroy the very object whose
// callback they are. A Socket object itself (as opposed to the connection behind it) is like any
// value: do not move or destroy it in one thread while another uses it; to end another thread's
// blocking call, call shutdown() or abort() on it.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "estab/address.h"
#include "estab/counters.h"
#include "estab/device.h"
#include "estab/error.h"
#include "estab/event.h"
#include "estab/info.h"
#include "estab/time.h"
#include "estab/tuning.h"

namespace estab {

namespace socket {
class Engine;  // src/socket/engine.h
}

struct StackOptions {
  Tuning tuning{};                      // max_descriptors is here as well
  std::optional<std::uint64_t> seed{};  // everything random from this, keys too: for tests alone
  std::string state_file{};             // outlives the process: TIME-WAIT, ISN key; empty: none
  std::string name{};                   // for tools; empty: "estab-PID"
  std::string
      runtime_directory{};  // where tools look for stacks; empty: default_runtime_directory()
  std::size_t event_capacity = 4096;  // lifecycle events kept for readers
  std::function<Instant()> clock{};   // what calls take for now; empty: CLOCK_MONOTONIC
};

// $XDG_RUNTIME_DIR/estab, or /run/estab for root, or /tmp/estab-UID.
std::string default_runtime_directory();

// What an interface is given when its device is attached.
struct InterfaceOptions {
  std::vector<Prefix> addresses{};  // host bits kept: {10.0.0.2, 24}
  struct Route {
    Prefix destination;
    std::optional<IpAddress> gateway;
  };
  std::vector<Route> routes{};  // those to the addresses' own networks come by themselves
};
using InterfaceNumber = std::uint32_t;

// Gauges: what is there now.
struct StackTotals {
  std::array<std::uint64_t, kStates> by_state{};
  std::uint64_t orphans = 0, listeners = 0, syn_records = 0, time_wait_records = 0;
  std::uint64_t connections = 0, payload_bytes = 0, table_bytes = 0;
  std::uint64_t descriptors = 0;  // open sockets and listeners
};

struct EventBatch {
  std::vector<LifecycleEvent> events;  // oldest first
  std::uint64_t next = 0;              // where to go on
  std::uint64_t lost = 0;              // overwritten before they were read
};

class Stack {
 public:
  // The error is one line for a user's eyes: which state file could not be used and why, or that
  // descriptors ran out. A foreign or torn state file is no error: see notes().
  static tl::expected<Stack, std::string> open(StackOptions options = {});
  // Stops its thread. Sockets that still live answer EBADF from now on.
  ~Stack();
  Stack(Stack&&) noexcept;
  Stack& operator=(Stack&&) noexcept;

  // One line each: a state file that was refused, knobs that are dangerous together.
  const std::vector<std::string>& notes() const;
  const std::string& name() const;
  const std::string& runtime_directory() const;

  // --- interfaces -------------------------------------------------------------------------------
  // The stack owns the device from now on. EINVAL: an address or route that cannot be.
  Result<InterfaceNumber> attach(std::unique_ptr<Device> device, const InterfaceOptions& options);
  Result<void> detach(InterfaceNumber interface);  // ENODEV

  // --- driving ----------------------------------------------------------------------------------
  // One step: takes what the devices have, runs what is due, sends, calls callbacks. Returns when
  // to come back at the latest; nothing: when poll_fd() is readable.
  std::optional<Instant> poll();             // at the stack's clock
  std::optional<Instant> poll(Instant now);  // at this time, never before an earlier one
  // Readable when poll() has work, its deadlines included. The stack's own; do not close it.
  int poll_fd();
  Result<void> start();  // EBUSY: already running; EAGAIN: no thread to be had
  void run();            // returns at once when already running
  // Ends run() or the thread of start(). From any thread or signal handler: it does not wait.
  void stop();
  void
  join();  // after stop(): until the thread of start() has ended, and no callback runs any more
  Instant now() const;  // the stack's clock

  // --- guests of the stack's loop ---------------------------------------------------------------
  void post(std::function<void()> call);  // run it soon in the thread that drives
  // Calls back with epoll's bits while the descriptor has any of `events`. The descriptor stays the
  // caller's, who unwatches it before closing it.
  void watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> callback);
  void unwatch(int fd);
  using TimerNumber = std::uint64_t;  // never 0
  TimerNumber call_at(Instant when, std::function<void()> call);
  void cancel(TimerNumber timer);

  // --- looking ----------------------------------------------------------------------------------
  // Every connection, listener and record: at most `limit` from `cursor` on (0 to begin); returns
  // the next cursor, 0 at the end. The stack stands still meanwhile; `see` must not call it.
  std::uint64_t visit(std::uint64_t cursor, std::size_t limit,
                      const std::function<void(const ConnectionInfo&)>& see) const;
  std::vector<ConnectionInfo> connections() const;  // all of them
  StackTotals totals() const;
  Counters counters() const;
  Tuning tuning() const;
  // Takes effect on the running stack. The error names what was expected.
  tl::expected<void, std::string> set_tuning(std::string_view name, std::string_view value);
  EventBatch events_since(std::uint64_t since, std::size_t limit = 1024) const;
  // Why the last connect() failed with EADDRNOTAVAIL, in words; empty when none did.
  std::string port_shortage() const;

  const std::shared_ptr<socket::Engine>& engine() const { return engine_; }  // for the library

 private:
  explicit Stack(std::shared_ptr<socket::Engine> engine);
  std::shared_ptr<socket::Engine> engine_;
};

}  // namespace estab
