#include "lab/script/packet.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/script/icmp_names.h"
#include "lab/script/option_kinds.h"
#include "wire/wire.h"

namespace estab::lab {
namespace {

constexpr std::size_t kQuotedTcp = 8;  // bytes of the segment that an ICMP error quotes

tl::expected<IcmpFields, std::string> icmp_of(const IcmpSpec& spec, bool ipv6) {
  const auto numbers = icmp_numbers(spec.type, spec.code, ipv6);
  if (!numbers) {
    return tl::unexpected(fmt::format("ICMPv{} has no type {} with code {}", ipv6 ? 6 : 4,
                                      spec.type, spec.code.empty() ? "0" : spec.code));
  }
  IcmpFields icmp;
  icmp.type = numbers->type;
  icmp.code = numbers->code;
  if (spec.mtu) icmp.rest = *spec.mtu;
  if (spec.echo_id != 0) icmp.rest = std::uint32_t{spec.echo_id} << 16;
  if (spec.quoted == IcmpSpec::Quoted::kNothing) {
    icmp.body.resize(spec.payload > wire::kIcmpHeader ? spec.payload - wire::kIcmpHeader : 0);
  } else {
    const bool tcp = spec.quoted == IcmpSpec::Quoted::kTcp;
    QuotedFields quoted;
    quoted.protocol = static_cast<std::uint8_t>(tcp ? 6 : 17);
    quoted.seq = spec.seq;
    quoted.payload = spec.payload;
    icmp.quoted = quoted;
  }
  return icmp;
}

TcpFields tcp_of(const TcpSpec& spec) {
  TcpFields tcp;
  tcp.source = Port{spec.source_port};
  tcp.destination = Port{spec.destination_port};
  tcp.seq = spec.seq;
  tcp.ack = spec.ack;
  tcp.flags = spec.flags;
  tcp.accurate_ecn = spec.accurate_ecn;
  tcp.window = spec.window.value_or(0);
  tcp.urgent = spec.urgent;
  if (spec.options) tcp.options = *spec.options;
  tcp.payload.resize(spec.payload);
  return tcp;
}

// --- to bytes

std::vector<std::uint8_t> option_bytes(const std::vector<TcpOption>& options) {
  std::vector<std::uint8_t> out;
  for (const TcpOption& option : options) {
    out.push_back(option.kind);
    if (is_single_byte(option.kind)) continue;
    out.push_back(static_cast<std::uint8_t>(wire_size(option)));
    out.insert(out.end(), option.data.begin(), option.data.end());
  }
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

void store_checksum(const Packet& packet, std::uint8_t protocol, std::size_t at,
                    std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = wire::pseudo_header_sum(packet.source, packet.destination, protocol,
                                              static_cast<std::uint32_t>(bytes.size()));
  sum = wire::checksum_add(sum, Bytes(bytes));
  store_be16(bytes.data() + at, wire::checksum_fold(sum));
}

std::vector<std::uint8_t> tcp_bytes(const Packet& packet, const TcpFields& tcp) {
  const std::vector<std::uint8_t> options = option_bytes(tcp.options);
  std::vector<std::uint8_t> out(wire::kTcpHeader);
  store_be16(&out[0], tcp.source.value);
  store_be16(&out[2], tcp.destination.value);
  store_be32(&out[4], tcp.seq);
  store_be32(&out[8], tcp.ack);
  const std::size_t words = (wire::kTcpHeader + options.size()) / 4;
  out[12] = static_cast<std::uint8_t>(words << 4 | (tcp.reserved & 7u) << 1 |
                                      (tcp.accurate_ecn ? 1u : 0u));
  out[13] = tcp.flags;
  store_be16(&out[14], tcp.window);
  store_be16(&out[18], tcp.urgent);
  out.insert(out.end(), options.begin(), options.end());
  out.insert(out.end(), tcp.payload.begin(), tcp.payload.end());
  store_checksum(packet, 6, 16, out);
  return out;
}

// The IP header and the first bytes of what was sent: enough to find its connection.
std::vector<std::uint8_t> quoted_bytes(const QuotedFields& quoted) {
  std::uint8_t header[wire::kMaxIpHeader];
  wire::IpPacket ip;
  ip.source = quoted.source;
  ip.destination = quoted.destination;
  ip.protocol = quoted.protocol;
  const std::size_t inner = quoted.protocol == 6 ? wire::kTcpHeader : 8;
  const std::size_t size = wire::build_ip(ip, inner + quoted.payload, header);
  std::vector<std::uint8_t> out(header, header + size);
  out.resize(size + kQuotedTcp);
  store_be16(&out[size], quoted.source_port.value);
  store_be16(&out[size + 2], quoted.destination_port.value);
  store_be32(&out[size + 4], quoted.seq);
  return out;
}

std::vector<std::uint8_t> icmp_bytes(const Packet& packet, const IcmpFields& icmp) {
  const std::vector<std::uint8_t> body = icmp.quoted ? quoted_bytes(*icmp.quoted) : icmp.body;
  const wire::IcmpMessage message{.v6 = packet.destination.is_v6(),
                                  .type = icmp.type,
                                  .code = icmp.code,
                                  .rest = icmp.rest,
                                  .body = Bytes(body)};
  std::vector<std::uint8_t> out(wire::kIcmpHeader + body.size());
  wire::build_icmp(message, packet.source, packet.destination, out.data());
  return out;
}

// --- from bytes

tl::expected<std::vector<TcpOption>, std::string> parse_options(Bytes bytes) {
  std::vector<TcpOption> options;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint8_t kind = bytes[at];
    if (is_single_byte(kind)) {
      options.push_back({kind, {}});
      ++at;
      continue;
    }
    if (at + 1 >= bytes.size() || bytes[at + 1] < 2 || at + bytes[at + 1] > bytes.size()) {
      return tl::unexpected(fmt::format("TCP option {} has an illegal length", kind));
    }
    const Bytes data = bytes.subspan(at + 2, bytes[at + 1] - 2u);
    options.push_back({kind, {data.begin(), data.end()}});
    at += bytes[at + 1];
  }
  return options;
}

bool checksum_right(const wire::IpPacket& ip) {
  const auto sum = wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol,
                                           static_cast<std::uint32_t>(ip.payload.size()));
  return wire::checksum_fold(wire::checksum_add(sum, ip.payload)) == 0;
}

tl::expected<TcpFields, std::string> parse_tcp_bytes(const wire::IpPacket& ip) {
  const Bytes b = ip.payload;
  if (b.size() < wire::kTcpHeader) return tl::unexpected(std::string("TCP header is cut"));
  const std::size_t header = std::size_t{b[12]} / 16 * 4;
  if (header < wire::kTcpHeader || header > b.size()) {
    return tl::unexpected(fmt::format("TCP data offset {} of {} bytes", header, b.size()));
  }
  if (!checksum_right(ip)) return tl::unexpected(std::string("bad outbound TCP checksum"));
  TcpFields tcp;
  tcp.source = Port{load_be16(&b[0])};
  tcp.destination = Port{load_be16(&b[2])};
  tcp.seq = load_be32(&b[4]);
  tcp.ack = load_be32(&b[8]);
  tcp.reserved = static_cast<std::uint8_t>(b[12] >> 1 & 7);
  tcp.accurate_ecn = (b[12] & 1) != 0;
  tcp.flags = b[13];
  tcp.window = load_be16(&b[14]);
  tcp.urgent = load_be16(&b[18]);
  auto options = parse_options(b.subspan(wire::kTcpHeader, header - wire::kTcpHeader));
  if (!options) return tl::unexpected(options.error());
  tcp.options = std::move(*options);
  tcp.payload.assign(b.begin() + static_cast<std::ptrdiff_t>(header), b.end());
  return tcp;
}

tl::expected<IcmpFields, std::string> parse_icmp_bytes(const wire::IpPacket& ip) {
  const auto message = wire::parse_icmp(ip);
  if (!message) return tl::unexpected(std::string("bad outbound ICMP message"));
  IcmpFields icmp;
  icmp.type = message->type;
  icmp.code = message->code;
  icmp.rest = message->rest;
  icmp.body.assign(message->body.begin(), message->body.end());
  const auto quoted = wire::parse_quoted_ip(message->body);
  if (!quoted || quoted->protocol != 6) return icmp;
  const auto tcp = wire::parse_quoted_tcp(quoted->payload);
  if (!tcp) return icmp;
  QuotedFields fields;
  fields.source = quoted->source;
  fields.destination = quoted->destination;
  fields.source_port = tcp->source;
  fields.destination_port = tcp->destination;
  fields.seq = tcp->seq.value;
  icmp.quoted = fields;
  return icmp;
}

}  // namespace

