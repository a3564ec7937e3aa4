// getsockopt and setsockopt, by the rules of Linux's sk_setsockopt() and do_tcp_setsockopt(): what is
// checked, in which order, and what is rounded.
#include "socket/posix_options.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <limits>

#include "estab/posix.h"
#include "socket/posix_table.h"
#include "tcp/linux_tcp_info.h"

namespace estab::socket {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// --- set
// ----------------------------------------------------------------------------------------------

Result<Change> set_linger(const void* value, socklen_t length) {
  const auto wanted = read_value<linger>(value, length);
  if (!wanted) return fail(EINVAL);
  return [w = *wanted](SocketOptions& o) {
    o.linger = w.l_onoff != 0;
    // A negative time is a very long one, as Linux's unsigned makes it.
    o.linger_time = w.l_linger < 0 ? Duration(seconds(std::numeric_limits<int>::max()))
                                   : Duration(seconds(w.l_linger));
  };
}

Result<Change> set_timeout(Duration SocketOptions::*option, const void* value, socklen_t length) {
  const auto wanted = read_value<timeval>(value, length);
  if (!wanted) return fail(EINVAL);
  if (wanted->tv_usec < 0 || wanted->tv_usec >= 1'000'000) return fail(EDOM);
  // Negative: do not wait at all. A nanosecond comes next to it.
  Duration timeout(1);
  if (wanted->tv_sec >= 0) {
    constexpr std::int64_t kLongest = 1'000'000'000;  // 31 years
    timeout = seconds(std::min<std::int64_t>(wanted->tv_sec, kLongest)) +
              std::chrono::microseconds(wanted->tv_usec);
  }
  return [option, timeout](SocketOptions& o) { o.*option = timeout; };
}

Setting set_socket_level(int name, const void* value, socklen_t length) {
  const auto number = read_value<int>(value, length);
  if (!number) return fail(EINVAL);
  // Half of twice what was asked for: Linux keeps the double, for its overhead.
  constexpr int kSmallest = 2304 / 2;
  const auto size = static_cast<std::size_t>(std::max(*number, kSmallest));
  switch (name) {
    case SO_REUSEADDR:
      return set_flag(&SocketOptions::reuse_address, *number);
    case SO_REUSEPORT:
      return set_flag(&SocketOptions::reuse_port, *number);
    case SO_KEEPALIVE:
      return set_flag(&SocketOptions::keep_alive, *number);
    case SO_OOBINLINE:
      return set_flag(&SocketOptions::oob_inline, *number);
    case SO_RCVBUF:
      return [size](SocketOptions& o) { o.receive_buffer = size; };
    case SO_SNDBUF:
      return [size](SocketOptions& o) { o.send_buffer = std::max(size, std::size_t{2304}); };
    case SO_RCVLOWAT: {
      const int low = *number < 0 ? std::numeric_limits<int>::max() : std::max(1, *number);
      return [low](SocketOptions& o) { o.receive_low_water = static_cast<std::size_t>(low); };
    }
    case SO_LINGER:
      return set_linger(value, length);
    case SO_RCVTIMEO:
      return set_timeout(&SocketOptions::receive_timeout, value, length);
    case SO_SNDTIMEO:
      return set_timeout(&SocketOptions::send_timeout, value, length);
    default:
      return std::nullopt;
  }
}

// TCP_DEFER_ACCEPT is counted in repetitions of the SYN,ACK: 1, 3, 7, 15 ... s.
Duration deferred_by(int wanted) {
  if (wanted <= 0) return Duration{0};
  std::int64_t period = 1;
  std::int64_t timeout = 1;
  while (wanted > period) {
    timeout = std::min<std::int64_t>(timeout * 2, 120);
    period += timeout;
  }
  return seconds(period);
}

Result<Change> set_fin_wait_2(int wanted) {
  static constexpr int kMost = 120;
  return [wanted](SocketOptions& o) {
    o.fin_wait_2.reset();
    if (wanted != 0) o.fin_wait_2 = wanted < 0 ? seconds(-1) : seconds(std::min(wanted, kMost));
  };
}

Setting set_tcp_level(int name, const void* value, socklen_t length) {
  if (name == TCP_CONGESTION) {
    if (length < 1) return fail(EINVAL);
    const auto* text = static_cast<const char*>(value);
    return [wanted = std::string(text, ::strnlen(text, std::min<socklen_t>(length, 15)))](
               SocketOptions& o) { o.congestion = wanted; };
  }
  const auto number = read_value<int>(value, length);
  if (!number) return fail(EINVAL);
  const int n = *number;
  switch (name) {
    case TCP_NODELAY:
      return set_flag(&SocketOptions::no_delay, n);
    case TCP_CORK:
      return set_flag(&SocketOptions::cork, n);
    case TCP_QUICKACK:
      return [n](SocketOptions& o) { o.quick_ack = n != 0; };
    case TCP_MAXSEG:
      return [n](SocketOptions& o) { o.max_segment = n; };
    case TCP_KEEPIDLE:
      return [n](SocketOptions& o) { o.keep_idle = seconds(n); };
    case TCP_KEEPINTVL:
      return [n](SocketOptions& o) { o.keep_interval = seconds(n); };
    case TCP_KEEPCNT:
      return [n](SocketOptions& o) { o.keep_count = n; };
    case TCP_SYNCNT:
      return [n](SocketOptions& o) { o.syn_retries = n; };
    case TCP_LINGER2:
      return set_fin_wait_2(n);
    case TCP_DEFER_ACCEPT:
      return [n](SocketOptions& o) { o.defer_accept = deferred_by(n); };
    case TCP_USER_TIMEOUT:
      return [n](SocketOptions& o) { o.user_timeout = milliseconds(n); };
    case TCP_INQ:
      if (n < 0 || n > 1) return fail(EINVAL);
      return set_flag(&SocketOptions::tell_readable, n);
    case TCP_NOTSENT_LOWAT:
      return [n](SocketOptions& o) { o.not_sent_low_water = static_cast<unsigned>(n); };
    default:
      return std::nullopt;
  }
}

// --- get
// ----------------------------------------------------------------------------------------------

int shown_buffer(std::size_t wanted, std::int64_t default_value, std::int64_t largest) {
  const std::int64_t size =
      wanted == 0 ? default_value : 2 * std::min(static_cast<std::int64_t>(wanted), largest);
  return static_cast<int>(std::min<std::int64_t>(size, std::numeric_limits<int>::max()));
}

timeval shown_time(Duration d) {
  timeval t{};
  if (d < std::chrono::microseconds(1)) return t;
  t.tv_sec = d / seconds(1);
  t.tv_usec = d % seconds(1) / std::chrono::microseconds(1);
  return t;
}

int whole_seconds(Duration d) { return static_cast<int>(d / seconds(1)); }

int buffer_of(const Asked& a, int name) {
  const SocketOptions& o = a.options;
  if (name == SO_RCVBUF) {
    return shown_buffer(o.receive_buffer, a.tuning.tcp_rmem_default, a.tuning.tcp_rmem_max);
  }
  if (a.look.send_buffer != 0) return static_cast<int>(a.look.send_buffer);  // as it has grown
  return shown_buffer(o.send_buffer, a.tuning.tcp_wmem_default, a.tuning.tcp_wmem_max);
}

// SO_MEMINFO: struct sock_diag's nine numbers, in its order.
std::vector<std::uint8_t> memory_of(const Asked& a) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> numbers{};
  numbers[SK_MEMINFO_RMEM_ALLOC] = static_cast<std::uint32_t>(a.look.readable);
  numbers[SK_MEMINFO_RCVBUF] = static_cast<std::uint32_t>(buffer_of(a, SO_RCVBUF));
  numbers[SK_MEMINFO_WMEM_ALLOC] = static_cast<std::uint32_t>(a.look.unacked - a.look.unsent);
  numbers[SK_MEMINFO_SNDBUF] = static_cast<std::uint32_t>(buffer_of(a, SO_SNDBUF));
  numbers[SK_MEMINFO_WMEM_QUEUED] = static_cast<std::uint32_t>(a.look.queued_cost);
  std::vector<std::uint8_t> bytes(sizeof(numbers));
  std::memcpy(bytes.data(), numbers.data(), sizeof(numbers));
  return bytes;
}

