// What the IP layer makes of received frames: the TCP segments for this host and the ICMP errors
// that quote a TCP segment of ours. Everything else it answers or drops itself.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/seq.h"
#include "estab/address.h"
#include "estab/buffer.h"
#include "wire/headers.h"

namespace estab::ip {

// An interface of one IpLayer; ids are not reused while the layer lives.
enum class InterfaceId : std::uint16_t { kLoopback = 0 };

// One packet for TCP: whole (reassembled where needed), from a unicast address to a unicast address
// of ours.
struct ReceivedSegment {
  wire::IpPacket packet;  // its `payload` and `options` lie in `holder`
  Buffer holder;
  InterfaceId interface = InterfaceId::kLoopback;
  bool checksum_vouched = false;   // parse_tcp need not verify the TCP checksum
  std::uint16_t segment_size = 0;  // wire::Segment::segment_size
  // The return route of a completed IPv4 source route: hand it unchanged to IpLayer::send as
  // SendOptions::ip_options (RFC 9293 3.9.2.1, MUST-53). Empty when there was none.
  std::vector<std::uint8_t> source_route;
};

// RFC 5461 2: what an ICMP error means to a connection. Source quench never appears (MUST-55).
enum class IcmpErrorKind : std::uint8_t {
  kSoftUnreachable,   // v4 codes 0, 1, 5, 11, 12; v6 codes 0, 2, 3: MUST-56
  kHardUnreachable,   // v4 2, 3, and those that Linux calls fatal; v6 1, 4, 5, 6: SHLD-26
  kTooBig,            // `mtu` says how much would fit
  kTimeExceeded,      // soft (RFC 1122 4.2.3.9)
  kParameterProblem,  // soft (RFC 1122 4.2.3.9)
};
std::string_view icmp_error_kind_name(IcmpErrorKind kind);  // "soft unreachable" ...

// Not yet believed: whoever receives one checks `seq` against what the connection has in flight
// (RFC 5927 4.1) before acting on it.
struct IcmpError {
  FourTuple tuple;  // of our connection: local is the quoted packet's source
  WireSeq seq;      // of the quoted segment
  IcmpErrorKind kind = IcmpErrorKind::kSoftUnreachable;
  bool v6 = false;
  std::uint8_t type = 0;  // ICMP's own; a neighbour that did not answer reads as host unreachable
  std::uint8_t code = 0;
  int error = 0;        // errno, as Linux maps it
  std::size_t mtu = 0;  // kTooBig: next-hop MTU (RFC 1191 5's plateau where IPv4 told none)
  IpAddress reporter;   // who sent the message; our own address when no message came
};

struct Received {
  std::vector<ReceivedSegment> segments;
  std::vector<IcmpError> errors;

  void clear() {
    segments.clear();
    errors.clear();
  }
};

}  // namespace estab::ip
