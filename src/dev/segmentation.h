// What a network card does for Linux and a packet socket has to do itself: Linux hands over frames
// whose transport checksum is not computed, and TCP frames of up to 64 KB that are not yet cut to
// the MTU. These make of them what would be on the wire.
#pragma once
#include <cstdint>
#include <vector>

#include "estab/device.h"

namespace estab::dev {

// What precedes each frame of a packet socket with PACKET_VNET_HDR (virtio 1.1, 5.1.6), in the
// machine's byte order. (Linux's own header for it is no C++.)
struct OffloadHeader {
  static constexpr std::uint8_t kNeedsChecksum = 1;  // flags: checksum_start and _offset say where
  static constexpr std::uint8_t kChecksumValid = 2;  // flags: somebody verified it
  std::uint8_t flags = 0;
  static constexpr std::uint8_t kTcp4 = 1, kTcp6 = 4;  // segmentation
  static constexpr std::uint8_t kCongestionReduced = 0x80;
  std::uint8_t segmentation = 0;  // 0: none left to do
  std::uint16_t header_length = 0;
  std::uint16_t segment_size = 0;  // bytes of data in each
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(OffloadHeader) == 10);

// The largest IP packet that is left to be cut.
inline constexpr std::size_t kLargestPacket = 65535;
// What Linux has to be told of a frame that it takes from us.
OffloadHeader offload_header(const OutgoingFrame& frame, LinkKind link);
// And what it told us: false when it left the frame in a way that we did not ask for.
bool read_offload(const OffloadHeader& header, ReceivedFrame& frame);

// Computes the checksum that covers `frame` from `start` on and is stored `offset` bytes after
// `start`, where the pseudo-header's sum waits. False when these lie outside the frame.
bool complete_checksum(MutableBytes frame, std::size_t start, std::size_t offset);

// Cuts the Ethernet frame of a large TCP segment into frames of at most `payload` bytes of data
// each, as RFC 9293 would have sent them: sequence numbers go on, PSH and FIN are the last one's,
// CWR the first one's (RFC 3168 6.1.2), IPv4 identifications count up, checksums are whole. False,
// and nothing appended, when it is not TCP over IPv4 or IPv6 or `payload` is 0.
bool segment_tcp(Bytes frame, std::size_t payload, std::vector<Slice>& to);

}  // namespace estab::dev
