// For tests against Linux's own stack inside a namespace: packets to send it, and how to know its.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "dev/file_descriptor.h"
#include "dev/namespace_test_support.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/ip.h"

namespace estab::dev::testing {

// 0 or errno. `address` as a socket address of its family.
inline socklen_t socket_address(const IpAddress& address, std::uint16_t port,
                                sockaddr_storage& to) {
  to = {};
  if (address.is_v4()) {
    auto& in = reinterpret_cast<sockaddr_in&>(to);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(address.v4_value());
    return sizeof(in);
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(to);
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::copy(address.bytes().begin(), address.bytes().end(), in6.sin6_addr.s6_addr);
  return sizeof(in6);
}

// A datagram from Linux to `to`; each call from another port.
inline bool send_udp(const IpAddress& to, std::uint16_t port, const std::string& text) {
  sockaddr_storage address;
  const socklen_t length = socket_address(to, port, address);
  const FileDescriptor socket(::socket(address.ss_family, SOCK_DGRAM, 0));
  return ::sendto(socket.get(), text.data(), text.size(), 0,
                  reinterpret_cast<const sockaddr*>(&address),
                  length) == static_cast<ssize_t>(text.size());
}

// The IP packet in `frame`, behind `link_header` bytes, when it is of `protocol` to `to`.
inline std::optional<wire::IpPacket> packet_to(Bytes frame, std::size_t link_header,
                                               const IpAddress& to, wire::Protocol protocol) {
  if (frame.size() < link_header) return std::nullopt;
  const auto ip = wire::parse_ip(frame.subspan(link_header));
  if (!ip || ip->destination != to || ip->protocol != static_cast<std::uint8_t>(protocol)) {
    return std::nullopt;
  }
  return *ip;
}

// Whether the transport checksum in the packet's bytes is right, whoever vouched for it.
inline bool checksum_is_right(const wire::IpPacket& ip) {
  const auto sum = wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                           static_cast<std::uint32_t>(ip.payload.size()));
  return wire::checksum_fold(wire::checksum_add(sum, ip.payload)) == 0;
}

// Puts an IP header in front of what `frame` has, and an Ethernet header when `ethernet` is given.
inline void prepend_ip(OutgoingFrame& frame, const wire::IpPacket& ip,
                       const wire::EthernetHeader* ethernet) {
  const std::size_t payload = frame.size();
  wire::build_ip(ip, payload, frame.prepend(wire::ip_header_size(ip)));
  if (ethernet == nullptr) return;
  wire::build_ethernet(*ethernet, frame.prepend(wire::EthernetHeader::kSize));
}

// A ping. `ethernet` as above.
inline OutgoingFrame echo_request(const IpAddress& from, const IpAddress& to, Bytes body,
                                  const wire::EthernetHeader* ethernet = nullptr) {
  const bool v6 = to.is_v6();
  wire::IcmpMessage message;
  message.v6 = v6;
  message.type = v6 ? 128 : 8;
  message.rest = 0x00010001;
  message.body = body;
  std::vector<std::uint8_t> icmp(wire::kIcmpHeader + body.size());
  wire::build_icmp(message, from, to, icmp.data());
  wire::IpPacket ip;
  ip.source = from;
  ip.destination = to;
  ip.protocol = static_cast<std::uint8_t>(v6 ? wire::Protocol::kIcmpv6 : wire::Protocol::kIcmpv4);
  OutgoingFrame frame;
  frame.payload().push_back(Slice::copy_of(icmp));
  prepend_ip(frame, ip, ethernet);
  return frame;
}

// Whether `frame` is Linux's answer to a ping of `us`.
inline bool is_echo_reply(Bytes frame, std::size_t link_header, const IpAddress& us) {
  const auto protocol = us.is_v6() ? wire::Protocol::kIcmpv6 : wire::Protocol::kIcmpv4;
  const auto ip = packet_to(frame, link_header, us, protocol);
  if (!ip) return false;
  const auto message = wire::parse_icmp(*ip);
  return message && message->type == (us.is_v6() ? 129 : 0);
}

}  // namespace estab::dev::testing
