// What stands behind a public Stack: the stack itself, its devices and open sockets, and the one
// mutex at which all threads meet (driver.h). Sockets are named by handles; a call on one that is
// gone answers EBADF. The errno of every call is Linux's, which depends on the socket's phase as
// well as on the connection's state.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/slab.h"
#include "estab/socket.h"
#include "estab/stack.h"
#include "socket/call_sites.h"
#include "socket/control_server.h"
#include "socket/driver.h"
#include "socket/entry.h"
#include "socket/state_file.h"
#include "stack/stack.h"

namespace estab::socket {

class Engine : private Driven {
 public:
  static tl::expected<std::shared_ptr<Engine>, std::string> create(StackOptions options);
  ~Engine() override;
  // The public Stack goes: stops its thread, resets what is open, answers EBADF from now on.
  void shut_down();

  const StackOptions& options() const { return options_; }
  const std::vector<std::string>& notes() const { return notes_; }
  Result<InterfaceNumber> attach(std::unique_ptr<Device> device, const InterfaceOptions& options);
  Result<void> detach(InterfaceNumber interface);

  // The mutex; everything of driver() wants it.
  Lock lock() const { return Lock(mutex_); }
  Driver& driver() { return *driver_; }
  const Driver& driver() const { return *driver_; }

  // --- opening and closing (lifecycle.cpp, connect.cpp)
  // -------------------------------------------
  Result<SocketId> open(Family family);  // EMFILE
  Result<void> bind(SocketId id, const Endpoint& local);
  Result<void> listen(SocketId id, int backlog);
  Result<SocketId> accept(SocketId id, bool dont_wait);
  // `deadline`: nothing: as the socket's own options say (EINPROGRESS when it has passed).
  Result<void> connect(SocketId id, const Endpoint& remote, std::optional<Deadline> deadline);
  Result<void> disconnect(SocketId id);  // connect() to AF_UNSPEC
  Result<void> shutdown(SocketId id, std::uint8_t how);
  Result<void> abort(SocketId id);
  Result<void> close(SocketId id);

  // --- moving bytes (transfer.cpp): ReceiveFlags of socket.h
  // ----------------------------------------
  Result<std::size_t> send(SocketId id, Bytes bytes, unsigned flags);
  Result<std::size_t> receive(SocketId id, MutableBytes to, unsigned flags);

  // --- options (options.cpp)
  // ----------------------------------------------------------------------
  Result<SocketOptions> get_options(SocketId id) const;
  Result<void> change_options(SocketId id, const std::function<void(SocketOptions&)>& change);
  Result<void> set_nonblocking(SocketId id, bool on);
  void push_out(SocketId id);  // what Nagle or a cork holds back
  Result<int> take_error(SocketId id);
  Result<void> on_ready(SocketId id, Readiness mask, ReadyCall call);

  // --- looking (look.cpp)
  // ---------------------------------------------------------------------------
  struct Look {  // what getsockopt and its kind show of one socket
    Family family = Family::v6;
    Phase phase = Phase::Unconnected;
    bool listening = false;
    bool nonblocking = false;
    State state = State::Closed;  // TIME-WAIT shows as Closed, as Linux's own socket does
    Readiness readiness = 0;
    Endpoint local, remote;
    std::size_t readable = 0, unacked = 0, unsent = 0;
    std::size_t queued_cost = 0, send_buffer = 0;  // in SO_SNDBUF's measure; 0: no connection
    bool at_mark = false;
  };
  Result<Look> look(SocketId id) const;
  Result<ConnectionInfo> info(SocketId id) const;
  Readiness readiness(SocketId id) const;  // 0 when it is gone
  std::size_t descriptors() const;
  // The calls recorded of the connection `from` and those after it; wants the mutex held.
  stack::control::CallSites recorded_calls(std::uint64_t from = 0, std::uint32_t limit = 0) const;
  // Stack::visit() of the floor below.
  std::uint64_t visit(std::uint64_t cursor, std::size_t limit,
                      const std::function<void(const ConnectionInfo&)>& see) const;
  // Calls `see` with the stack, under the mutex. EBADF: shut down.
  template <class F>
  auto with_stack(F&& see) const -> Result<decltype(see(std::declval<stack::Stack&>()))> {
    const Lock held(mutex_);
    if (!stack_) return fail(EBADF);
    return see(*stack_);
  }

