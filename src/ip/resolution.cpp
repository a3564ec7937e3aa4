#include "ip/resolution.h"

#include <cerrno>

#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/ip.h"

namespace estab::ip {
namespace {

constexpr IpAddress kAllNodes = IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});

wire::EtherType type_of(const IpAddress& next_hop) {
  return next_hop.is_v4() ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6;
}

IcmpError host_unreachable(const SegmentName& segment) {
  const bool v6 = segment.tuple.local.address.is_v6();
  IcmpError error;
  error.tuple = segment.tuple;
  error.seq = segment.seq;
  error.kind = IcmpErrorKind::kSoftUnreachable;
  error.v6 = v6;
  error.type = v6 ? static_cast<std::uint8_t>(wire::Icmpv6Type::kDestinationUnreachable)
                  : static_cast<std::uint8_t>(wire::Icmpv4Type::kDestinationUnreachable);
  error.code = v6 ? static_cast<std::uint8_t>(wire::Icmpv6Unreachable::kAddress)
                  : static_cast<std::uint8_t>(wire::Icmpv4Unreachable::kHost);
  error.error = EHOSTUNREACH;
  error.reporter = segment.tuple.local.address;
  return error;
}

}  // namespace

SendResult Resolution::send(Interface& interface, const IpAddress& next_hop, OutgoingFrame frame,
                            const std::optional<SegmentName>& segment, Instant now) {
  if (interface.link == LinkKind::kIp) return interfaces_.push(interface, std::move(frame));
  const LinkAddress neighbour{interface.id, next_hop};
  if (const std::optional<MacAddress> mac = neighbours_.find(neighbour, now)) {
    return interfaces_.push(interface, *mac, type_of(next_hop), std::move(frame));
  }
  NeighbourActions actions;
  neighbours_.wait(neighbour, {std::move(frame), segment}, now, actions);
  carry_out(actions);
  return SendResult::kNeighbourPending;
}

void Resolution::on_time(Instant now, std::vector<IcmpError>& errors) {
  NeighbourActions actions;
  neighbours_.on_time(now, actions);
  carry_out(actions);
  for (const auto& lost : actions.unreachable) errors.push_back(host_unreachable(lost.segment));
}

void Resolution::carry_out(NeighbourActions& actions) {
  for (auto& release : actions.release) {
    Interface* interface = interfaces_.find(release.interface);
    if (interface == nullptr) continue;
    const bool v4 = release.frame.head()[0] >> 4 == 4;
    interfaces_.push(*interface, release.mac, v4 ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6,
                     std::move(release.frame));
  }
  for (const auto& ask : actions.solicit) {
    Interface* interface = interfaces_.find(ask.target.interface);
    if (interface == nullptr) continue;
    ask.target.address.is_v4() ? ask_arp(*interface, ask) : ask_ndp(*interface, ask);
  }
}

// Whether a message about `address` may say anything: not one about us, or about no single station.
bool Resolution::is_credible(const IpAddress& address) const {
  return address.is_unicast() && !routes_.is_local(address) && !routes_.is_broadcast(address);
}

// Who asks from an address of another network answers, if we asked, and is not remembered unasked.
// (A gateway may well be outside of our network.)
Heard Resolution::question_from(const Interface& interface, const IpAddress& address) const {
  return routes_.is_on_link(interface.id, address) ? Heard::kQuestion : Heard::kRumour;
}

void Resolution::receive_arp(Interface& interface, Bytes packet, Instant now) {
  const wire::Parsed<wire::ArpPacket> arp = wire::parse_arp(packet);
  if (!arp) {
    counters_.add(arp.error());
    return;
  }
  const bool for_us = routes_.is_address_of(interface.id, arp->target);
  const bool question = arp->operation == wire::ArpOperation::kRequest;
  if (!for_us) counters_.add(Counter::EstabArpIgnored);
  if (is_credible(arp->sender)) {
    Heard how = Heard::kRumour;  // RFC 5227 3: gratuitous ARP corrects, and adds nobody
    if (for_us && arp->sender != arp->target) {
      how = question ? question_from(interface, arp->sender) : Heard::kAnswer;
    }
    NeighbourActions actions;
    neighbours_.hear({interface.id, arp->sender}, arp->sender_mac, how, true, now, actions);
    carry_out(actions);
  }
  // A sender of 0.0.0.0 asks whether its address is free (RFC 5227 2.1.1): it is not.
  if (for_us && question && !routes_.is_local(arp->sender)) {
    send_arp(
        interface, arp->sender_mac,
        {wire::ArpOperation::kReply, interface.mac, arp->target, arp->sender_mac, arp->sender});
  }
}

