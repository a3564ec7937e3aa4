// One thread's worth of TCP/IP: devices below, sockets above, everything between. Single-threaded,
// no locks, no clock: the driver calls poll(now) when a device is readable, a deadline has come or
// a call has been made, and asks when to come back.
//
//   Stack stack(config);
//   stack.attach(device, {...});
//   for (;;) { wait until readable or deadline; deadline = stack.poll(now); use stack.notices(); }
//
// Handles, never pointers, cross this face: a handle whose object is gone is answered EBADF.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/slab.h"
#include "estab/device.h"
#include "estab/error.h"
#include "estab/event.h"
#include "ip/ip_layer.h"
#include "tcp/connection.h"

namespace estab::stack {

struct BindingTag;
struct ListenerTag;
struct ConnectionTag;
using BindingId = Handle<BindingTag>;  // a local address and port that a socket holds
using ListenerId = Handle<ListenerTag>;
using ConnectionId = Handle<ConnectionTag>;

struct Config {
  Tuning tuning;
  std::uint64_t seed = 0;  // jitter, ports
  SipKey secret;           // ISNs, hash tables; from the system's entropy
  // Outlives the process: TIME-WAIT records, ISN secret and clock (memory.h). May be empty. Stays
  // valid as long as the stack.
  std::span<std::uint8_t> memory;
  std::int64_t wall_clock_ns = 0;     // ns since 1970 at the first `now` given; for `memory` alone
  std::size_t event_capacity = 4096;  // lifecycle events kept for readers
};

struct InterfaceConfig {
  std::vector<Prefix> addresses;
  struct Route {
    Prefix destination;
    std::optional<IpAddress> gateway;
  };
  std::vector<Route> routes;
};

struct BindOptions {
  bool reuse_address = false;  // SO_REUSEADDR
  bool reuse_port = false;     // SO_REUSEPORT
  bool v6_only = false;        // IPV6_V6ONLY: :: does not mean 0.0.0.0 too
  bool free_bind = false;      // IP_FREEBIND: an address that is not ours, or not yet
  std::uint64_t owner = 0;     // user's mark (uid): REUSEPORT groups are of one owner
};

struct ListenOptions {
  int backlog = 128;
  Duration defer_accept{0};  // TCP_DEFER_ACCEPT
};

// Something changed that a socket may wait for. Polled, never called back.
struct Notice {
  enum class Kind : std::uint8_t { Listener, Connection } kind = Kind::Connection;
  ListenerId listener;
  ConnectionId connection;
  tcp::Readiness readiness = 0;  // as it is now
};

struct Accepted {
  ConnectionId connection;
  FourTuple tuple;
};

// Bytes of Config::memory for this many TIME-WAIT records.
std::size_t memory_size(std::size_t records);

// Why connect() found no port: the text that EADDRNOTAVAIL cannot carry.
struct PortShortage {
  Endpoint remote;
  std::uint32_t range = 0;         // ports in ip_local_port_range
  std::uint32_t in_time_wait = 0;  // of them held by TIME-WAIT to this destination
  std::uint32_t in_use = 0;        // by live connections
  std::string to_string() const;
};

class Stack {
 public:
  explicit Stack(Config config);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // --- assembly: the device must outlive the stack or be detached ---
  ip::InterfaceId attach(Device& device, const InterfaceConfig& config);
  void detach(ip::InterfaceId id, Instant now);
  ip::IpLayer& ip();
  // One line when Config::memory was refused or damaged, else empty.
  const std::string& memory_note() const;

  // --- one step ---
  // Takes what the devices have (a bounded batch each), runs timers, sends what is due. Returns when
  // to come back at the latest; at once (`now`) when a device had more.
  std::optional<Instant> poll(Instant now);
  std::vector<Notice> take_notices();

