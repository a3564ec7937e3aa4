#include "ip/icmp_answers.h"

#include <algorithm>

#include "base/defence.h"
#include "ip/icmp.h"
#include "ip/source_route.h"
#include "wire/icmp.h"

namespace estab::ip {
namespace {

// An error as a whole: RFC 1812 4.3.2.3 for IPv4, RFC 4443 2.4 (c) for IPv6.
constexpr std::size_t kLargestErrorV4 = 576;
constexpr std::size_t kLargestErrorV6 = kMinimumMtuV6;

template <class Type>
constexpr std::uint8_t number(Type type) {
  return static_cast<std::uint8_t>(type);
}

wire::IpPacket reply_header(const IpAddress& from, const IpAddress& to, std::uint8_t ttl) {
  wire::IpPacket header;
  header.source = from;
  header.destination = to;
  header.protocol = number(to.is_v4() ? wire::Protocol::kIcmpv4 : wire::Protocol::kIcmpv6);
  header.ttl = ttl;
  return header;
}

Slice build(const wire::IcmpMessage& message, const IpAddress& from, const IpAddress& to) {
  const auto size = static_cast<std::uint32_t>(wire::kIcmpHeader + message.body.size());
  Slice built{Buffer::allocate(size), 0, size};
  wire::build_icmp(message, from, to, built.buffer.data());
  return built;
}

}  // namespace

void IcmpAnswers::echo(const Arrival& arrival, const wire::IpPacket& packet,
                       const wire::IcmpMessage& message, Instant now) {
  if (tuning_.icmp_echo_ignore_all != 0) return;
  const bool to_group = arrival.link_group || packet.destination.is_multicast() ||
                        routes_.is_broadcast(packet.destination);
  // RFC 1122 3.2.2.6 lets a host be silent to pings of a broadcast: each would be many times
  // answered (smurf). RFC 4443 4.2 wants groups answered.
  if (packet.source.is_any() || (to_group && packet.is_v4())) {
    counters_.add(Counter::EstabIcmpNotAnswered);
    return;
  }
  if (!echoes_.take(now, Rate::per_second(tuning_.icmp_ratelimit), random_)) {
    counters_.add(Counter::IcmpOutRateLimitGlobal);
    return;
  }
  std::optional<IpAddress> from = packet.destination;
  if (packet.destination.is_multicast()) {
    from = routes_.source_for(packet.source, arrival.interface);
    if (!from) return;
  }
  wire::IcmpMessage reply = message;
  reply.type =
      message.v6 ? number(wire::Icmpv6Type::kEchoReply) : number(wire::Icmpv4Type::kEchoReply);
  wire::IpPacket header =
      reply_header(*from, packet.source, static_cast<std::uint8_t>(tuning_.ip_default_ttl));
  header.tos = packet.tos & 0xfc;  // RFC 1349 5.1; ECN's bits belong to the way (RFC 3168)
  Via via;
  via.preferred = arrival.interface;
  // RFC 1122 3.2.2.6: a source route is turned round.
  const std::vector<std::uint8_t> back = return_option(packet);
  const auto options = back.empty() ? std::nullopt : wire_options(Bytes(back), packet.source);
  if (options) {
    header.options = options->view();
    via.first_hop = options->first_hop;
  }
  counters_.add(Counter::IcmpOutMsgs);
  counters_.add(Counter::IcmpOutEchoReps);
  output_.send_fragmented(header, build(reply, *from, packet.source), via, now);
}

void IcmpAnswers::unknown_protocol(const Arrival& arrival, const wire::IpPacket& packet,
                                   Instant now) {
  Error error;
  const bool udp = packet.protocol == number(wire::Protocol::kUdp);
  if (packet.is_v4()) {
    error.type = number(wire::Icmpv4Type::kDestinationUnreachable);
    error.code = number(udp ? wire::Icmpv4Unreachable::kPort : wire::Icmpv4Unreachable::kProtocol);
  } else if (udp) {
    error.type = number(wire::Icmpv6Type::kDestinationUnreachable);
    error.code = number(wire::Icmpv6Unreachable::kPort);
  } else {
    constexpr std::uint32_t kNextHeaderField = 6;  // of the fixed header
    error.type = number(wire::Icmpv6Type::kParameterProblem);
    error.code = number(wire::Icmpv6ParameterProblem::kUnknownNextHeader);
    error.rest = packet.unknown_header_at != 0 ? packet.unknown_header_at : kNextHeaderField;
  }
  send_error(packet, arrival.bytes.bytes(), arrival.link_group, arrival.interface, error, now);
}

void IcmpAnswers::parameter_problem(const wire::IpPacket& packet, Bytes bytes, bool link_group,
                                    InterfaceId interface, const wire::Ip6Problem& problem,
                                    Instant now) {
  const Error error{number(wire::Icmpv6Type::kParameterProblem), problem.code, problem.pointer,
                    problem.also_if_multicast};
  send_error(packet, bytes, link_group, interface, error, now);
}

void IcmpAnswers::reassembly_timed_out(Bytes first_fragment, bool link_group, Instant now) {
  const wire::Parsed<wire::IpPacket> packet = wire::parse_quoted_ip(first_fragment);
  if (!packet) return;
  Error error;
  error.type = packet->is_v4() ? number(wire::Icmpv4Type::kTimeExceeded)
                               : number(wire::Icmpv6Type::kTimeExceeded);
  error.code = number(wire::TimeExceeded::kReassembly);
  send_error(*packet, first_fragment, link_group, std::nullopt, error, now);
}

bool IcmpAnswers::is_within_limits(const IpAddress& remote, Instant now) {
  if (!defended(Defence::IcmpLimit)) {  // one budget for all, which anybody can count
    return echoes_.take(now, Rate::per_second(tuning_.icmp_ratelimit));
  }
  switch (errors_.allow(now, remote, Rate::per_second(tuning_.icmp_ratelimit),
                        Rate::per_second(tuning_.icmp_ratelimit_prefix), random_)) {
    case Allowance::kAllowed:
      return true;
    case Allowance::kPrefixSpent:
      counters_.add(Counter::IcmpOutRateLimitHost);
      return false;
    case Allowance::kStackSpent:
      counters_.add(Counter::IcmpOutRateLimitGlobal);
      return false;
  }
  return false;
}

void IcmpAnswers::send_error(const wire::IpPacket& packet, Bytes bytes, bool link_group,
                             std::optional<InterfaceId> interface, const Error& error,
                             Instant now) {
  if (!may_answer(packet, link_group, error.even_to_group, routes_)) {
    counters_.add(Counter::EstabIcmpNotAnswered);
    return;
  }
  if (!is_within_limits(packet.source, now)) return;
  std::optional<IpAddress> from = packet.destination;
  if (!routes_.is_local(packet.destination)) from = routes_.source_for(packet.source, interface);
  if (!from) return;
  wire::IpPacket header =
      reply_header(*from, packet.source, static_cast<std::uint8_t>(tuning_.ip_default_ttl));
  const std::size_t around = wire::ip_header_size(header) + wire::kIcmpHeader;
  const std::size_t most = (packet.is_v4() ? kLargestErrorV4 : kLargestErrorV6) - around;
  wire::IcmpMessage message;
  message.v6 = !packet.is_v4();
  message.type = error.type;
  message.code = error.code;
  message.rest = error.rest;
  // The frame's padding is no part of the packet.
  const std::size_t there = std::min<std::size_t>(bytes.size(), packet.total_length);
  message.body = bytes.first(std::min(there, most));
  Via via;
  via.preferred = interface;
  counters_.add(Counter::IcmpOutMsgs);
  if (error.type == number(wire::Icmpv4Type::kDestinationUnreachable) ||
      (message.v6 && error.type == number(wire::Icmpv6Type::kDestinationUnreachable))) {
    counters_.add(Counter::IcmpOutDestUnreachs);
  }
  output_.send_fragmented(header, build(message, *from, packet.source), via, now);
}

}  // namespace estab::ip