int TcpFields::ace() const {
  return (accurate_ecn ? 4 : 0) | (has(wire::kCwr) ? 2 : 0) | (has(wire::kEce) ? 1 : 0);
}

TcpOption* TcpFields::option(std::uint8_t kind) {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [kind](const TcpOption& o) { return o.kind == kind; });
  return found == options.end() ? nullptr : &*found;
}

const TcpOption* TcpFields::option(std::uint8_t kind) const {
  return const_cast<TcpFields*>(this)->option(kind);
}

tl::expected<Packet, std::string> packet_of(const PacketSpec& spec, bool ipv6) {
  Packet packet;
  packet.tos = spec.ip.tos;
  packet.ttl = spec.ip.ttl.value_or(packet.ttl);
  packet.flow_label = spec.ip.flow_label.value_or(0);
  if (const auto* tcp = std::get_if<TcpSpec>(&spec.body)) {
    packet.body = tcp_of(*tcp);
    return packet;
  }
  auto icmp = icmp_of(std::get<IcmpSpec>(spec.body), ipv6);
  if (!icmp) return tl::unexpected(icmp.error());
  packet.body = std::move(*icmp);
  return packet;
}

std::vector<std::uint8_t> bytes_of(const Packet& packet) {
  const bool v6 = packet.destination.is_v6();
  const TcpFields* tcp = packet.tcp();
  const auto inner = tcp != nullptr ? tcp_bytes(packet, *tcp) : icmp_bytes(packet, *packet.icmp());
  wire::IpPacket ip;
  ip.source = packet.source;
  ip.destination = packet.destination;
  ip.protocol = static_cast<std::uint8_t>(tcp != nullptr ? 6 : v6 ? 58 : 1);
  ip.tos = packet.tos;
  ip.ttl = packet.ttl;
  std::uint8_t header[wire::kMaxIpHeader];
  const std::size_t size = wire::build_ip(ip, inner.size(), header);
  std::vector<std::uint8_t> out(header, header + size);
  if (v6) store_be32(out.data(), load_be32(out.data()) | packet.flow_label);
  out.insert(out.end(), inner.begin(), inner.end());
  return out;
}

tl::expected<Packet, std::string> parse_packet_bytes(Bytes bytes) {
  const auto ip = wire::parse_ip(bytes);
  if (!ip) return tl::unexpected(std::string("bad outbound IP header or checksum"));
  Packet packet;
  packet.source = ip->source;
  packet.destination = ip->destination;
  packet.tos = ip->tos;
  packet.ttl = ip->ttl;
  if (packet.destination.is_v6()) packet.flow_label = load_be32(bytes.data()) & 0xfffff;
  if (ip->protocol == 6) {
    auto tcp = parse_tcp_bytes(*ip);
    if (!tcp) return tl::unexpected(tcp.error());
    packet.body = std::move(*tcp);
  } else if (ip->protocol == 1 || ip->protocol == 58) {
    auto icmp = parse_icmp_bytes(*ip);
    if (!icmp) return tl::unexpected(icmp.error());
    packet.body = std::move(*icmp);
  } else {
    return tl::unexpected(fmt::format("IP protocol {}", ip->protocol));
  }
  return packet;
}

}  // namespace estab::lab