void Resolution::ask_arp(Interface& interface, const NeighbourActions::Solicit& ask) {
  const IpAddress from =
      routes_.address_on(interface.id, ask.target.address).value_or(IpAddress::any_v4());
  send_arp(interface, ask.to.value_or(MacAddress::broadcast()),
           {wire::ArpOperation::kRequest, interface.mac, from, MacAddress{}, ask.target.address});
}

void Resolution::send_arp(Interface& interface, const MacAddress& to,
                          const wire::ArpPacket& packet) {
  OutgoingFrame frame;
  wire::build_arp(packet, frame.prepend(wire::ArpPacket::kSize));
  interfaces_.push(interface, to, wire::EtherType::kArp, std::move(frame));
}

void Resolution::receive_ndp(Interface& interface, const wire::IpPacket& packet,
                             const wire::IcmpMessage& message, const MacAddress& station,
                             Instant now) {
  const wire::Parsed<wire::NdpMessage> ndp = wire::parse_ndp(packet, message);
  if (!ndp) {
    counters_.add(ndp.error());
    return;
  }
  if (ndp->advertisement) {
    take_advertisement(interface, *ndp, now);
    return;
  }
  if (!routes_.is_address_of(interface.id, ndp->target)) {
    counters_.add(Counter::EstabNdpIgnored);
    return;
  }
  // RFC 4861 7.2.3
  if (ndp->link_address && is_credible(packet.source)) {
    NeighbourActions actions;
    neighbours_.hear({interface.id, packet.source}, *ndp->link_address, Heard::kQuestion, true, now,
                     actions);
    carry_out(actions);
  }
  answer_solicitation(interface, packet.source, *ndp, ndp->link_address.value_or(station));
}

// RFC 4861 7.2.5; an advertisement of an address of ours is somebody else's mistake, or an attack.
void Resolution::take_advertisement(Interface& interface, const wire::NdpMessage& told,
                                    Instant now) {
  const LinkAddress neighbour{interface.id, told.target};
  if (!is_credible(told.target)) {
    counters_.add(Counter::EstabNdpIgnored);
    return;
  }
  if (!told.link_address) {
    if (told.solicited) neighbours_.confirm(neighbour, now);
    return;
  }
  NeighbourActions actions;
  neighbours_.hear(neighbour, *told.link_address, told.solicited ? Heard::kAnswer : Heard::kRumour,
                   told.override_, now, actions);
  carry_out(actions);
}

// RFC 4861 7.2.4. Somebody who tries out an address asks from `::`, and is told at once, through
// the group of all nodes, that it is taken (RFC 4862 5.4.3).
void Resolution::answer_solicitation(Interface& interface, const IpAddress& source,
                                     const wire::NdpMessage& asked, const MacAddress& station) {
  const bool trial = source.is_any();
  wire::NdpMessage answer;
  answer.advertisement = true;
  answer.target = asked.target;
  answer.solicited = !trial;
  answer.override_ = true;
  answer.link_address = interface.mac;
  send_ndp(interface, trial ? wire::multicast_mac(kAllNodes) : station, asked.target,
           trial ? kAllNodes : source, answer);
}

void Resolution::ask_ndp(Interface& interface, const NeighbourActions::Solicit& ask) {
  const std::optional<IpAddress> from = routes_.address_on(interface.id, ask.target.address);
  if (!from) return;
  const IpAddress group = wire::solicited_node_group(ask.target.address);
  wire::NdpMessage question;
  question.target = ask.target.address;
  question.link_address = interface.mac;
  send_ndp(interface, ask.to.value_or(wire::multicast_mac(group)), *from,
           ask.to ? ask.target.address : group, question);
}

void Resolution::send_ndp(Interface& interface, const MacAddress& to, const IpAddress& source,
                          const IpAddress& destination, const wire::NdpMessage& message) {
  std::uint8_t bytes[wire::kMaxNdp];
  const std::size_t size = wire::build_ndp(message, source, destination, bytes);
  OutgoingFrame frame;
  std::memcpy(frame.prepend(size), bytes, size);
  wire::IpPacket header;
  header.source = source;
  header.destination = destination;
  header.protocol = static_cast<std::uint8_t>(wire::Protocol::kIcmpv6);
  header.ttl = wire::kNdpHopLimit;
  wire::build_ip(header, size, frame.prepend(wire::ip_header_size(header)));
  counters_.add(Counter::IcmpOutMsgs);
  counters_.add(Counter::IpOutRequests);
  interfaces_.push(interface, to, wire::EtherType::kIpv6, std::move(frame));
}

}  // namespace estab::ip
