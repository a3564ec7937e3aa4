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

// A frame on its way in: one contiguous piece of a buffer.
struct ReceivedFrame {
  Slice bytes;
  bool checksum_vouched = false;  // the device already verified the transport checksum
};

// A frame on its way out: headers in place, payload by reference.
class OutgoingFrame {
 public:
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
  Slice flatten() const;  // one contiguous copy

 private:
  std::array<std::uint8_t, kHeadroom> head_;
  std::uint16_t begin_ = kHeadroom;
  std::vector<Slice> payload_;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // "tun0", for messages and tools
  virtual LinkKind link() const = 0;
  virtual std::size_t mtu() const = 0;  // largest IP packet, bytes
  virtual MacAddress mac() const { return {}; }

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
