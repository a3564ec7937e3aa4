#include "dev/tun.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "dev/gather.h"
#include "dev/interface.h"
#include "dev/segmentation.h"

namespace estab::dev {
namespace {

// Ethernet's header, a VLAN tag, and a byte by which a frame that is too long shows.
constexpr std::size_t kBeyondMtu = 14 + 4 + 1;

}  // namespace

TunDevice::TunDevice(FileDescriptor queue, std::string name, LinkKind link, std::size_t mtu,
                     MacAddress mac, bool offloads)
    : queue_(std::move(queue)),
      name_(std::move(name)),
      link_(link),
      mtu_(mtu),
      mac_(mac),
      offloads_(offloads),
      buffer_(largest()) {}

Offloads TunDevice::offloads() const {
  return offloads_ ? Offloads{.checksum = true, .segments = kLargestPacket} : Offloads{};
}

void TunDevice::stop_offloads() {
  ::ioctl(queue_.get(), TUNSETOFFLOAD, 0UL);
  offloads_ = false;
  buffer_ = FrameBuffer(largest());
}

std::size_t TunDevice::largest() const {
  return (offloads_ ? std::max(mtu_, kLargestPacket) : mtu_) + kBeyondMtu;
}

void TunDevice::receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& in) {
  while (limit > 0) {
    OffloadHeader header;
    const std::array<iovec, 2> rooms{iovec{&header, sizeof(header)},
                                     iovec{buffer_.room(), buffer_.capacity()}};
    const ssize_t got = ::readv(queue_.get(), rooms.data(), rooms.size());
    if (got < 0 && errno == EINTR) continue;
    // EAGAIN: no more; EBADFD: the interface was deleted
    if (got <= static_cast<ssize_t>(sizeof(header))) return;
    const std::size_t size = static_cast<std::size_t>(got) - sizeof(header);
    if (size == buffer_.capacity()) {  // cut; the next one will fit
      ++dropped_;
      follow_mtu();
      continue;
    }
    ReceivedFrame frame{.bytes = buffer_.take(size)};
    if (!read_offload(header, frame)) {
      ++dropped_;
      continue;
    }
    if (frame.segment_size == 0 && size >= mtu_ + kBeyondMtu) follow_mtu();
    in.push_back(std::move(frame));
    --limit;
  }
}

// Somebody raised the interface's MTU.
void TunDevice::follow_mtu() {
  const auto state = interface_state(name_);
  if (!state || state->mtu == mtu_) return;
  mtu_ = state->mtu;
  buffer_ = FrameBuffer(largest());
}

std::size_t TunDevice::send(Instant, std::span<const OutgoingFrame> out) {
  for (std::size_t i = 0; i < out.size();) {
    OffloadHeader header = offload_header(out[i], link_);
    pieces_.assign({iovec{&header, sizeof(header)}});
    gather(out[i], pieces_);
    const ssize_t put = ::writev(queue_.get(), pieces_.data(), static_cast<int>(pieces_.size()));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == ENOBUFS)) return i;
    if (put < 0) ++dropped_;  // EIO: the interface is down
    ++i;
  }
  return out.size();
}

}  // namespace estab::dev
