// The link of a virtual host: what the caller gives arrives, what leaves waits to be taken.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "estab/device.h"

namespace estab::lab {

// A packet that left the host, from its first IP byte on.
struct LeftPacket {
  Instant at;
  std::vector<std::uint8_t> bytes;
};

class ScriptDevice : public Device {
 public:
  explicit ScriptDevice(std::size_t mtu) : mtu_(mtu) {}
  std::string name() const override { return "script"; }
  LinkKind link() const override { return LinkKind::kIp; }
  std::size_t mtu() const override { return mtu_; }
  void receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& in) override {
    for (; limit > 0 && !in_.empty(); --limit) {
      in.push_back({std::move(in_.front()), false});
      in_.pop_front();
    }
  }
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override {
    for (const OutgoingFrame& frame : out) {
      const Slice flat = frame.flatten();
      out_.push_back({now, {flat.bytes().begin(), flat.bytes().end()}});
    }
    return out.size();
  }

  void inject(Bytes packet) { in_.push_back(Slice::copy_of(packet)); }
  std::optional<LeftPacket> take() {
    if (out_.empty()) return std::nullopt;
    LeftPacket packet = std::move(out_.front());
    out_.pop_front();
    return packet;
  }

 private:
  std::size_t mtu_;
  std::deque<Slice> in_;
  std::deque<LeftPacket> out_;
};

}  // namespace estab::lab