  // --- ports and listeners ---
  // port 0 chooses one. EADDRINUSE, EADDRNOTAVAIL (not our address), EINVAL.
  Result<BindingId> bind(const Endpoint& local, const BindOptions& options);
  void unbind(BindingId id);
  std::optional<Endpoint> bound_to(BindingId id) const;
  Result<ListenerId> listen(BindingId id, const ListenOptions& options,
                            const tcp::Settings& settings, Instant now);
  Result<void> set_backlog(ListenerId id, int backlog);  // listen() again
  void set_listener_settings(ListenerId id, const tcp::Settings& settings,
                             const ListenOptions& options);
  // EAGAIN: nobody waits; EINVAL: it has been closed.
  Result<Accepted> accept(ListenerId id, Instant now);
  void close(ListenerId id, Instant now);  // L7: RST to each queued child

  // --- connections ---
  // Returns at once; kConnected or kError comes as a notice. Errors are Linux's: EADDRNOTAVAIL (no
  // port left, or the very tuple lives: port_shortage()), ENETUNREACH (no route; broadcast or
  // multicast: MUST-46), EAFNOSUPPORT (the binding is of the other family), EISCONN (it listens),
  // EINVAL (port 0), ENOBUFS (tcp_mem, max_connections). 0.0.0.0 and :: mean this host.
  Result<ConnectionId> connect(std::optional<BindingId> binding, const Endpoint& remote,
                               const tcp::Settings& settings, Instant now);
  const std::optional<PortShortage>& port_shortage() const;  // of the last EADDRNOTAVAIL
  // As tcp::Connection has them, and EBADF for a dead handle. Past tcp_mem send() takes nothing more
  // (EAGAIN) until the connection's own queue has drained.
  Result<std::size_t> send(ConnectionId id, Bytes bytes, bool urgent, bool more, Instant now);
  Result<tcp::Readout> receive(ConnectionId id, MutableBytes to, bool peek, Instant now);
  Result<std::uint8_t> receive_urgent(ConnectionId id, bool peek, Instant now);
  Result<void> shutdown(ConnectionId id, bool read, bool write, Instant now);
  // The owner lets go; the handle is dead afterwards. `reset`: linger {on, 0}.
  void close(ConnectionId id, bool reset, Instant now);
  void abort(ConnectionId id, Instant now);  // ABORT; the handle stays until close()
  int take_error(ConnectionId id);
  Result<void> set_settings(ConnectionId id, const tcp::Settings& settings, Instant now);
  void push_out(ConnectionId id, Instant now);  // what Nagle or a cork holds back
  void end_record(ConnectionId id);             // MSG_EOR: what send() took last ends a record
  // A look; nullptr when the handle is dead. Valid until the next call.
  const tcp::Connection* connection(ConnectionId id) const;
  tcp::Readiness readiness(ConnectionId id) const;
  tcp::Readiness readiness(ListenerId id) const;

  // --- looking ---
  // Every connection, listener and record, as tools show them. Visits at most `limit` from `cursor`
  // (0 to begin) and returns the next cursor, 0 at the end: a million are read in slices.
  std::uint64_t visit(std::uint64_t cursor, std::size_t limit, Instant now,
                      const std::function<void(const tcp::Info&)>& see) const;
  struct Totals {  // gauges: what is there now
    std::array<std::uint64_t, kStates> by_state{};
    std::uint64_t orphans = 0, listeners = 0, syn_records = 0, time_wait_records = 0;
    std::uint64_t connections = 0, payload_bytes = 0, table_bytes = 0;
  };
  Totals totals() const;
  const Counters& counters() const;
  const Tuning& tuning() const;
  tl::expected<void, std::string> set_tuning(std::string_view name, std::string_view value);
  // Lifecycle events after number `since`, oldest first; `lost` says how many were overwritten.
  struct EventRead {
    std::vector<LifecycleEvent> events;
    std::uint64_t next = 0;
    std::uint64_t lost = 0;
  };
  EventRead events_since(std::uint64_t since, std::size_t limit) const;

  // --- an operator's hand ---
  // Ends what stands under this tuple, whoever owns it. `id` is what the operator saw there: ESRCH
  // when another incarnation, or nothing, has the tuple now. Abort: RST, and ECONNABORTED for the
  // owner; records go without a word, a listener closes (L7). Close: the sending side is shut down,
  // as if the owner had done so; EINVAL for what has no such side.
  enum class End : std::uint8_t { Abort, Close };
  Result<void> end(const FourTuple& tuple, std::uint64_t id, End how, Instant now);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estab::stack
