#include "dev/tracer.h"

#include <fmt/format.h>

#include "dev/decorator.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/print.h"
#include "wire/tcp.h"

namespace estab::dev {
namespace {

std::string malformed(Counter reason, std::size_t length) {
  return fmt::format("{}, {} bytes", counter_name(reason), length);
}

std::string describe_tcp(const wire::IpPacket& packet, const Buffer& holder) {
  auto segment = wire::parse_tcp(packet, holder, false);
  std::string note;
  if (!segment && segment.error() == Counter::TcpInCsumErrors) {
    note = " (wrong checksum)";
    segment = wire::parse_tcp(packet, holder, true);
  }
  if (!segment) return malformed(segment.error(), packet.payload.size());
  // A parsed segment is seen from its receiver.
  return fmt::format("{} > {} {}{}", segment->tuple.remote.to_string(),
                     segment->tuple.local.to_string(), wire::segment_text(*segment), note);
}

std::string describe_icmp(const wire::IpPacket& packet) {
  const auto message = wire::parse_icmp(packet);
  if (!message) return malformed(message.error(), packet.payload.size());
  return fmt::format("{} > {} ICMP{} type {} code {}, {} bytes", packet.source.to_string(),
                     packet.destination.to_string(), message->v6 ? "v6" : "", message->type,
                     message->code, packet.payload.size());
}

std::string describe_ip(Bytes bytes, const Buffer& holder) {
  const auto packet = wire::parse_ip(bytes);
  if (!packet) return malformed(packet.error(), bytes.size());
  const std::string ends =
      fmt::format("{} > {}", packet->source.to_string(), packet->destination.to_string());
  if (packet->is_fragment()) {
    return fmt::format("{} fragment {} of {}: {}+{}{}", ends, packet->protocol,
                       packet->identification, packet->fragment_offset, packet->payload.size(),
                       packet->more_fragments ? ", more" : ", last");
  }
  if (packet->protocol == static_cast<std::uint8_t>(wire::Protocol::kTcp)) {
    return describe_tcp(*packet, holder);
  }
  const auto icmp = packet->is_v4() ? wire::Protocol::kIcmpv4 : wire::Protocol::kIcmpv6;
  if (packet->protocol == static_cast<std::uint8_t>(icmp)) return describe_icmp(*packet);
  return fmt::format("{} protocol {}, {} bytes", ends, packet->protocol, packet->payload.size());
}

std::string describe_arp(Bytes bytes) {
  const auto arp = wire::parse_arp(bytes);
  if (!arp) return malformed(arp.error(), bytes.size());
  if (arp->operation == wire::ArpOperation::kRequest) {
    return fmt::format("ARP who has {}? tell {}", arp->target.to_string(), arp->sender.to_string());
  }
  return fmt::format("ARP {} is at {}", arp->sender.to_string(), arp->sender_mac.to_string());
}

class Tracer : public Decorator {
 public:
  Tracer(std::unique_ptr<Device> wrapped, TraceSink sink)
      : Decorator(std::move(wrapped)), sink_(std::move(sink)) {}

  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override {
    const std::size_t before = in.size();
    inner().receive(now, limit, in);
    for (std::size_t i = before; i < in.size(); ++i) {
      sink_(now, Direction::kIn, describe_frame(link(), in[i].bytes));
    }
  }
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override {
    const std::size_t taken = inner().send(now, out);
    for (const OutgoingFrame& frame : out.first(taken)) {
      sink_(now, Direction::kOut, describe_frame(link(), frame.flatten()));
    }
    return taken;
  }

 private:
  TraceSink sink_;
};

}  // namespace

std::string describe_frame(LinkKind link, const Slice& frame) {
  if (link == LinkKind::kIp) return describe_ip(frame.bytes(), frame.buffer);
  const auto header = wire::parse_ethernet(frame.bytes());
  if (!header) return malformed(header.error(), frame.length);
  const Bytes rest = frame.bytes().subspan(wire::EthernetHeader::kSize);
  switch (static_cast<wire::EtherType>(header->type)) {
    case wire::EtherType::kIpv4:
    case wire::EtherType::kIpv6:
      return describe_ip(rest, frame.buffer);
    case wire::EtherType::kArp:
      return describe_arp(rest);
  }
  return fmt::format("{} > {} EtherType 0x{:04x}, {} bytes", header->source.to_string(),
                     header->destination.to_string(), header->type, rest.size());
}

std::unique_ptr<Device> with_trace(std::unique_ptr<Device> inner, TraceSink sink) {
  return std::make_unique<Tracer>(std::move(inner), std::move(sink));
}

}  // namespace estab::dev
