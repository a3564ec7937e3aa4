#include "ip/output.h"

#include <algorithm>

#include "wire/ip.h"

namespace estab::ip {

std::optional<NextHop> Output::route(const wire::IpPacket& header, const Via& via) {
  counters_.add(Counter::IpOutRequests);
  auto hop = routes_.lookup(via.first_hop.value_or(header.destination), via.preferred);
  const bool leaves = hop && hop->interface != InterfaceId::kLoopback;
  // RFC 1122 3.2.1.3 (g): a loopback address must not appear outside a host.
  if (!hop ||
      (leaves && (header.source.is_loopback() || interfaces_.find(hop->interface) == nullptr))) {
    counters_.add(Counter::IpOutNoRoutes);
    return std::nullopt;
  }
  return hop;
}

std::size_t Output::link_mtu(const NextHop& hop) const {
  if (hop.interface == InterfaceId::kLoopback) return 65535;
  const Interface* interface = interfaces_.find(hop.interface);
  return interface == nullptr ? 0 : interface->mtu();
}

std::size_t Output::mtu_for(const IpAddress& destination, Instant now) const {
  const std::optional<NextHop> hop = routes_.lookup(destination);
  if (!hop) return 0;
  const std::size_t link = link_mtu(*hop);
  if (hop->interface == InterfaceId::kLoopback) return link;
  const std::optional<PathMtuCache::Path> path = paths_.find(destination, now);
  return path ? std::min(path->mtu, link) : link;
}

SendResult Output::send(wire::IpPacket header, OutgoingFrame frame, const Via& via, Instant now) {
  const std::optional<NextHop> hop = route(header, via);
  if (!hop) return SendResult::kNoRoute;
  return send_to(*hop, header, std::move(frame), via, now);
}

Offloads Output::offloads(const NextHop& hop) const {
  // What never leaves this memory cannot be corrupted on its way.
  if (hop.interface == InterfaceId::kLoopback) return {.checksum = true, .segments = 0};
  return interfaces_.find(hop.interface)->offloads;
}

SendResult Output::send_to(const NextHop& hop, wire::IpPacket header, OutgoingFrame frame,
                           const Via& via, Instant now) {
  std::size_t mtu = link_mtu(hop);
  if (hop.interface != InterfaceId::kLoopback) {
    const std::optional<PathMtuCache::Path> path = paths_.find(header.destination, now);
    if (path && path->may_fragment && !via.df_stays) header.dont_fragment = false;
    // Routers of IPv6 fragment nothing, those of IPv4 only without DF.
    if (path && (header.dont_fragment || !header.is_v4())) mtu = std::min(mtu, path->mtu);
  }
  if (wire::ip_header_size(header) + frame.largest() > mtu) return SendResult::kTooBig;
  // RFC 6864 4.1: the ID of an atomic datagram means nothing, so it tells nothing.
  header.identification = 0;
  if (header.is_v4() && !header.dont_fragment) {
    header.identification = ids_.next(header.destination) & 0xffff;
    // The device counts on from the first.
    for (std::size_t i = 1; i < frame.count(); ++i) ids_.next(header.destination);
  }
  return hand_over(header, hop, std::move(frame), via, now);
}

SendResult Output::hand_over(const wire::IpPacket& header, const NextHop& hop, OutgoingFrame frame,
                             const Via& via, Instant now) {
  wire::IpPacket on_wire = header;
  if (via.first_hop) on_wire.destination = *via.first_hop;
  const std::size_t payload = frame.size();
  wire::build_ip(on_wire, payload, frame.prepend(wire::ip_header_size(on_wire)));
  if (hop.interface == InterfaceId::kLoopback) return loop_back(frame);
  Interface* interface = interfaces_.find(hop.interface);
  return resolution_.send(*interface, hop.address, std::move(frame), via.segment, now);
}

SendResult Output::loop_back(const OutgoingFrame& frame) {
  if (loopback_.size() >= kMaxLoopback) {
    counters_.add(Counter::EstabLinkSendDropped);
    return SendResult::kQueueFull;
  }
  loopback_.push_back(frame.flatten());
  return SendResult::kSent;
}

SendResult Output::send_fragmented(wire::IpPacket header, const Slice& payload, const Via& via,
                                   Instant now) {
  const std::optional<NextHop> hop = route(header, via);
  if (!hop) return SendResult::kNoRoute;
  std::size_t mtu = link_mtu(*hop);
  const auto path = paths_.find(header.destination, now);
  if (path && hop->interface != InterfaceId::kLoopback) mtu = std::min(mtu, path->mtu);
  header.dont_fragment = false;
  const std::size_t header_size = wire::ip_header_size(header);
  // A path so narrow that nothing fits takes the smallest fragments there are.
  const std::size_t fragment_header = header.is_v4() ? 0 : 8;
  const std::size_t room = std::max(mtu, header_size + fragment_header + 8) - header_size;
  const bool whole = payload.length <= room;
  if (!whole || header.is_v4()) {
    header.identification = ids_.next(header.destination) & (header.is_v4() ? 0xffff : 0xffffffff);
  }
  const auto step = static_cast<std::uint32_t>(whole ? room : (room - fragment_header) / 8 * 8);
  std::uint32_t offset = 0;
  SendResult result = SendResult::kSent;
  do {
    const std::uint32_t length = std::min(step, payload.length - offset);
    header.fragment_offset = static_cast<std::uint16_t>(offset);
    header.more_fragments = offset + length < payload.length;
    OutgoingFrame frame;
    frame.payload().push_back(payload.sub(offset, length));
    result = hand_over(header, *hop, std::move(frame), via, now);
    offset += length;
  } while (offset < payload.length);
  return result;
}

}  // namespace estab::ip
