// For this floor's tests: an IP layer over a device that only records, in virtual time, and short
// ways to make packets and to read what came out.
#pragma once
#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "ip/ip_layer.h"
#include "wire/wire.h"

namespace estab::ip::testing {

using namespace std::chrono_literals;

inline IpAddress address(std::string_view text) { return IpAddress::parse(text).value(); }
inline Prefix prefix(std::string_view text) { return Prefix::parse(text).value(); }
inline void done(const Result<void>& call) {  // configuration that must succeed
  if (!call) throw std::system_error(call.error());
}
inline MacAddress mac(std::string_view text) { return MacAddress::parse(text).value(); }

using Octets = std::vector<std::uint8_t>;

inline Octets octets(std::size_t n, std::uint8_t first = 0) {
  Octets bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}
inline Octets copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

class RecordingDevice : public Device {
 public:
  explicit RecordingDevice(LinkKind link, std::size_t mtu = 1500, Offloads offloads = {})
      : link_(link), mtu_(mtu), offloads_(offloads) {}
  std::string name() const override { return "rec0"; }
  LinkKind link() const override { return link_; }
  std::size_t mtu() const override { return mtu_; }
  MacAddress mac() const override { return mac_; }
  Offloads offloads() const override { return offloads_; }
  void receive(Instant, std::size_t, std::vector<ReceivedFrame>&) override {}
  std::size_t send(Instant, std::span<const OutgoingFrame> out) override { return out.size(); }

  void set_mtu(std::size_t mtu) { mtu_ = mtu; }

 private:
  LinkKind link_;
  std::size_t mtu_;
  Offloads offloads_;
  MacAddress mac_{{2, 0, 0, 0, 0, 2}};
};

// A whole IP packet around `payload`.
inline Octets ip_packet(wire::IpPacket header, const Octets& payload) {
  Octets packet(wire::ip_header_size(header) + payload.size());
  const std::size_t size = wire::build_ip(header, payload.size(), packet.data());
  std::copy(payload.begin(), payload.end(), packet.begin() + static_cast<std::ptrdiff_t>(size));
  return packet;
}
inline wire::IpPacket ip_header(std::string_view from, std::string_view to,
                                wire::Protocol protocol) {
  wire::IpPacket header;
  header.source = address(from);
  header.destination = address(to);
  header.protocol = static_cast<std::uint8_t>(protocol);
  return header;
}

inline wire::Segment segment(std::string_view local, std::string_view remote,
                             std::size_t payload = 0) {
  wire::Segment s;
  s.tuple = {{address(local), Port{4000}}, {address(remote), Port{80}}};
  s.seq = WireSeq{0x01020304};
  s.ack = WireSeq{7};
  s.flags = wire::kAck;
  if (payload != 0) s.payload.append(Slice::copy_of(octets(payload)));
  return s;
}
inline Octets tcp_bytes(const wire::Segment& s) {
  Octets bytes(wire::tcp_header_size(s) + s.payload.size());
  const std::size_t header = wire::build_tcp(s, bytes.data());
  s.payload.copy_to(bytes.data() + header);
  return bytes;
}
// A segment on its way from `from` to `to`.
inline Octets tcp_packet(std::string_view from, std::string_view to, std::size_t payload = 0,
                         Bytes ip_options = {}) {
  wire::IpPacket header = ip_header(from, to, wire::Protocol::kTcp);
  header.options = ip_options;
  return ip_packet(header, tcp_bytes(segment(from, to, payload)));
}
inline Octets icmp_packet(wire::IpPacket header, wire::IcmpMessage message, const Octets& body) {
  message.v6 = !header.is_v4();
  message.body = body;
  header.protocol =
      static_cast<std::uint8_t>(message.v6 ? wire::Protocol::kIcmpv6 : wire::Protocol::kIcmpv4);
  Octets bytes(wire::kIcmpHeader + body.size());
  wire::build_icmp(message, header.source, header.destination, bytes.data());
  return ip_packet(header, bytes);
}
inline Octets icmp_packet(std::string_view from, std::string_view to, std::uint8_t type,
                          std::uint8_t code, std::uint32_t rest, const Octets& body) {
  wire::IcmpMessage message;
  message.type = type;
  message.code = code;
  message.rest = rest;
  return icmp_packet(ip_header(from, to, wire::Protocol::kIcmpv4), message, body);
}
inline Octets ethernet(const MacAddress& to, const MacAddress& from, wire::EtherType type,
                       const Octets& payload) {
  Octets frame(wire::EthernetHeader::kSize + payload.size());
  wire::build_ethernet({to, from, static_cast<std::uint16_t>(type)}, frame.data());
  std::copy(payload.begin(), payload.end(), frame.begin() + wire::EthernetHeader::kSize);
  return frame;
}

// A packet that came out, kept with its bytes.
struct Sent {
  Octets bytes;         // from the IP header on
  MacAddress to, from;  // on Ethernet
  wire::IpPacket ip;    // its payload lies in `bytes`

