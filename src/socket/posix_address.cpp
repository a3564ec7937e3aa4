#include "socket/posix_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace estab::socket {
namespace {

constexpr socklen_t kShortestV6 = 24;  // SIN6_LEN_RFC2133: without sin6_scope_id

}  // namespace

bool is_unspecified(const sockaddr* address, socklen_t length) {
  return address != nullptr && length >= sizeof(sa_family_t) && address->sa_family == AF_UNSPEC;
}

Result<Endpoint> read_address(Family family, const sockaddr* address, socklen_t length) {
  if (length > sizeof(sockaddr_storage)) return fail(EINVAL);
  if (address == nullptr) return fail(EFAULT);
  sockaddr_storage copy{};
  std::memcpy(&copy, address, length);
  if (family == Family::v4) {
    if (length < sizeof(sockaddr_in)) return fail(EINVAL);
    sockaddr_in in;
    std::memcpy(&in, &copy, sizeof(in));
    const bool old_way = in.sin_family == AF_UNSPEC && in.sin_addr.s_addr == htonl(INADDR_ANY);
    if (in.sin_family != AF_INET && !old_way) return fail(EAFNOSUPPORT);
    return Endpoint{IpAddress::v4(ntohl(in.sin_addr.s_addr)), Port{ntohs(in.sin_port)}};
  }
  if (length < kShortestV6) return fail(EINVAL);
  sockaddr_in6 in6;
  std::memcpy(&in6, &copy, sizeof(in6));
  if (in6.sin6_family != AF_INET6) return fail(EAFNOSUPPORT);
  std::array<std::uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
  return Endpoint{IpAddress::v6(bytes), Port{ntohs(in6.sin6_port)}};
}

Result<void> write_address(Family family, const Endpoint& endpoint, sockaddr* address,
                           socklen_t* length) {
  if (length == nullptr) return fail(EFAULT);
  if (static_cast<int>(*length) < 0) return fail(EINVAL);
  sockaddr_storage full{};
  socklen_t size = 0;
  if (family == Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port.value);
    if (endpoint.address.is_v4()) in.sin_addr.s_addr = htonl(endpoint.address.v4_value());
    size = sizeof(in);
    std::memcpy(&full, &in, size);
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(endpoint.port.value);
    std::memcpy(&in6.sin6_addr, endpoint.address.bytes().data(), 16);
    size = sizeof(in6);
    std::memcpy(&full, &in6, size);
  }
  const socklen_t copied = std::min(size, *length);
  if (copied > 0 && address == nullptr) return fail(EFAULT);
  if (copied > 0) std::memcpy(address, &full, copied);
  *length = size;
  return {};
}

}  // namespace estab::socket
