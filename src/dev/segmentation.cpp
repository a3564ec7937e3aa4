#include "dev/segmentation.h"

#include <algorithm>

#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ip.h"

namespace estab::dev {
namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kIpv6Header = 40;

struct Layout {
  wire::IpPacket ip;
  std::size_t transport = 0;  // where the TCP header begins in the frame
  std::size_t data = 0;       // and where its data does
};

std::optional<Layout> layout_of(Bytes frame) {
  if (frame.size() < kEthernetHeader) return std::nullopt;
  const auto ip = wire::parse_ip(frame.subspan(kEthernetHeader));
  if (!ip || ip->protocol != static_cast<std::uint8_t>(wire::Protocol::kTcp) || ip->is_fragment() ||
      ip->payload.size() < 20) {
    return std::nullopt;
  }
  Layout layout;
  layout.ip = *ip;
  layout.transport = static_cast<std::size_t>(ip->payload.data() - frame.data());
  layout.data = layout.transport + std::size_t{ip->payload[12]} / 16 * 4;
  if (layout.data > layout.transport + ip->payload.size()) return std::nullopt;
  return layout;
}

void set_ip_length(const Layout& layout, std::uint16_t number, MutableBytes frame) {
  std::uint8_t* ip = frame.data() + kEthernetHeader;
  const std::size_t length = frame.size() - kEthernetHeader;
  if (!layout.ip.is_v4()) {
    wire::store16(ip + 4, static_cast<std::uint16_t>(length - kIpv6Header));
    return;
  }
  wire::store16(ip + 2, static_cast<std::uint16_t>(length));
  wire::store16(ip + 4, static_cast<std::uint16_t>(wire::load16(ip + 4) + number));
  wire::store16(ip + 10, 0);
  const std::size_t header = layout.transport - kEthernetHeader;
  wire::store16(ip + 10, wire::checksum_fold(wire::checksum_add(0, Bytes{ip, header})));
}

void set_tcp(const Layout& layout, std::size_t offset, bool last, MutableBytes frame) {
  constexpr std::uint8_t kFinPsh = 0x09;
  constexpr std::uint8_t kCwr = 0x80;
  std::uint8_t* tcp = frame.data() + layout.transport;
  wire::store32(tcp + 4, wire::load32(tcp + 4) + static_cast<std::uint32_t>(offset));
  if (!last) tcp[13] &= static_cast<std::uint8_t>(~kFinPsh);
  if (offset > 0) tcp[13] &= static_cast<std::uint8_t>(~kCwr);
  wire::store16(tcp + 16, 0);
  const Bytes covered = frame.subspan(layout.transport);
  const std::uint64_t sum =
      wire::pseudo_header_sum(layout.ip.source, layout.ip.destination, layout.ip.protocol,
                              static_cast<std::uint32_t>(covered.size()));
  wire::store16(tcp + 16, wire::checksum_fold(wire::checksum_add(sum, covered)));
}

}  // namespace

OffloadHeader offload_header(const OutgoingFrame& frame, LinkKind link) {
  OffloadHeader header;
  if (!frame.checksum_left()) return header;
  constexpr std::uint8_t kCwr = 0x80;
  const Bytes head = frame.head();
  header.flags = OffloadHeader::kNeedsChecksum;
  header.checksum_start = static_cast<std::uint16_t>(frame.tcp_offset());
  header.checksum_offset = OutgoingFrame::kTcpChecksum;
  if (frame.segment_size == 0) return header;
  const bool v4 = head[link == LinkKind::kEthernet ? kEthernetHeader : 0] >> 4 == 4;
  header.segmentation = v4 ? OffloadHeader::kTcp4 : OffloadHeader::kTcp6;
  if ((head[frame.tcp_offset() + 13] & kCwr) != 0) {
    header.segmentation |= OffloadHeader::kCongestionReduced;
  }
  header.header_length = static_cast<std::uint16_t>(head.size());
  header.segment_size = frame.segment_size;
  return header;
}

bool read_offload(const OffloadHeader& header, ReceivedFrame& frame) {
  frame.checksum_vouched =
      (header.flags & (OffloadHeader::kNeedsChecksum | OffloadHeader::kChecksumValid)) != 0;
  frame.segment_size = 0;
  const int kind = header.segmentation & ~OffloadHeader::kCongestionReduced;
  if (kind == 0) return true;
  frame.segment_size = header.segment_size;
  return (kind == OffloadHeader::kTcp4 || kind == OffloadHeader::kTcp6) && header.segment_size > 0;
}

bool complete_checksum(MutableBytes frame, std::size_t start, std::size_t offset) {
  if (start + offset + 2 > frame.size()) return false;
  const std::uint64_t sum = wire::checksum_add(0, frame.subspan(start));
  wire::store16(frame.data() + start + offset, wire::checksum_fold(sum));
  return true;
}

bool segment_tcp(Bytes frame, std::size_t payload, std::vector<Slice>& to) {
  const auto layout = layout_of(frame);
  if (!layout || payload == 0) return false;
  const Bytes headers = frame.first(layout->data);
  const Bytes data =
      frame.subspan(layout->data, layout->transport + layout->ip.payload.size() - layout->data);
  std::size_t offset = 0;
  std::uint16_t number = 0;
  do {
    const std::size_t count = std::min(payload, data.size() - offset);
    const std::size_t size = headers.size() + count;
    Slice piece{Buffer::allocate(size), 0, static_cast<std::uint32_t>(size)};
    const MutableBytes bytes{piece.buffer.data(), size};
    std::copy(headers.begin(), headers.end(), bytes.begin());
    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(offset), count,
                bytes.begin() + static_cast<std::ptrdiff_t>(headers.size()));
    set_ip_length(*layout, number++, bytes);
    set_tcp(*layout, offset, offset + count == data.size(), bytes);
    to.push_back(std::move(piece));
    offset += count;
  } while (offset < data.size());
  return true;
}

}  // namespace estab::dev