  wire::IcmpMessage icmp() const { return wire::parse_icmp(ip).value(); }
};

// 10.0.0.2/24 and fd00::2/64 behind one device, default routes by 10.0.0.1 and fd00::1.
struct Bench {
  explicit Bench(LinkKind link = LinkKind::kIp, std::size_t mtu = 1500, Offloads offloads = {})
      : device(link, mtu, offloads) {
    id = ip.add_interface(device);
    done(ip.add_address(id, prefix("10.0.0.2/24")));
    done(ip.add_address(id, prefix("fd00::2/64")));
    done(ip.add_route(prefix("0.0.0.0/0"), address("10.0.0.1"), id));
    done(ip.add_route(prefix("::/0"), address("fd00::1"), id));
  }

  // What comes of these bytes alone.
  const Received& receive(const Octets& frame) {
    out.clear();
    ip.receive(id, {Slice::copy_of(frame), false}, now, out);
    return out;
  }
  const Received& receive_from(const MacAddress& station, const Octets& packet) {
    const auto type = packet[0] >> 4 == 4 ? wire::EtherType::kIpv4 : wire::EtherType::kIpv6;
    return receive(ethernet(device.mac(), station, type, packet));
  }
  const Received& on_time() {
    out.clear();
    ip.on_time(now, out);
    return out;
  }
  std::vector<Octets> sent_frames() {
    std::vector<Octets> frames;
    for (const OutgoingFrame& f : ip.pending(id)) frames.push_back(copy(f.flatten().bytes()));
    ip.pending(id).clear();
    return frames;
  }
  std::vector<Sent> sent() {
    std::vector<Sent> packets;
    for (Octets& frame : sent_frames()) {
      Sent s;
      if (device.link() == LinkKind::kEthernet) {
        const wire::EthernetHeader link = wire::parse_ethernet(frame).value();
        if (link.type == static_cast<std::uint16_t>(wire::EtherType::kArp)) continue;
        s.to = link.destination;
        s.from = link.source;
        frame.erase(frame.begin(), frame.begin() + wire::EthernetHeader::kSize);
      }
      packets.push_back(std::move(s));
      packets.back().bytes = std::move(frame);
      packets.back().ip = wire::parse_ip(packets.back().bytes).value();
    }
    return packets;
  }
  std::vector<wire::ArpPacket> sent_arp() {
    std::vector<wire::ArpPacket> arps;
    for (const Octets& frame : sent_frames()) {
      const wire::EthernetHeader link = wire::parse_ethernet(frame).value();
      if (link.type != static_cast<std::uint16_t>(wire::EtherType::kArp)) continue;
      arps.push_back(wire::parse_arp(Bytes(frame).subspan(wire::EthernetHeader::kSize)).value());
    }
    return arps;
  }
  std::uint64_t count(Counter c) const { return counters[c]; }

  Tuning tuning;
  Counters counters;
  Random random{1};
  RecordingDevice device;
  IpLayer ip{tuning, counters, random, SipKey{{1, 2}}};
  InterfaceId id{};
  Instant now = Instant{} + 1s;
  Received out;
};

}  // namespace estab::ip::testing
