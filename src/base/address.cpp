#include "estab/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace estab {
namespace {

std::optional<int> parse_number(std::string_view text, int largest) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  if (text.front() == '-' || value > largest) return std::nullopt;
  return value;
}

std::optional<Port> parse_port(std::string_view text) {
  const auto value = parse_number(text, 65535);
  if (!value) return std::nullopt;
  return Port{static_cast<std::uint16_t>(*value)};
}

std::optional<std::uint8_t> parse_hex_byte(std::string_view text) {
  std::uint8_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (text.size() != 2 || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return std::nullopt;
  std::copy(text.begin(), text.end(), terminated);
  terminated[text.size()] = '\0';
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, terminated, bytes.data()) == 1) {
    return v4(bytes[0], bytes[1], bytes[2], bytes[3]);
  }
  if (::inet_pton(AF_INET6, terminated, bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return v4_value() >> 16 == 0xa9fe;       // 169.254.0.0/16, RFC 3927
  return bytes_[0] == 0xfe && (bytes_[1] >> 6) == 0x2;  // fe80::/10, RFC 4291 2.5.6
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  const bool four = is_v4();
  ::inet_ntop(four ? AF_INET : AF_INET6, bytes_.data() + (four ? 12 : 0), text, sizeof text);
  return text;
}

std::string Endpoint::to_string() const {
  if (address.is_v4()) return fmt::format("{}:{}", address.to_string(), port.value);
  return fmt::format("[{}]:{}", address.to_string(), port.value);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  const std::string_view port_text = colon == text.npos ? text : text.substr(colon + 1);
  std::string_view host = colon == text.npos ? std::string_view{} : text.substr(0, colon);
  const auto port = parse_port(port_text);
  if (!port) return std::nullopt;
  if (host.empty()) return Endpoint{IpAddress::any_v6(), *port};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // "::1:80" could mean two things, so an address with colons stands in brackets.
  if (bracketed != (host.find(':') != host.npos)) return std::nullopt;
  const auto address = IpAddress::parse(host);
  if (!address) return std::nullopt;
  return Endpoint{*address, *port};
}

bool Prefix::contains(const IpAddress& a) const {
  if (a.is_v4() != address.is_v4()) return false;
  const int bits = std::clamp(length, 0, address.is_v4() ? 32 : 128) + (address.is_v4() ? 96 : 0);
  const auto differ = [](std::uint64_t one, std::uint64_t other, int kept) {
    return kept > 0 && (one ^ other) >> (64 - std::min(kept, 64)) != 0;
  };
  return !differ(a.high(), address.high(), bits) && !differ(a.low(), address.low(), bits - 64);
}

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const auto length = parse_number(text.substr(slash + 1), address->is_v4() ? 32 : 128);
  if (!length) return std::nullopt;
  return Prefix{*address, *length};
}

std::string MacAddress::to_string() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5]);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const auto byte = parse_hex_byte(text.substr(3 * i, 2));
    if (!byte || (i > 0 && text[3 * i - 1] != ':')) return std::nullopt;
    mac.bytes[i] = *byte;
  }
  return mac;
}

}  // namespace estab
