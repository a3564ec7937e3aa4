// What a stack needs of a network device, and what a device decorator wraps. A device moves frames;
// it knows no protocol above the link.
//
// Thread rules: a device belongs to the one thread that polls its stack.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "estab/address.h"
#include "estab/buffer.h"
#include "estab/time.h"

namespace estab {

enum class LinkKind : std::uint8_t {
  kIp,        // bare IP packets (TUN)
  kEthernet,  // Ethernet frames (TAP, AF_PACKET)
};

// What a device does in the stack's place, as a network card does for Linux.
struct Offloads {
  bool checksum = false;     // fills in the transport checksums that OutgoingFrame leaves to it
  std::size_t segments = 0;  // cuts TCP packets of up to this many bytes; 0: those of the MTU only
};

// A frame on its way in: one contiguous piece of a buffer.
struct ReceivedFrame {
  Slice bytes;
  // The transport checksum was verified, or never computed because nothing could corrupt it.
  bool checksum_vouched = false;
  // TCP segments of so many bytes of data (the last may have fewer) that came as one; 0: one.
  std::uint16_t segment_size = 0;
};

// A frame on its way out: headers in place, payload by reference.
class OutgoingFrame {
 public:
  static constexpr std::size_t kTcpChecksum = 16;  // where it is in the TCP header
  static constexpr std::size_t kHeadroom = 160;
  // Headers are written back to front: each layer asks for room before what is there.
  std::uint8_t* prepend(std::size_t n) {
    begin_ -= static_cast<std::uint16_t>(n);
    return head_.data() + begin_;
  }
  Bytes head() const { return {head_.data() + begin_, kHeadroom - begin_}; }
  std::vector<Slice>& payload() { return payload_; }
  const std::vector<Slice>& payload() const { return payload_; }
  std::size_t size() const {
    std::size_t n = kHeadroom - begin_;
    for (const Slice& s : payload_) n += s.length;
    return n;
  }
  // size() of the largest frame that it becomes.
  std::size_t largest() const {
    return segment_size == 0 ? size() : kHeadroom - begin_ + segment_size;
  }
  std::size_t count() const {  // how many it becomes
    const std::size_t data = size() - (kHeadroom - begin_);
    return segment_size == 0 ? 1 : (data + segment_size - 1) / segment_size;
  }
  Slice flatten() const;  // one contiguous copy

  // The TCP header, which is all that the head holds yet, has the pseudo-header's sum in the place
  // of its checksum. Only for a device whose offloads().checksum is true.
  void leave_checksum() { tcp_ = begin_; }
  bool checksum_left() const { return tcp_ != 0; }
  std::size_t tcp_offset() const { return tcp_ - begin_; }  // from head()'s begin; checksum_left()
  // Above 0: TCP segments of so many bytes of data, as one, for a device whose offloads().segments
  // is at least size() without the link's header. Its checksum is left.
  std::uint16_t segment_size = 0;

 private:
  std::array<std::uint8_t, kHeadroom> head_;
  std::uint16_t begin_ = kHeadroom;
  std::uint16_t tcp_ = 0;
  std::vector<Slice> payload_;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // "tun0", for messages and tools
  virtual LinkKind link() const = 0;
  virtual std::size_t mtu() const = 0;  // largest IP packet, bytes
  virtual MacAddress mac() const { return {}; }
  virtual Offloads offloads() const { return {}; }
  // From now on each frame, both ways, is one that the wire would carry. For what looks at single
  // frames (faults, captures); called before the device is given to a stack.
  virtual void stop_offloads() {}

  // Appends at most `limit` frames to `in`; fewer means that no more are there now.
  virtual void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) = 0;
  // Takes frames from the front of `out`. Returns how many were taken; fewer than out.size() means
  // that the device is full and the rest must be offered again (or dropped, as a NIC would).
  virtual std::size_t send(Instant now, std::span<const OutgoingFrame> out) = 0;

  // Readable when receive() has frames; -1 when only receive() itself can tell.
  virtual int poll_fd() const { return -1; }
  // For devices that hold frames back (faults): when to call receive() or send() again.
  virtual std::optional<Instant> next_wakeup() const { return std::nullopt; }
  // Frames that the device could not take or deliver, by its own count.
  virtual std::uint64_t dropped() const { return 0; }
};

}  // namespace estab
