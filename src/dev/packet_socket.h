// AF_PACKET on an interface as an Ethernet device: open_packet_socket(). For a veth whose other end
// is Linux's, where no TUN may be opened.
//
// Linux leaves checksums and segmentation of what it sends over a veth to a network card that is
// not there. The socket's PACKET_VNET_HDR says of each frame what is left to do, and so do we of
// ours. Without offloads receive() does it, so that frames are what the wire would carry. (Switching the offloads off does not help: they
// are those of the veth's other end, which may be in another namespace.)
#pragma once
#include <deque>
#include <memory>
#include <string>

#include "dev/file_descriptor.h"
#include "dev/segmentation.h"
#include "estab/devices.h"

namespace estab::dev {

class PacketSocket : public Device {
 public:
  // `socket` is bound to `interface` and has PACKET_VNET_HDR on.
  PacketSocket(FileDescriptor socket, std::string interface, std::size_t mtu, MacAddress mac,
               bool offloads);
  std::string name() const override { return name_; }
  LinkKind link() const override { return LinkKind::kEthernet; }
  std::size_t mtu() const override { return mtu_; }
  MacAddress mac() const override { return mac_; }
  Offloads offloads() const override;
  void stop_offloads() override { offloads_ = false; }
  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override;
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override;
  int poll_fd() const override { return socket_.get(); }
  // The past while pieces of a large frame wait that poll_fd() does not know of.
  std::optional<Instant> next_wakeup() const override;
  std::uint64_t dropped() const override;

 private:
  bool read_batch(std::size_t count);
  void accept(const OffloadHeader& offload, MutableBytes frame);
  std::size_t send_batch(std::span<const OutgoingFrame> out);

  FileDescriptor socket_;
  std::string name_;
  std::size_t mtu_;
  MacAddress mac_;
  bool offloads_;
  std::unique_ptr<std::uint8_t[]> scratch_;  // frames as they come
  std::deque<ReceivedFrame> ready_;
  std::vector<Slice> pieces_;
  mutable std::uint64_t dropped_ = 0;  // reading the kernel's count resets it
};

}  // namespace estab::dev
