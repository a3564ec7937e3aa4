#include "dev/packet_socket.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "dev/gather.h"

namespace estab::dev {
namespace {

constexpr std::size_t kBatch = 32;
// The largest IP packet, Ethernet's header and some room by which a longer frame shows.
constexpr std::size_t kFrameRoom = 65536 + 64;

}  // namespace

PacketSocket::PacketSocket(FileDescriptor socket, std::string interface, std::size_t mtu,
                           MacAddress mac, bool offloads)
    : socket_(std::move(socket)),
      name_(std::move(interface)),
      mtu_(mtu),
      mac_(mac),
      offloads_(offloads),
      scratch_(std::make_unique_for_overwrite<std::uint8_t[]>(kBatch * kFrameRoom)) {}

void PacketSocket::receive(Instant, std::size_t limit, std::vector<ReceivedFrame>& in) {
  bool more = true;
  while (limit > 0) {
    if (ready_.empty() && more) more = read_batch(std::min(limit, kBatch));
    if (ready_.empty() && !more) return;
    for (; limit > 0 && !ready_.empty(); --limit) {
      in.push_back(std::move(ready_.front()));
      ready_.pop_front();
    }
  }
}

// Reads up to `count` frames (at most kBatch) into ready_. False when the socket is empty.
bool PacketSocket::read_batch(std::size_t count) {
  std::array<OffloadHeader, kBatch> offloads;
  std::array<std::array<iovec, 2>, kBatch> rooms;
  std::array<mmsghdr, kBatch> messages{};
  for (std::size_t i = 0; i < count; ++i) {
    rooms[i][0] = {&offloads[i], sizeof(offloads[i])};
    rooms[i][1] = {scratch_.get() + i * kFrameRoom, kFrameRoom};
    messages[i].msg_hdr.msg_iov = rooms[i].data();
    messages[i].msg_hdr.msg_iovlen = rooms[i].size();
  }
  const int got = ::recvmmsg(socket_.get(), messages.data(), static_cast<unsigned>(count),
                             MSG_DONTWAIT, nullptr);
  if (got < 0) {
    if (errno == EINVAL) ++dropped_;  // a kind of offload that the header cannot express
    return errno == EINVAL || errno == EINTR;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    const std::size_t size = messages[i].msg_len;
    if (size < sizeof(OffloadHeader) || (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      ++dropped_;
      continue;
    }
    accept(offloads[i], {scratch_.get() + i * kFrameRoom, size - sizeof(OffloadHeader)});
  }
  return static_cast<std::size_t>(got) == count;
}

void PacketSocket::accept(const OffloadHeader& offload, MutableBytes frame) {
  if (offloads_) {
    ReceivedFrame whole{.bytes = Slice::copy_of(frame)};
    if (read_offload(offload, whole)) {
      ready_.push_back(std::move(whole));
    } else {
      ++dropped_;
    }
    return;
  }
  const bool incomplete = (offload.flags & OffloadHeader::kNeedsChecksum) != 0;
  const bool vouched = incomplete || (offload.flags & OffloadHeader::kChecksumValid) != 0;
  if (offload.segmentation != 0) {
    pieces_.clear();
    if (!segment_tcp(frame, offload.segment_size, pieces_)) ++dropped_;
    for (Slice& piece : pieces_) ready_.push_back({std::move(piece), vouched});
    return;
  }
  if (incomplete && !complete_checksum(frame, offload.checksum_start, offload.checksum_offset)) {
    ++dropped_;
    return;
  }
  ready_.push_back({Slice::copy_of(frame), vouched});
}

Offloads PacketSocket::offloads() const {
  return offloads_ ? Offloads{.checksum = true, .segments = kLargestPacket} : Offloads{};
}

std::size_t PacketSocket::send(Instant, std::span<const OutgoingFrame> out) {
  std::size_t taken = 0;
  while (taken < out.size()) {
    const std::size_t count = std::min(out.size() - taken, kBatch);
    const std::size_t sent = send_batch(out.subspan(taken, count));
    taken += sent;
    if (sent > 0) continue;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) break;
    ++dropped_;  // too long, the interface is down, its queue is full
    ++taken;
  }
  return taken;
}

// Returns how many were taken; 0 with errno set.
std::size_t PacketSocket::send_batch(std::span<const OutgoingFrame> out) {
  std::vector<iovec> pieces;
  std::array<OffloadHeader, kBatch> offloads;
  std::array<std::size_t, kBatch + 1> begin{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    offloads[i] = offload_header(out[i], LinkKind::kEthernet);
    pieces.push_back({&offloads[i], sizeof(OffloadHeader)});
    gather(out[i], pieces);
    begin[i + 1] = pieces.size();
  }
  std::array<mmsghdr, kBatch> messages{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    messages[i].msg_hdr.msg_iov = pieces.data() + begin[i];
    messages[i].msg_hdr.msg_iovlen = begin[i + 1] - begin[i];
  }
  const int sent =
      ::sendmmsg(socket_.get(), messages.data(), static_cast<unsigned>(out.size()), MSG_DONTWAIT);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

std::optional<Instant> PacketSocket::next_wakeup() const {
  return ready_.empty() ? std::nullopt : std::optional(Instant::min());
}

std::uint64_t PacketSocket::dropped() const {
  tpacket_stats stats{};
  socklen_t size = sizeof(stats);
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    dropped_ += stats.tp_drops;
  }
  return dropped_;
}

}  // namespace estab::dev