Getting get_socket_level(const Asked& a, int name) {
  const SocketOptions& o = a.options;
  switch (name) {
    case SO_REUSEADDR:
      return o.reuse_address ? 1 : 0;
    case SO_REUSEPORT:
      return o.reuse_port ? 1 : 0;
    case SO_KEEPALIVE:
      return o.keep_alive ? 1 : 0;
    case SO_OOBINLINE:
      return o.oob_inline ? 1 : 0;
    case SO_TYPE:
      return SOCK_STREAM;
    case SO_DOMAIN:
      return a.look.family == Family::v4 ? AF_INET : AF_INET6;
    case SO_PROTOCOL:
      return IPPROTO_TCP;
    case SO_ACCEPTCONN:
      return a.look.listening ? 1 : 0;
    case SO_ERROR:
      return a.engine.take_error(a.id).value_or(EBADF);
    case SO_RCVBUF:
    case SO_SNDBUF:
      return buffer_of(a, name);
    case SO_MEMINFO:
      return memory_of(a);
    case SO_RCVLOWAT:
      return static_cast<int>(
          std::min(static_cast<std::int64_t>(o.receive_low_water), a.tuning.tcp_rmem_max / 2));
    case SO_SNDLOWAT:
      return 1;
    case SO_LINGER:
      return linger{o.linger ? 1 : 0, whole_seconds(o.linger_time)};
    case SO_RCVTIMEO:
      return shown_time(o.receive_timeout);
    case SO_SNDTIMEO:
      return shown_time(o.send_timeout);
    default:
      return std::nullopt;
  }
}

