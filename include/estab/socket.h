// Connections and listeners, with POSIX's meaning and without its descriptors (those are in
// posix.h).
//
//   auto listener = estab::Listener::open(stack, *estab::Endpoint::parse("80"));
//   auto peer = listener->accept();
//   auto n = peer->receive(buffer);       // 0: the peer sends no more
//   peer->send("hello\n");
//
// Calls wait (block) unless told otherwise; see set_nonblocking(), SocketOptions::receive_timeout
// and kDontWait. Every error is an errno value, the one that Linux gives (docs/embedding.md). An
// object whose stack is gone, or that was moved from or closed, answers EBADF. Thread rules:
// stack.h.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "estab/address.h"
#include "estab/buffer.h"
#include "estab/error.h"
#include "estab/info.h"
#include "estab/state.h"
#include "estab/time.h"

namespace estab {

class Stack;
namespace socket {
class Engine;
}

// What could be done now without waiting: poll(2)'s meaning.
using Readiness = std::uint8_t;
inline constexpr Readiness kReadable = 0x01;    // bytes, end of stream, an error; or to accept()
inline constexpr Readiness kWritable = 0x02;    // room in the send buffer, or an error
inline constexpr Readiness kUrgent = 0x04;      // an urgent byte waits (POLLPRI)
inline constexpr Readiness kReadClosed = 0x08;  // the peer sends no more (POLLRDHUP)
inline constexpr Readiness kHangup = 0x10;      // both directions are closed (POLLHUP)
inline constexpr Readiness kError = 0x20;       // take_error() has one (POLLERR)
inline constexpr Readiness kConnected = 0x40;   // the handshake is done

// Each option's name is Linux's in lower case, or says what it is; 0 and nothing mean "the stack's
// default" where a field says so.
struct SocketOptions {
  bool reuse_address = false;       // SO_REUSEADDR; before open()
  bool reuse_port = false;          // SO_REUSEPORT; before open()
  bool v6_only = false;             // IPV6_V6ONLY; before open()
  bool free_bind = false;           // IP_FREEBIND: an address that is not ours; before open()
  bool keep_alive = false;          // SO_KEEPALIVE
  bool oob_inline = false;          // SO_OOBINLINE
  bool no_delay = false;            // TCP_NODELAY
  bool cork = false;                // TCP_CORK
  bool tell_readable = false;       // TCP_INQ: estab_recvmsg() says how much is left to read
  std::optional<bool> quick_ack{};  // TCP_QUICKACK; nothing: the first ACKs are not delayed
  bool linger = false;              // SO_LINGER: close() waits up to linger_time; with 0 it resets
  Duration linger_time{0};
  Duration receive_timeout{0};          // SO_RCVTIMEO; 0: none
  Duration send_timeout{0};             // SO_SNDTIMEO, connect() included; 0: none
  std::size_t receive_buffer = 0;       // SO_RCVBUF in bytes of payload, not doubled; 0: default
  std::size_t send_buffer = 0;          // SO_SNDBUF, likewise; 0: grows as the path needs it
  std::size_t receive_low_water = 1;    // SO_RCVLOWAT
  std::size_t not_sent_low_water = 0;   // TCP_NOTSENT_LOWAT; 0: default
  std::optional<Duration> keep_idle{};  // TCP_KEEPIDLE
  std::optional<Duration> keep_interval{};  // TCP_KEEPINTVL
  std::optional<int> keep_count{};          // TCP_KEEPCNT
  std::optional<int> syn_retries{};         // TCP_SYNCNT
  std::optional<Duration> fin_wait_2{};     // TCP_LINGER2; negative: an orphan does not wait
  std::optional<Duration> time_wait{};      // 2 MSL of this connection or listener's children
  Duration user_timeout{0};                 // TCP_USER_TIMEOUT; 0: R2 decides
  Duration defer_accept{0};                 // TCP_DEFER_ACCEPT; listeners
  int max_segment = 0;                      // TCP_MAXSEG; 0: what the path allows
  std::string congestion = {};              // TCP_CONGESTION: "reno", "cubic"; "": the knob's
  int tos = 0;                              // IP_TOS, IPV6_TCLASS
  int mtu_discovery_v4 = 1;                 // IP_MTU_DISCOVER: IP_PMTUDISC_WANT
  int mtu_discovery_v6 = 1;                 // IPV6_MTU_DISCOVER: IPV6_PMTUDISC_WANT
  int ttl = 0;                              // IP_TTL, IPV6_UNICAST_HOPS; 0: default
  std::vector<std::uint8_t> ip_options{};   // IP_OPTIONS: a source route
};

enum ReceiveFlags : unsigned {
  kPeek = 1,       // MSG_PEEK: leave the bytes
  kWaitAll = 2,    // MSG_WAITALL: wait until all of the buffer is filled
  kDontWait = 4,   // MSG_DONTWAIT, for send() too
  kOutOfBand = 8,  // MSG_OOB: the urgent byte; for send(): the last byte is urgent
  kMore = 16,      // MSG_MORE: send() only: more follows, don't push a small segment
  kDiscard = 32,   // MSG_TRUNC: receive() only: throw the bytes away, count them
  // MSG_EOR: send() only: the last byte taken ends a record; no segment holds bytes of two of them
  kEndOfRecord = 64,
};

// What Socket and Listener have in common.
class SocketBase {
 public:
  SocketBase() = default;  // is_open() is false
  SocketBase(SocketBase&&) noexcept;
  SocketBase& operator=(SocketBase&&) noexcept;
  ~SocketBase();  // close()