  // --- waiting for many (posix_poll.cpp, posix_epoll.cpp): all want the mutex held
  // -------------------
  bool alive(const Lock&, SocketId id) const { return find(id) != nullptr; }
  Readiness readiness(const Lock&, SocketId id) const;
  void add_waiter(const Lock&, SocketId id, Waiter& waiter);
  void remove_waiter(const Lock&, SocketId id, Waiter& waiter);
  Result<void> observe(const Lock&, SocketId id, Observer* observer, std::uint64_t key);
  void unobserve(const Lock&, SocketId id, Observer* observer, std::uint64_t key);

 private:
  Engine() = default;
  std::optional<std::string> assemble(StackOptions options);
  void listen_to_tools();

  // Driven
  std::optional<Instant> step(Instant now) override;
  Call next_call() override;
  bool has_calls() const override { return !calls_.empty(); }

  Entry* find(SocketId id) { return entries_.get(id); }
  const Entry* find(SocketId id) const { return entries_.get(id); }
  // Something about the socket changed: wakes who waits for it, queues its callback.
  void changed(SocketId id, Entry& entry);
  Instant now() const { return driver_->now(); }
  void flush(Lock& lock) { driver_->flush(lock); }

  // lifecycle.cpp
  SocketId adopt(Entry entry);
  Result<void> bind_entry(Entry& entry, const Endpoint& local);
  Result<void> bind_any(Entry& entry);
  void map_connection(SocketId id, Entry& entry, stack::ConnectionId connection);
  void drop_connection(Entry& entry, bool reset);
  void drop_listener(Entry& entry);
  void drop_binding(Entry& entry);
  void drop_all(Entry& entry, bool reset);
  void wait_lingering(Lock& lock, SocketId id);

  // connect.cpp
  Result<void> begin_connect(SocketId id, Entry& entry, const Endpoint& remote);
  Result<void> connect_outcome(Entry& entry);
  void forget_connection(Entry& entry);
  Result<void> disconnect_entry(Entry& entry);

  // transfer.cpp
  Result<std::size_t> send_once(Entry& entry, Bytes bytes, unsigned flags);
  Result<std::size_t> receive_once(Entry& entry, MutableBytes to, bool peek, bool& at_mark);
  Result<std::size_t> receive_urgent(Entry& entry, MutableBytes to, unsigned flags);
  Result<std::size_t> receive_stream(Lock& lock, SocketId id, MutableBytes to, unsigned flags);

  // options.cpp
  Result<void> apply_options(Entry& entry);

  // call_sites.cpp. `call` is made by the application: its stack is recorded where the knob says so.
  void note_call(const Entry& entry, AppCall call) {
    if (stack_->tuning().record_call_sites != 0 || call_sites_) record_call(entry, call);
  }
  void record_call(const Entry& entry, AppCall call);

  // look.cpp
  State state_of(const Entry& entry) const;
  Readiness readiness_of(const Entry& entry) const;

  // When a call with this timeout (0: none) gives up.
  Deadline deadline_after(Duration timeout) const {
    return timeout <= Duration::zero() ? kNever : driver_->clock() + timeout;
  }
  // Attempts until it is not EAGAIN, until the deadline has come (EAGAIN), or the socket is gone.
  template <class T, class Attempt>
  Result<T> repeat(Lock& lock, SocketId id, Deadline deadline, Attempt&& attempt);

  StackOptions options_;
  std::vector<std::string> notes_;

  mutable std::mutex mutex_;
  StateFile state_file_;
  std::vector<std::pair<ip::InterfaceId, std::unique_ptr<Device>>> devices_;
  std::unique_ptr<stack::Stack> stack_;  // goes before its devices and its memory
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<ControlServer> control_;  // none: tools can't ask
  Slab<Entry, SocketTag> entries_;
  std::unique_ptr<CallSiteTable> call_sites_;  // none while the knob is off
  std::unordered_map<std::uint64_t, SocketId> by_connection_;
  std::unordered_map<std::uint64_t, SocketId> by_listener_;
  std::vector<SocketId> lingering_;  // in close(): to be looked at after each step
  std::deque<SocketId> calls_;       // sockets whose callback is due
  bool shut_down_ = false;
};

inline constexpr Deadline kAtOnce{};

template <class T, class Attempt>
Result<T> Engine::repeat(Lock& lock, SocketId id, Deadline deadline, Attempt&& attempt) {
  for (;;) {
    Entry* entry = find(id);
    if (entry == nullptr) return fail(EBADF);
    Result<T> result = attempt(*entry);
    if (result || result.error().value() != EAGAIN || deadline == kAtOnce) return result;
    Waiter waiter;
    entry->waiters.push_back(&waiter);
    const bool woken = driver_->wait(lock, waiter, deadline);
    remove_waiter(lock, id, waiter);
    if (!woken) return fail(EAGAIN);
  }
}

}  // namespace estab::socket