int shown_mss(const Asked& a) {
  const auto info = a.engine.info(a.id);
  if (info && info->snd_mss != 0) return static_cast<int>(info->snd_mss);
  constexpr int kDefault = 536;  // RFC 9293 3.7.1, MUST-15
  return a.options.max_segment != 0 ? a.options.max_segment : kDefault;
}

std::vector<std::uint8_t> tcp_info_of(const Asked& a) {
  const tcp::LinuxTcpInfo info =
      tcp::linux_tcp_info(a.engine.info(a.id).value_or(ConnectionInfo{}));
  std::vector<std::uint8_t> bytes(sizeof info);
  std::memcpy(bytes.data(), &info, sizeof info);
  return bytes;
}

Getting get_tcp_level(const Asked& a, int name) {
  const SocketOptions& o = a.options;
  const Tuning& t = a.tuning;
  switch (name) {
    case TCP_NODELAY:
      return o.no_delay ? 1 : 0;
    case TCP_CORK:
      return o.cork ? 1 : 0;
    case TCP_QUICKACK:
      return o.quick_ack.value_or(true) ? 1 : 0;
    case TCP_MAXSEG:
      return shown_mss(a);
    case TCP_KEEPIDLE:
      return whole_seconds(o.keep_idle.value_or(seconds(t.tcp_keepalive_time)));
    case TCP_KEEPINTVL:
      return whole_seconds(o.keep_interval.value_or(seconds(t.tcp_keepalive_intvl)));
    case TCP_KEEPCNT:
      return o.keep_count.value_or(static_cast<int>(t.tcp_keepalive_probes));
    case TCP_SYNCNT:
      return o.syn_retries.value_or(static_cast<int>(t.tcp_syn_retries));
    case TCP_LINGER2:
      return whole_seconds(o.fin_wait_2.value_or(seconds(t.tcp_fin_timeout)));
    case TCP_DEFER_ACCEPT:
      return whole_seconds(o.defer_accept);
    case TCP_USER_TIMEOUT:
      return static_cast<int>(o.user_timeout / milliseconds(1));
    case TCP_NOTSENT_LOWAT:
      return static_cast<int>(o.not_sent_low_water);
    case TCP_CONGESTION:
      return o.congestion.empty()
                 ? std::string(tcp::name_of(static_cast<tcp::Algorithm>(t.tcp_congestion_control)))
                 : o.congestion;
    case TCP_INFO:
      return tcp_info_of(a);
    case TCP_CC_INFO:
      return std::vector<std::uint8_t>{};  // Reno has nothing of its own to tell, as in Linux
    case TCP_INQ:
      return o.tell_readable ? 1 : 0;
    default:
      return std::nullopt;
  }
}

