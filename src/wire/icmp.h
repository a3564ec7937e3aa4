// ICMP for IPv4 (RFC 792) and IPv6 (RFC 4443): parse, build, and the numbers.
#pragma once
#include "wire/headers.h"

namespace estab::wire {

enum class Icmpv4Type : std::uint8_t {
  kEchoReply = 0,
  kDestinationUnreachable = 3,
  kSourceQuench = 4,
  kRedirect = 5,
  kEcho = 8,
  kTimeExceeded = 11,
  kParameterProblem = 12,
};
enum class Icmpv4Unreachable : std::uint8_t {  // codes of kDestinationUnreachable (RFC
                                               // 1122 3.2.2.1)
  kNet = 0,
  kHost = 1,
  kProtocol = 2,
  kPort = 3,
  kFragmentationNeeded = 4,  // `rest` has the next hop's MTU in its low 16 bits (RFC 1191 4)
  kSourceRouteFailed = 5,
  kNetUnknown = 6,
  kHostUnknown = 7,
  kSourceHostIsolated = 8,
  kNetProhibited = 9,
  kHostProhibited = 10,
  kNetForTos = 11,
  kHostForTos = 12,
  kProhibited = 13,  // RFC 1812 5.2.7.1
  kPrecedenceViolation = 14,
  kPrecedenceCutoff = 15,
};
enum class Icmpv6Type : std::uint8_t {
  kDestinationUnreachable = 1,
  kPacketTooBig = 2,  // `rest` is the MTU
  kTimeExceeded = 3,
  kParameterProblem = 4,  // `rest` is the pointer
  kEchoRequest = 128,
  kEchoReply = 129,
  kRouterSolicitation = 133,  // RFC 4861
  kRouterAdvertisement = 134,
  kNeighbourSolicitation = 135,
  kNeighbourAdvertisement = 136,
  kRedirect = 137,
};
enum class Icmpv6Unreachable : std::uint8_t {
  kNoRoute = 0,
  kProhibited = 1,
  kBeyondScope = 2,
  kAddress = 3,
  kPort = 4,
  kSourcePolicy = 5,
  kRejectRoute = 6,
};
enum class TimeExceeded : std::uint8_t { kInTransit = 0, kReassembly = 1 };  // both versions
enum class Icmpv6ParameterProblem : std::uint8_t {
  kHeaderField = 0,
  kUnknownNextHeader = 1,
  kUnknownOption = 2,
  kIncompleteChain = 3,  // RFC 7112
};

inline constexpr std::size_t kIcmpHeader = 8;

// The version is the packet's. The checksum is verified. Fails with IcmpInErrors (under 8 bytes) or
// IcmpInCsumErrors.
Parsed<IcmpMessage> parse_icmp(const IpPacket& packet);

// Writes type, code, checksum, rest, body: kIcmpHeader + body.size() bytes. The addresses are read
// in version 6 alone.
void build_icmp(const IcmpMessage& message, const IpAddress& source, const IpAddress& destination,
                std::uint8_t* to);

}  // namespace estab::wire
