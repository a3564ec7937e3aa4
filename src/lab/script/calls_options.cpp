// fcntl, ioctl, getsockopt, setsockopt.
#include <fmt/format.h>
#include <netinet/in.h>

#include <cstring>

#include "estab/posix.h"
#include "lab/script/arguments.h"

namespace estab::lab {
namespace {

using Kind = Expression::Kind;
using ByteVector = std::vector<std::uint8_t>;

PreparedCall prepare_fcntl(const Arguments& args) {
  args.expect_count(2, 3);
  const bool with_value = args.count() == 3;
  PreparedCall call;
  call.run = [fd = args.live_fd(0), command = args.number(1), with_value,
              value = with_value ? args.number(2) : 0] {
    return static_cast<long>(with_value ? estab_fcntl(fd, command, value)
                                        : estab_fcntl(fd, command));
  };
  return call;
}

PreparedCall prepare_ioctl(const Arguments& args) {
  args.expect_count(2, 3);
  const auto request = static_cast<unsigned long>(args.number(1));
  const int fd = args.live_fd(0);
  PreparedCall call;
  if (args.count() == 2) {
    call.run = [fd, request] { return static_cast<long>(estab_ioctl(fd, request)); };
    return call;
  }
  const auto expected = static_cast<int>(args.bracketed(2));
  auto value = std::make_shared<int>(expected);
  call.run = [fd, request, value] {
    return static_cast<long>(estab_ioctl(fd, request, value.get()));
  };
  call.check = [value, expected](long result) {
    if (result < 0 || *value == expected) return;
    throw CallFailure(fmt::format("Bad ioctl optval: expected: {} actual: {}", expected, *value));
  };
  return call;
}

template <class T>
ByteVector bytes_of_value(const T& value) {
  ByteVector out(sizeof(value));
  std::memcpy(out.data(), &value, sizeof(value));
  return out;
}

// An option's value as bytes: [5], {onoff=1, linger=0}, "text", inet6_addr("..").
ByteVector option_bytes(const Expression& value, std::size_t length) {
  if (value.is(Kind::kString)) return {value.text.begin(), value.text.end()};
  if (value.is(Kind::kBraces) && value.field("onoff") != nullptr) {
    const linger l{static_cast<int>(evaluate(*value.field("onoff"))),
                   static_cast<int>(evaluate(*value.field("linger")))};
    return bytes_of_value(l);
  }
  if (value.is(Kind::kCall) && value.text == "inet6_addr" && value.items.size() == 1) {
    const auto address = IpAddress::parse(value.items[0].text);
    if (!address) throw CallFailure("expected an IPv6 address");
    return bytes_of_value(address->bytes());
  }
  if (value.is(Kind::kList) && value.items.size() == 1) {
    const std::int64_t number = evaluate(value.items[0]);
    if (length == sizeof(std::uint8_t)) return bytes_of_value(static_cast<std::uint8_t>(number));
    if (length == sizeof(std::int64_t)) return bytes_of_value(number);
    return bytes_of_value(static_cast<std::int32_t>(number));
  }
  throw CallFailure(
      "unsupported socket option value: expected [number], {onoff=.., linger=..}, "
      "\"text\" or inet6_addr(\"..\")");
}

std::string printed(const Expression& like, const ByteVector& bytes) {
  if (like.is(Kind::kString)) return fmt::format("'{}'", std::string(bytes.begin(), bytes.end()));
  if (like.is(Kind::kList) && bytes.size() == sizeof(std::int32_t)) {
    std::int32_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof(value));
    return fmt::format("{}", value);
  }
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

PreparedCall prepare_setsockopt(const Arguments& args) {
  args.expect_count(5);
  const auto length = static_cast<socklen_t>(args.number(4));
  const bool nothing = args.at(3).is(Kind::kWord) || args.at(3).is(Kind::kInteger);
  if (nothing && evaluate(args.at(3)) != 0) throw CallFailure("expected a value or NULL");
  ByteVector value = nothing ? ByteVector() : option_bytes(args.at(3), length);
  // The kernel copies as much as it was told of; so there must be as much.
  if (!nothing) value.resize(std::max<std::size_t>(value.size(), length));
  PreparedCall call;
  call.run = [fd = args.live_fd(0), level = args.number(1), name = args.number(2), value, nothing,
              length] {
    return static_cast<long>(
        estab_setsockopt(fd, level, name, nothing ? nullptr : value.data(), length));
  };
  return call;
}

PreparedCall prepare_getsockopt(const Arguments& args) {
  args.expect_count(5);
  const auto expected_length = static_cast<socklen_t>(args.bracketed(4));
  struct Got {
    ByteVector bytes;
    socklen_t length;
  };
  auto got = std::make_shared<Got>(Got{ByteVector(expected_length + 1), expected_length});
  PreparedCall call;
  call.run = [fd = args.live_fd(0), level = args.number(1), name = args.number(2), got] {
    return static_cast<long>(estab_getsockopt(fd, level, name, got->bytes.data(), &got->length));
  };
  call.check = [got, expected_length, like = args.at(3)](long result) {
    if (result < 0) return;
    if (got->length != expected_length) {
      throw CallFailure(fmt::format("Bad getsockopt optlen: expected: {} actual: {}",
                                    expected_length, got->length));
    }
    if (like.is(Kind::kEllipsis)) return;
    const ByteVector expected = option_bytes(like, expected_length);
    got->bytes.resize(expected_length);
    if (expected == got->bytes) return;
    throw CallFailure(fmt::format("Bad getsockopt optval: expected: {} actual: {}",
                                  printed(like, expected), printed(like, got->bytes)));
  };
  return call;
}

}  // namespace

PreparedCall prepare_option(const Arguments& args) {
  const std::string& name = args.call().name;
  if (name == "fcntl") return prepare_fcntl(args);
  if (name == "ioctl") return prepare_ioctl(args);
  return name == "getsockopt" ? prepare_getsockopt(args) : prepare_setsockopt(args);
}

}  // namespace estab::lab