Bytes bytes_of(const Value& value) {
  return std::visit(
      [](const auto& v) -> Bytes {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string> ||
                      std::is_same_v<T, std::vector<std::uint8_t>>) {
          return {reinterpret_cast<const std::uint8_t*>(v.data()), v.size()};
        } else {
          return {reinterpret_cast<const std::uint8_t*>(&v), sizeof(v)};
        }
      },
      value);
}

int give(Value value, int level, void* to, socklen_t* length) {
  if (auto* name = std::get_if<std::string>(&value)) name->resize(16);  // TCP_CA_NAME_MAX
  const int room = static_cast<int>(*length);
  // ip(7): a small number fits a char.
  const int* number = std::get_if<int>(&value);
  if (level == IPPROTO_IP && number != nullptr && room > 0 && room < 4 && *number >= 0 &&
      *number <= 255) {
    *static_cast<std::uint8_t*>(to) = static_cast<std::uint8_t>(*number);
    *length = 1;
    return 0;
  }
  const Bytes bytes = bytes_of(value);
  const std::size_t n = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(room));
  if (n > 0 && to == nullptr) return refuse(EFAULT);
  if (n > 0) std::memcpy(to, bytes.data(), n);
  *length = static_cast<socklen_t>(n);
  return 0;
}

}  // namespace
}  // namespace estab::socket

using namespace estab::socket;
using estab::SocketOptions;

extern "C" int estab_setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if (static_cast<int>(length) < 0) return refuse(EINVAL);
  if (value == nullptr && length > 0) return refuse(EFAULT);
  const auto look = socket->look(socket.id());
  if (!look) return answer(look);
  Setting setting;
  if (level == SOL_SOCKET) setting = set_socket_level(name, value, length);
  if (level == IPPROTO_TCP) setting = set_tcp_level(name, value, length);
  if (level == IPPROTO_IP) setting = set_ip_level(name, value, length);
  if (level == IPPROTO_IPV6 && look->family == Family::v6) {
    setting = set_ipv6_level(name, value, length);
  }
  if (!setting) return refuse(ENOPROTOOPT);
  if (!*setting) return answer(*setting);
  const auto changed = socket->change_options(socket.id(), **setting);
  // tcp(7): setting TCP_NODELAY flushes what is pending, a cork notwithstanding; each time.
  if (changed && level == IPPROTO_TCP && name == TCP_NODELAY) socket->push_out(socket.id());
  return answer(changed);
}

extern "C" int estab_getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  const SocketRef socket(fd);
  if (!socket) return -1;
  if (length == nullptr) return refuse(EFAULT);
  if (static_cast<int>(*length) < 0) return refuse(EINVAL);
  const auto look = socket->look(socket.id());
  const auto options = socket->get_options(socket.id());
  const auto tuning = socket->with_stack([](estab::stack::Stack& s) { return s.tuning(); });
  if (!look || !options || !tuning) return refuse(EBADF);
  const Asked asked{*socket.engine(), socket.id(), *options, *look, *tuning};
  Getting found;
  if (level == SOL_SOCKET) found = get_socket_level(asked, name);
  if (level == IPPROTO_TCP) found = get_tcp_level(asked, name);
  if (level == IPPROTO_IP) found = get_ip_level(asked, name);
  if (level == IPPROTO_IPV6 && look->family == Family::v6) found = get_ipv6_level(asked, name);
  if (!found) {
    const bool known_level = level == SOL_SOCKET || level == IPPROTO_TCP || level == IPPROTO_IP;
    return refuse(known_level || look->family == Family::v6 ? ENOPROTOOPT : EOPNOTSUPP);
  }
  if (!*found) return answer(*found);
  return give(std::move(**found), level, value, length);
}
