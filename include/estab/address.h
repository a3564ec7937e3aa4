// Addresses, ports, endpoints: values, compared and hashed as such.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace estab {

// An IPv4 or IPv6 address. IPv4 is kept in its IPv4-mapped form (::ffff:a.b.c.d), so that one
// 16-byte value serves both families; such an address never appears on an IPv6 wire.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // ::
  static constexpr IpAddress v4(std::uint32_t host_order) {
    IpAddress a;
    a.bytes_[10] = a.bytes_[11] = 0xff;
    for (int i = 0; i < 4; ++i) {
      a.bytes_[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    }
    return a;
  }
  static constexpr IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return v4(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
  }
  static constexpr IpAddress v6(const std::array<std::uint8_t, 16>& bytes) {
    IpAddress a;
    a.bytes_ = bytes;
    return a;
  }
  static constexpr IpAddress any_v4() { return v4(0); }
  static constexpr IpAddress any_v6() { return {}; }
  // "10.0.0.1", "fe80::1", "::ffff:10.0.0.1" (which is 10.0.0.1); no scope suffix.
  static std::optional<IpAddress> parse(std::string_view text);

  constexpr bool is_v4() const { return high() == 0 && low() >> 32 == 0xffff; }
  constexpr bool is_v6() const { return !is_v4(); }
  constexpr std::uint32_t v4_value() const {  // host order; meaningful when is_v4()
    return static_cast<std::uint32_t>(low());
  }
  constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  constexpr bool is_any() const {  // 0.0.0.0 or ::
    return high() == 0 && (low() == 0 || low() == std::uint64_t{0xffff} << 32);
  }
  constexpr bool is_loopback() const {  // 127.0.0.0/8 or ::1
    return is_v4() ? v4_value() >> 24 == 127 : high() == 0 && low() == 1;
  }
  constexpr bool is_multicast() const {  // 224.0.0.0/4 or ff00::/8
    return is_v4() ? v4_value() >> 28 == 0xe : bytes_[0] == 0xff;
  }
  constexpr bool is_broadcast() const {  // 255.255.255.255
    return is_v4() && v4_value() == 0xffffffff;
  }
  bool is_link_local() const;
  // Usable as the source or destination of a TCP connection (RFC 1122 3.2.1.3, MUST-46, MUST-63):
  // not any, multicast, broadcast, class E or 0.0.0.0/8.
  constexpr bool is_unicast() const {
    if (is_v6()) return !is_any() && !is_multicast();
    const std::uint32_t first = v4_value() >> 24;
    return first != 0 && first < 224;  // 0/8 "this network", 224/4 multicast, 240/4 class E
  }

  // The two halves as numbers: a comparison is one of two words, for each packet several times.
  constexpr std::uint64_t high() const { return word(0); }
  constexpr std::uint64_t low() const { return word(8); }

  std::string to_string() const;
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.low() == b.low() && a.high() == b.high();
  }
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    return a.high() != b.high() ? a.high() <=> b.high() : a.low() <=> b.low();
  }

 private:
  constexpr std::uint64_t word(std::size_t at) const {  // one load and a byte swap
    const std::uint8_t* b = bytes_.data() + at;
    return std::uint64_t{b[0]} << 56 | std::uint64_t{b[1]} << 48 | std::uint64_t{b[2]} << 40 |
           std::uint64_t{b[3]} << 32 | std::uint64_t{b[4]} << 24 | std::uint64_t{b[5]} << 16 |
           std::uint64_t{b[6]} << 8 | b[7];
  }
  std::array<std::uint8_t, 16> bytes_{};
};

// A TCP port, in host order. 0 means "none chosen".
struct Port {
  std::uint16_t value = 0;
  friend constexpr auto operator<=>(Port, Port) = default;
};

struct Endpoint {
  IpAddress address;
  Port port;
  std::string to_string() const;  // 10.0.0.1:80, [fe80::1]:80
  // "10.0.0.1:80", "[::1]:80", ":80" (any_v6: both families) and "80" (the same).
  static std::optional<Endpoint> parse(std::string_view text);
  friend constexpr auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// A connection's name, seen from this end.
struct FourTuple {
  Endpoint local;
  Endpoint remote;
  constexpr FourTuple reversed() const { return {remote, local}; }
  friend constexpr auto operator<=>(const FourTuple&, const FourTuple&) = default;
};

// An address block. `length` counts within the address's own family (0-32 or 0-128).
struct Prefix {
  IpAddress address;
  int length = 0;
  bool contains(const IpAddress& a) const;  // false for the other family
  std::string to_string() const;
  static std::optional<Prefix> parse(std::string_view text);  // "10.0.0.0/24", "fd00::/64"
  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
};

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};
  std::string to_string() const;
  static std::optional<MacAddress> parse(std::string_view text);
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

}  // namespace estab
