#include "ip/input.h"

#include "ip/icmp.h"
#include "ip/source_route.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ip.h"

namespace estab::ip {
namespace {

bool is_protocol(const wire::IpPacket& packet, wire::Protocol protocol) {
  return packet.protocol == static_cast<std::uint8_t>(protocol);
}

bool is_group(const MacAddress& mac) { return (mac.bytes[0] & 1) != 0; }

// Duplicate address detection asks from `::` (RFC 4862 5.4.2): only there is it a source.
bool may_come_from_nowhere(const wire::IpPacket& packet) {
  return !packet.is_v4() && is_protocol(packet, wire::Protocol::kIcmpv6) &&
         packet.destination.is_multicast() && !packet.is_fragment();
}

}  // namespace

void Input::receive_frame(Interface& interface, const ReceivedFrame& frame, Instant now,
                          Received& out) {
  Arrival arrival;
  arrival.interface = interface.id;
  arrival.checksum_vouched = frame.checksum_vouched;
  arrival.segment_size = frame.segment_size;
  arrival.bytes = frame.bytes;
  if (interface.link == LinkKind::kIp) {
    receive_packet(arrival, now, out);
    return;
  }
  const wire::Parsed<wire::EthernetHeader> link = wire::parse_ethernet(frame.bytes.bytes());
  if (!link) {
    counters_.add(link.error());
    return;
  }
  arrival.link_group = is_group(link->destination);
  if (!arrival.link_group && link->destination != interface.mac) {
    counters_.add(Counter::EstabLinkNotForUs);
    return;
  }
  arrival.station = link->source;
  constexpr std::uint32_t kLinkHeader = wire::EthernetHeader::kSize;
  arrival.bytes = frame.bytes.sub(kLinkHeader, frame.bytes.length - kLinkHeader);
  switch (static_cast<wire::EtherType>(link->type)) {
    case wire::EtherType::kArp:
      output_.resolution().receive_arp(interface, arrival.bytes.bytes(), now);
      return;
    case wire::EtherType::kIpv4:
    case wire::EtherType::kIpv6:
      receive_packet(arrival, now, out);
      return;
  }
  counters_.add(Counter::EstabLinkUnknownType);
}

void Input::receive_packet(const Arrival& arrival, Instant now, Received& out) {
  if (!arrival.reassembled) counters_.add(Counter::IpInReceives);
  const wire::Parsed<wire::IpPacket> packet = wire::parse_ip(arrival.bytes.bytes());
  if (!packet) {
    refuse_unparsed(arrival, packet.error(), now);
    return;
  }
  if (is_refused(arrival, *packet)) return;
  if (packet->is_fragment()) {
    receive_fragment(arrival, *packet, now, out);
  } else {
    deliver(arrival, *packet, now, out);
  }
}

void Input::refuse_unparsed(const Arrival& arrival, Counter why, Instant now) {
  counters_.add(why);
  const Bytes bytes = arrival.bytes.bytes();
  const std::optional<wire::Ip6Problem> problem = wire::ip6_parameter_problem(bytes);
  if (!problem) return;
  const std::optional<wire::IpPacket> packet = outline_of_refused(bytes);
  if (!packet || martian_source(packet->source, arrival.origin, routes_) ||
      !is_for_us(arrival, *packet)) {
    return;
  }
  answers_.parameter_problem(*packet, bytes, arrival.link_group, arrival.interface, *problem, now);
}

// Counts why, when it is.
bool Input::is_refused(const Arrival& arrival, const wire::IpPacket& packet) {
  std::optional<Counter> why = martian_source(packet.source, arrival.origin, routes_);
  if (!why && packet.source.is_any() && !may_come_from_nowhere(packet)) {
    why = Counter::EstabIpMartianSource;
  }
  if (!why) why = martian_destination(packet.destination, arrival.origin);
  if (!why && !is_for_us(arrival, packet)) why = Counter::IpInAddrErrors;
  const bool to_group =
      packet.destination.is_multicast() || routes_.is_broadcast(packet.destination);
  if (!why && (to_group || arrival.link_group) && is_protocol(packet, wire::Protocol::kTcp)) {
    why = Counter::EstabTcpBroadcast;  // RFC 9293 3.9.2.3, MUST-57
  }
  // RFC 1122 3.3.6: a frame to all with a packet to one is an attack or an error.
  if (!why && arrival.link_group && !to_group) why = Counter::EstabIpMartianDestination;
  if (!why) {
    const RouteOption route = source_route_of(packet);
    const bool refused = route == RouteOption::kUnfinished ||  // we are no router
                         (route == RouteOption::kCompleted && tuning_.accept_source_route == 0);
    if (refused) why = Counter::EstabIpSourceRouted;
  }
  if (why) counters_.add(*why);
  return why.has_value();
}

bool Input::is_for_us(const Arrival& arrival, const wire::IpPacket& packet) {
  const IpAddress& to = packet.destination;
  if (to.is_loopback()) return arrival.origin == Origin::kLoopback;
  if (to.is_multicast()) return to.is_v4() || routes_.is_joined_group(to);
  return routes_.is_local(to) || routes_.is_broadcast(to);
}

void Input::receive_fragment(const Arrival& arrival, const wire::IpPacket& packet, Instant now,
                             Received& out) {
  const Bytes bytes = arrival.bytes.bytes().first(packet.total_length);
  const Reassembler::Outcome outcome = reassembler_.add(packet, bytes, arrival.link_group, now);
  if (outcome.problem_at) {
    wire::Ip6Problem problem;
    problem.pointer = *outcome.problem_at;
    answers_.parameter_problem(packet, bytes, arrival.link_group, arrival.interface, problem, now);
  }
  if (!outcome.whole) return;
  Arrival whole = arrival;
  whole.bytes = *outcome.whole;
  whole.checksum_vouched = false;
  whole.segment_size = 0;
  whole.reassembled = true;
  receive_packet(whole, now, out);
}

void Input::deliver(const Arrival& arrival, const wire::IpPacket& packet, Instant now,
                    Received& out) {
  constexpr Counter kMarks[] = {Counter::IpExtInNoECTPkts, Counter::IpExtInECT1Pkts,
                                Counter::IpExtInECT0Pkts, Counter::IpExtInCEPkts};
  counters_.add(kMarks[packet.tos & 3]);  // RFC 3168 5
  if (is_protocol(packet, wire::Protocol::kTcp)) {
    deliver_segment(arrival, packet, out);
    return;
  }
  if (is_protocol(packet, packet.is_v4() ? wire::Protocol::kIcmpv4 : wire::Protocol::kIcmpv6)) {
    counters_.add(Counter::IpInDelivers);
    receive_icmp(arrival, packet, now, out);
    return;
  }
  counters_.add(Counter::IpInUnknownProtos);
  if (!packet.is_v4() && packet.protocol == wire::kNoNextHeader) return;
  answers_.unknown_protocol(arrival, packet, now);
}

void Input::deliver_segment(const Arrival& arrival, const wire::IpPacket& packet, Received& out) {
  counters_.add(Counter::IpInDelivers);
  ReceivedSegment segment;
  segment.packet = packet;
  segment.holder = arrival.bytes.buffer;
  segment.interface = arrival.interface;
  segment.checksum_vouched = arrival.checksum_vouched;
  segment.segment_size = arrival.segment_size;
  if (!packet.options.empty()) segment.source_route = return_option(packet);
  out.segments.push_back(std::move(segment));
}

void Input::receive_icmp(const Arrival& arrival, const wire::IpPacket& packet, Instant now,
                         Received& out) {
  counters_.add(Counter::IcmpInMsgs);
  const wire::Parsed<wire::IcmpMessage> message = wire::parse_icmp(packet);
  if (!message) {
    counters_.add(message.error());
    return;
  }
  if (const std::optional<Counter> counter = icmp_counter(*message)) counters_.add(*counter);
  const auto echo = message->v6 ? static_cast<std::uint8_t>(wire::Icmpv6Type::kEchoRequest)
                                : static_cast<std::uint8_t>(wire::Icmpv4Type::kEcho);
  const bool discovery =
      message->v6 &&
      message->type >= static_cast<std::uint8_t>(wire::Icmpv6Type::kRouterSolicitation) &&
      message->type <= static_cast<std::uint8_t>(wire::Icmpv6Type::kRedirect);
  if (message->type == echo) {
    answers_.echo(arrival, packet, *message, now);
  } else if (discovery) {
    Interface* interface = interfaces_.find(arrival.interface);
    // RFC 6980 5: in fragments it escapes what guards the link.
    if (interface == nullptr || interface->link == LinkKind::kIp || arrival.reassembled) {
      counters_.add(Counter::EstabNdpIgnored);
      return;
    }
    output_.resolution().receive_ndp(*interface, packet, *message, arrival.station, now);
  } else {
    receive_icmp_error(packet, *message, out);
  }
}

// MUST-54: to the connection that caused it, which decides whether to believe it.
void Input::receive_icmp_error(const wire::IpPacket& packet, const wire::IcmpMessage& message,
                               Received& out) {
  const std::optional<IcmpMeaning> meaning = icmp_meaning(message);
  if (!meaning) return;  // a query, source quench (MUST-55), or a code that means nothing
  if (!message.v6 && meaning->kind == IcmpErrorKind::kTooBig) {
    counters_.add(Counter::IcmpInPktTooBig);
  }
  if (!routes_.is_local(packet.destination)) {  // errors go to one host (RFC 1122 3.2.2)
    counters_.add(Counter::IcmpInErrors);
    return;
  }
  wire::Parsed<IcmpError> error = quoted_segment(message, *meaning, routes_);
  if (!error) {
    counters_.add(error.error());
    return;
  }
  error->reporter = packet.source;
  out.errors.push_back(*error);
}

void Input::on_time(Instant now) {
  std::vector<ExpiredReassembly> expired;
  reassembler_.on_time(now, expired);
  for (const ExpiredReassembly& e : expired) {
    const Bytes first(e.first_fragment.data(), e.first_fragment.capacity());
    answers_.reassembly_timed_out(first, e.link_group, now);
  }
}

}  // namespace estab::ip
