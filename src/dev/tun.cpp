#include "dev/tun.h"

#include <cerrno>

#include "dev/gather.h"
#include "dev/interface.h"

namespace estab::dev {
namespace {

// Ethernet's header, a VLAN tag, and a byte by which a frame that is too long shows.
constexpr std::size_t kBeyondMtu = 14 + 4 + 1;

}  // namespace

TunDevice::TunDevice(FileDescriptor queue, std::string name, LinkKind link, std::size_t mtu,
                     MacAddress mac)
    : queue_(std::move(queue)),
      name_(std::move(name)),
      link_(link),
      mtu_(mtu),
      mac_(mac),
      buffer_(mtu + kBeyondMtu) {}

void TunDevice::receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& in) {
  while (limit > 0) {
    const ssize_t got = ::read(queue_.get(), buffer_.room(), buffer_.capacity());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;  // EAGAIN: no more; EBADFD: the interface was deleted
    const auto size = static_cast<std::size_t>(got);
    if (size == buffer_.capacity()) {
      truncated();
      continue;
    }
    in.push_back({buffer_.take(size), false});
    --limit;
  }
}

// Somebody raised the interface's MTU: the kernel cut this frame, the next one will fit.
void TunDevice::truncated() {
  ++dropped_;
  const auto state = interface_state(name_);
  if (!state || state->mtu == mtu_) return;
  mtu_ = state->mtu;
  buffer_ = FrameBuffer(mtu_ + kBeyondMtu);
}

std::size_t TunDevice::send(Instant, std::span<const OutgoingFrame> out) {
  std::vector<iovec> pieces;
  for (std::size_t i = 0; i < out.size();) {
    pieces.clear();
    gather(out[i], pieces);
    const ssize_t put = ::writev(queue_.get(), pieces.data(), static_cast<int>(pieces.size()));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == EAGAIN || errno == ENOBUFS)) return i;
    if (put < 0) ++dropped_;  // EIO: the interface is down
    ++i;
  }
  return out.size();
}

}  // namespace estab::dev
