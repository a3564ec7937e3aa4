#include "lab/script/arguments.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "lab/script/symbols.h"

namespace estab::lab {
namespace {

using Kind = Expression::Kind;

[[noreturn]] void wrong_type(std::string_view expected) {
  throw CallFailure(fmt::format("expected {} as argument", expected));
}

std::int64_t evaluate_call(const Expression& call) {
  if (call.items.size() == 1 && call.text == "htons") {
    return htons(static_cast<std::uint16_t>(evaluate(call.items[0])));
  }
  if (call.items.size() == 1 && call.text == "inet_addr" && call.items[0].is(Kind::kString)) {
    const auto address = IpAddress::parse(call.items[0].text);
    if (!address || !address->is_v4()) wrong_type("an IPv4 address");
    return htonl(address->v4_value());
  }
  throw CallFailure(fmt::format("expected htons() or inet_addr(), found {}()", call.text));
}

}  // namespace

std::int64_t evaluate(const Expression& expression) {
  switch (expression.kind) {
    case Kind::kInteger:
      return expression.integer;
    case Kind::kWord: {
      const auto value = symbol(expression.text);
      if (!value) throw CallFailure(fmt::format("unknown symbol: '{}'", expression.text));
      return *value;
    }
    case Kind::kOr:
      return evaluate(expression.items[0]) | evaluate(expression.items[1]);
    case Kind::kCall:
      return evaluate_call(expression);
    case Kind::kEllipsis:
    case Kind::kString:
    case Kind::kAssign:
    case Kind::kList:
    case Kind::kBraces:
      break;
  }
  wrong_type("a number");
}

void Arguments::expect_count(std::size_t least, std::size_t most) const {
  if (count() >= least && count() <= most) return;
  const std::string wanted =
      least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
  throw CallFailure(fmt::format("expected {} arguments but got {}", wanted, count()));
}

int Arguments::number(std::size_t index) const {
  const std::int64_t value = evaluate(at(index));
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::uint32_t>::max()) {
    throw CallFailure(fmt::format("value out of range for 32-bit integer: {}", value));
  }
  return static_cast<int>(value);
}

int Arguments::live_fd(std::size_t index) const {
  return context_.sockets.live_fd(script_fd(index));
}

void Arguments::ellipsis(std::size_t index) const {
  if (!is_ellipsis(index)) wrong_type("...");
}

std::int64_t Arguments::bracketed(std::size_t index) const {
  const Expression& list = at(index);
  if (!list.is(Kind::kList) || list.items.size() != 1) wrong_type("[one number]");
  return evaluate(list.items[0]);
}

std::shared_ptr<std::vector<std::uint8_t>> Arguments::buffer(std::size_t index, int size) const {
  if (!is_ellipsis(index)) {
    if (evaluate(at(index)) != 0) wrong_type("... or NULL");
    return nullptr;
  }
  // At least one byte, so that it has an address.
  const auto bytes = static_cast<std::size_t>(std::max(size, 1));
  return std::make_shared<std::vector<std::uint8_t>>(bytes);
}

std::shared_ptr<Pieces> pieces_of(const Expression& list) {
  if (!list.is(Kind::kList)) wrong_type("[{..., LENGTH}, ...]");
  auto out = std::make_shared<Pieces>();
  for (const Expression& piece : list.items) {
    if (!piece.is(Kind::kBraces) || piece.items.size() != 2 ||
        !piece.items[0].is(Kind::kEllipsis)) {
      wrong_type("{..., LENGTH}");
    }
    const std::int64_t length = evaluate(piece.items[1]);
    out->memory.emplace_back(
        static_cast<std::size_t>(std::clamp<std::int64_t>(length, 1, 1 << 30)));
    out->pieces.push_back({out->memory.back().data(), static_cast<std::size_t>(length)});
  }
  return out;
}

SocketAddress socket_address(const IpAddress& address, Port port, IpMode mode) {
  SocketAddress out;
  if (mode == IpMode::kIpv4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port.value);
    v4.sin_addr.s_addr = htonl(address.v4_value());
    std::memcpy(&out.storage, &v4, sizeof(v4));
    out.length = sizeof(v4);
    return out;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port.value);
  std::copy(address.bytes().begin(), address.bytes().end(), v6.sin6_addr.s6_addr);
  std::memcpy(&out.storage, &v6, sizeof(v6));
  out.length = sizeof(v6);
  return out;
}

Endpoint endpoint_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), Port{ntohs(v4.sin_port)}};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof(v6));
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(v6.sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return {IpAddress::v6(bytes), Port{ntohs(v6.sin6_port)}};
}

}  // namespace estab::lab
