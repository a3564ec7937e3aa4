#include "lab/script/control_messages.h"

#include <fmt/format.h>
#include <linux/errqueue.h>
#include <netinet/in.h>

#include <cstring>

#include "lab/script/arguments.h"

namespace estab::lab {
namespace {

using Kind = Expression::Kind;
using ByteVector = std::vector<std::uint8_t>;

template <class T>
void append(ByteVector& out, const T& value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(value));
  std::memcpy(out.data() + at, &value, sizeof(value));
}

std::int64_t number(const Expression& braces, const char* name) {
  const Expression* value = braces.field(name);
  if (value == nullptr) throw CallFailure(fmt::format("expected field {}", name));
  return evaluate(*value);
}

// Three of them, as SCM_TIMESTAMPING has.
ByteVector times(const Expression& e) {
  scm_timestamping stamps{};
  stamps.ts[0].tv_sec = number(e, "scm_sec");
  stamps.ts[0].tv_nsec = number(e, "scm_nsec");
  ByteVector out;
  append(out, stamps);
  return out;
}

// With the address of whoever sent the error behind it.
ByteVector extended_error(const Expression& e, int level) {
  sock_extended_err error{};
  error.ee_errno = static_cast<std::uint32_t>(number(e, "ee_errno"));
  error.ee_origin = static_cast<std::uint8_t>(number(e, "ee_origin"));
  error.ee_type = static_cast<std::uint8_t>(number(e, "ee_type"));
  error.ee_code = static_cast<std::uint8_t>(number(e, "ee_code"));
  error.ee_info = static_cast<std::uint32_t>(number(e, "ee_info"));
  error.ee_data = static_cast<std::uint32_t>(number(e, "ee_data"));
  ByteVector out;
  append(out, error);
  out.resize(out.size() + (level == SOL_IP ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));
  return out;
}

ByteVector data_bytes(const Expression& data, int level) {
  if (!data.is(Kind::kBraces)) {
    ByteVector out;
    append(out, static_cast<int>(evaluate(data)));
    return out;
  }
  if (data.field("scm_sec") != nullptr) return times(data);
  if (data.field("ee_errno") != nullptr) return extended_error(data, level);
  throw CallFailure("cmsg_data with attributes of TCP is not supported");
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

std::size_t data_size(const cmsghdr& message) { return message.cmsg_len - CMSG_LEN(0); }

void compare(const cmsghdr& want, const cmsghdr& got, int index) {
  const auto differ = [index](const char* what, auto expected, auto actual) {
    if (expected == actual) return;
    throw CallFailure(
        fmt::format("Bad {} in cmsg {}: expected={} actual={}", what, index, expected, actual));
  };
  differ("level", want.cmsg_level, got.cmsg_level);
  differ("type", want.cmsg_type, got.cmsg_type);
  differ("len", want.cmsg_len, got.cmsg_len);
  const bool any_time = want.cmsg_level == SOL_SOCKET && want.cmsg_type == SO_TIMESTAMPING;
  std::size_t size = data_size(want);
  const bool error = size >= sizeof(sock_extended_err) &&
                     (want.cmsg_level == SOL_IP || want.cmsg_level == SOL_IPV6);
  if (error) size = sizeof(sock_extended_err);
  if (any_time || std::memcmp(CMSG_DATA(&want), CMSG_DATA(&got), size) == 0) return;
  differ("data", hex(CMSG_DATA(&want), size), hex(CMSG_DATA(&got), size));
}

}  // namespace

ByteVector control_bytes(const Expression& list) {
  ByteVector out;
  for (const Expression& item : list.items) {
    if (!item.is(Kind::kBraces)) throw CallFailure("expected {cmsg_level=.., ..} in msg_control");
    cmsghdr header{};
    header.cmsg_level = static_cast<int>(number(item, "cmsg_level"));
    header.cmsg_type = static_cast<int>(number(item, "cmsg_type"));
    const Expression* data = item.field("cmsg_data");
    if (data == nullptr) throw CallFailure("expected field cmsg_data");
    const ByteVector bytes = data_bytes(*data, header.cmsg_level);
    header.cmsg_len = CMSG_LEN(bytes.size());
    const std::size_t end = out.size() + CMSG_SPACE(bytes.size());
    append(out, header);
    out.insert(out.end(), bytes.begin(), bytes.end());
    out.resize(end);
  }
  return out;
}

void compare_control(const ByteVector& expected, const msghdr& actual) {
  msghdr want{};
  ByteVector copy = expected;
  want.msg_control = copy.data();
  want.msg_controllen = copy.size();
  msghdr got = actual;
  cmsghdr* w = CMSG_FIRSTHDR(&want);
  cmsghdr* g = CMSG_FIRSTHDR(&got);
  int index = 0;
  for (; w != nullptr && g != nullptr && g->cmsg_len != 0; ++index) {
    compare(*w, *g, index);
    w = CMSG_NXTHDR(&want, w);
    g = CMSG_NXTHDR(&got, g);
  }
  if (w != nullptr) throw CallFailure(fmt::format("received only {} cmsgs", index));
  if (g != nullptr && g->cmsg_len != 0) {
    throw CallFailure(fmt::format("received more than {} cmsgs", index));
  }
}

}  // namespace estab::lab
