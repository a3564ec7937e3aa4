// TUN and TAP: open_tun() and open_tun_queues(). Before each frame is an OffloadHeader
// (IFF_VNET_HDR) and no other information (IFF_NO_PI); reads and writes do not block.
#pragma once
#include <sys/uio.h>

#include <memory>
#include <string>

#include "dev/file_descriptor.h"
#include "dev/frame_buffer.h"
#include "estab/devices.h"

namespace estab::dev {

class TunDevice : public Device {
 public:
  // `queue` is attached to the interface `name`, whose MTU is `mtu`, with IFF_VNET_HDR.
  // `offloads`: Linux was told that frames may be large and their checksums left.
  TunDevice(FileDescriptor queue, std::string name, LinkKind link, std::size_t mtu, MacAddress mac,
            bool offloads);
  std::string name() const override { return name_; }
  LinkKind link() const override { return link_; }
  std::size_t mtu() const override { return mtu_; }
  MacAddress mac() const override { return mac_; }
  Offloads offloads() const override;
  void stop_offloads() override;
  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override;
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override;
  int poll_fd() const override { return queue_.get(); }
  std::uint64_t dropped() const override { return dropped_; }

 private:
  std::size_t largest() const;
  void follow_mtu();

  FileDescriptor queue_;
  std::string name_;
  LinkKind link_;
  std::size_t mtu_;
  MacAddress mac_;
  bool offloads_;
  std::vector<iovec> pieces_;
  FrameBuffer buffer_;
  std::uint64_t dropped_ = 0;
};

}  // namespace estab::dev
