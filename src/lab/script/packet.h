// A packet as scripts speak of it: options in their order, every header field of TCP to be had,
// illegal ones too. Made of a script's line, or of bytes that left the stack.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "estab/address.h"
#include "estab/buffer.h"
#include "lab/script/ast.h"

namespace estab::lab {

struct TcpFields {
  Port source{};
  Port destination{};
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;  // wire::Flag bits
  bool accurate_ecn = false;
  std::uint8_t reserved = 0;  // the three bits before it
  std::uint16_t window = 0;
  std::uint16_t urgent = 0;
  std::vector<TcpOption> options;
  std::vector<std::uint8_t> payload;

  bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  // The three ACE bits (RFC 9768 3.1) as a number.
  int ace() const;
  TcpOption* option(std::uint8_t kind);
  const TcpOption* option(std::uint8_t kind) const;
};

// The packet that an ICMP error quotes, as far as scripts name it.
struct QuotedFields {
  std::uint8_t protocol = 6;
  IpAddress source;
  IpAddress destination;
  Port source_port{};
  Port destination_port{};
  std::uint32_t seq = 0;
  std::uint32_t payload = 0;
};

struct IcmpFields {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;
  std::optional<QuotedFields> quoted;
  std::vector<std::uint8_t> body;  // when nothing is quoted
};

struct Packet {
  IpAddress source;
  IpAddress destination;
  std::uint8_t tos = 0;
  std::uint8_t ttl = 255;
  std::uint32_t flow_label = 0;  // IPv6
  std::variant<TcpFields, IcmpFields> body;

  TcpFields* tcp() { return std::get_if<TcpFields>(&body); }
  const TcpFields* tcp() const { return std::get_if<TcpFields>(&body); }
  const IcmpFields* icmp() const { return std::get_if<IcmpFields>(&body); }
};

// The script's own numbers and ports; addresses are left to the caller. Fails with one line when an
// ICMP type or code has no such name in this family.
tl::expected<Packet, std::string> packet_of(const PacketSpec& spec, bool ipv6);

// With all checksums right.
std::vector<std::uint8_t> bytes_of(const Packet& packet);

// Checks the checksums that a stack must fill in. The error is one line.
tl::expected<Packet, std::string> parse_packet_bytes(Bytes bytes);

// "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>", as a script has it.
std::string text_of(const Packet& packet);
std::string text_of(const TcpOption& option);
std::string text_of(const std::vector<TcpOption>& options);

// Big-endian numbers inside an option.
inline std::uint32_t word_of(const TcpOption& option, std::size_t index) {
  return load_be32(option.data.data() + 4 * index);
}
inline void set_word(TcpOption& option, std::size_t index, std::uint32_t value) {
  store_be32(option.data.data() + 4 * index, value);
}

}  // namespace estab::lab
