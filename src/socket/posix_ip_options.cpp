// The options of IPPROTO_IP and IPPROTO_IPV6, by the rules of Linux's do_ip_setsockopt() and
// do_ipv6_setsockopt(). IP_TRANSPARENT is not among them: it lets a connection speak for an address
// that is not ours, whose answers the IP layer takes for nobody's.
#include <netinet/in.h>

#include <algorithm>

#include "socket/posix_options.h"

namespace estab::socket {
namespace {

Result<Change> set_tos(int wanted) {  // the two ECN bits are the protocol's own
  return [wanted](SocketOptions& o) { o.tos = wanted & 0xfc; };
}

Result<Change> set_hops(int wanted, int smallest) {
  if (wanted != -1 && (wanted < smallest || wanted > 255)) return fail(EINVAL);
  return [wanted](SocketOptions& o) { o.ttl = wanted == -1 ? 0 : wanted; };
}

Setting set_ip_options(const void* value, socklen_t length) {
  if (length > 40) return fail(EINVAL);
  const auto* bytes = static_cast<const std::uint8_t*>(value);
  return [options = std::vector<std::uint8_t>(bytes, bytes + length)](SocketOptions& o) {
    o.ip_options = options;
  };
}

// ip(7): a number that fits a char may be one; no bytes at all are 0.
int read_ip_number(const void* value, socklen_t length) {
  if (const auto whole = read_value<int>(value, length)) return *whole;
  return length >= 1 ? *static_cast<const std::uint8_t*>(value) : 0;
}

// IP_MTU, IPV6_MTU: of the path, once there is one.
Result<Value> path_mtu_of(const Asked& asked) {
  const auto info = asked.engine.info(asked.id);
  if (!info || info->path_mtu == 0) return fail(ENOTCONN);
  return static_cast<int>(info->path_mtu);
}

int hops_of(const Asked& asked) {
  return asked.options.ttl != 0 ? asked.options.ttl : static_cast<int>(asked.tuning.ip_default_ttl);
}

}  // namespace

Setting set_ip_level(int name, const void* value, socklen_t length) {
  if (name == IP_OPTIONS) return set_ip_options(value, length);
  const int number = read_ip_number(value, length);
  switch (name) {
    case IP_TOS:
      return set_tos(number);
    case IP_TTL:
      if (length < 1) return fail(EINVAL);
      return set_hops(number, 1);
    case IP_MTU_DISCOVER:
      return [number](SocketOptions& o) { o.mtu_discovery_v4 = number; };
    case IP_FREEBIND:
      if (length < 1) return fail(EINVAL);
      return set_flag(&SocketOptions::free_bind, number);
    default:
      return std::nullopt;
  }
}

Setting set_ipv6_level(int name, const void* value, socklen_t length) {
  const auto number = read_value<int>(value, length);
  const int n = number.value_or(0);
  Setting setting;
  switch (name) {
    case IPV6_V6ONLY:
      setting = set_flag(&SocketOptions::v6_only, n);
      break;
    case IPV6_UNICAST_HOPS:
      setting = set_hops(n, 0);
      break;
    case IPV6_TCLASS:
      setting = n < -1 || n > 255 ? fail(EINVAL) : set_tos(std::max(n, 0));
      break;
    case IPV6_MTU_DISCOVER:
      setting = [n](SocketOptions& o) { o.mtu_discovery_v6 = n; };
      break;
    case IPV6_FREEBIND:
      setting = set_flag(&SocketOptions::free_bind, n);
      break;
    default:
      return std::nullopt;
  }
  if (!number) return fail(EINVAL);
  return setting;
}

Getting get_ip_level(const Asked& asked, int name) {
  switch (name) {
    case IP_TOS:
      return asked.options.tos;
    case IP_TTL:
      return hops_of(asked);
    case IP_OPTIONS:
      return asked.options.ip_options;
    case IP_MTU_DISCOVER:
      return asked.options.mtu_discovery_v4;
    case IP_MTU:
      return path_mtu_of(asked);
    case IP_FREEBIND:
      return asked.options.free_bind ? 1 : 0;
    default:
      return std::nullopt;
  }
}

Getting get_ipv6_level(const Asked& asked, int name) {
  switch (name) {
    case IPV6_V6ONLY:
      return asked.options.v6_only ? 1 : 0;
    case IPV6_TCLASS:
      return asked.options.tos;
    case IPV6_UNICAST_HOPS:
      return hops_of(asked);
    case IPV6_MTU_DISCOVER:
      return asked.options.mtu_discovery_v6;
    case IPV6_MTU:
      return path_mtu_of(asked);
    case IPV6_FREEBIND:
      return asked.options.free_bind ? 1 : 0;
    default:
      return std::nullopt;
  }
}

}  // namespace estab::socket