  bool is_open() const { return handle_ != 0; }
  explicit operator bool() const { return is_open(); }
  // Never waits, but for SocketOptions::linger: what was sent still goes out, under the stack's
  // care. Unread data makes it a reset, as in Linux. No error when closed already.
  void close();

  Endpoint local() const;  // {::, 0} while it has none
  Readiness readiness() const;
  int take_error();  // SO_ERROR: errno, cleared by the look; EBADF when not open
  bool nonblocking() const;
  Result<void> set_nonblocking(bool on);

  // `call` runs in the driving thread after each step in which something changed and one of
  // `mask`'s bits holds, once at the start when one holds already; so do what can be done until
  // EAGAIN. It replaces an earlier callback; nullptr takes it away. Closing does so too; a call
  // that is already running in another thread may then still be running.
  Result<void> on_ready(Readiness mask, std::function<void(Readiness)> call);

  Result<SocketOptions> options() const;
  // EINVAL: out of range; ENOENT: no such congestion control; EISCONN: too late for this one.
  Result<void> change_options(const std::function<void(SocketOptions&)>& change);
  // socket.set(&SocketOptions::no_delay, true);
  template <class T>
  Result<void> set(T SocketOptions::*option, std::type_identity_t<T> value) {
    return change_options([&](SocketOptions& o) { o.*option = std::move(value); });
  }
  template <class T>
  Result<T> get(T SocketOptions::*option) const {
    return options().map([&](const SocketOptions& o) { return o.*option; });
  }

  const std::shared_ptr<socket::Engine>& engine() const { return engine_; }  // for the library
  std::uint64_t handle() const { return handle_; }                           // for the library

 protected:
  SocketBase(std::shared_ptr<socket::Engine> engine, std::uint64_t handle);
  std::shared_ptr<socket::Engine> engine_;
  std::uint64_t handle_ = 0;
};

struct ConnectOptions {
  std::optional<Endpoint> local{};    // bind to this first; port 0 chooses one
  std::optional<Duration> timeout{};  // ETIMEDOUT when not connected by then
  // Return at once with a non-blocking socket; kConnected or kError tells how it ended.
  bool nonblocking = false;
  SocketOptions socket{};
};

class Socket : public SocketBase {
 public:
  Socket() = default;
  // ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL (no port left:
  // Stack::port_shortage() says why), EADDRINUSE, EMFILE (max_descriptors), ENOBUFS, EINVAL.
  static Result<Socket> connect(Stack& stack, const Endpoint& remote,
                                const ConnectOptions& options = {});
  Result<void> finish_connect();  // of a non-blocking one: EINPROGRESS, or how it ended

  // How many bytes were taken: all of them when it waits, unless an error or a timeout came after
  // some. EAGAIN, EPIPE, ECONNRESET, ETIMEDOUT ... SIGPIPE is never raised.
  Result<std::size_t> send(Bytes bytes, unsigned flags = 0);
  Result<std::size_t> send(std::string_view text, unsigned flags = 0);
  // 0: the peer sends no more. EAGAIN, ECONNRESET, ETIMEDOUT, ENOTCONN; EINVAL for kOutOfBand
  // without an urgent byte.
  Result<std::size_t> receive(MutableBytes to, unsigned flags = 0);
  Result<std::size_t> receive(std::span<char> to, unsigned flags = 0);

  Result<void> shutdown_write();  // half-close: the peer reads our end, we go on reading
  Result<void> shutdown_read();   // sends nothing; reads return 0
  void abort();                   // RST; the peer reads ECONNRESET

  Endpoint remote() const;  // {::, 0} when not connected
  State state() const;      // Closed when there is no connection
  Result<ConnectionInfo> info() const;
  std::size_t readable_bytes() const;  // SIOCINQ
  std::size_t unacked_bytes() const;   // SIOCOUTQ
  std::size_t unsent_bytes() const;    // SIOCOUTQNSD
  bool at_mark() const;                // SIOCATMARK: the next byte is the urgent one

 private:
  friend class Listener;
  using SocketBase::SocketBase;
};

struct ListenerOptions {
  int backlog = 128;  // bounded by somaxconn
  bool nonblocking = false;
  // The accepted sockets begin with these. A server that restarts needs reuse_address: without it
  // connections in TIME-WAIT keep its port from it.
  SocketOptions socket{.reuse_address = true};
};

class Listener : public SocketBase {
 public:
  Listener() = default;
  // EADDRINUSE, EADDRNOTAVAIL (not an address of the stack), EMFILE, EINVAL. With any_v6
  // (Endpoint:: parse(":80")) it takes IPv4 as well unless v6_only.
  static Result<Listener> open(Stack& stack, const Endpoint& local,
                               const ListenerOptions& options = {});
  // The accepted socket blocks whatever the listener does. EAGAIN: none there (or none came within
  // receive_timeout); EINVAL: no longer listening; EMFILE.
  Result<Socket> accept();
  Result<void> set_backlog(int backlog);

 private:
  using SocketBase::SocketBase;
};

}  // namespace estab
