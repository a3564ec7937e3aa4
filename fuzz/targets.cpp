#include "targets.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "wire/bytes.h"
#include "wire/print.h"
#include "wire/source_route.h"
#include "wire/wire.h"

namespace estab::fuzz {
namespace {

using namespace wire;  // NOLINT: this file is about nothing else

void promise(bool kept, const char* what) {
  if (kept) return;
  (void)std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

bool lies_within(Bytes part, Bytes whole) {
  const std::less_equal<const std::uint8_t*> le;
  return part.empty() || (le(whole.data(), part.data()) &&
                          le(part.data() + part.size(), whole.data() + whole.size()));
}

// Bytes of their own allocation, so that a read past them is seen.
Buffer tight(Bytes bytes) { return Buffer::copy_of(bytes); }
Bytes all_of(const Buffer& buffer) { return {buffer.data(), buffer.capacity()}; }

void check_segment(const Segment& segment, Bytes packet) {
  promise(segment.options.sack_count <= segment.options.sack.size(), "at most 4 SACK blocks");
  promise(segment.payload.size() <= packet.size(), "no payload out of nothing");
  promise(segment.tuple.local.port.value != 0 && segment.tuple.remote.port.value != 0, "no port 0");
  promise(!segment_text(segment).empty(), "any segment can be printed");
  std::vector<std::uint8_t> built(kMaxTcpHeader);
  const std::size_t size = build_tcp(segment, built.data());
  promise(size == tcp_header_size(segment), "tcp_header_size() is what build_tcp() writes");

  // What we build, we parse to the same.
  built.resize(size);
  built.resize(size + segment.payload.size());
  segment.payload.copy_to(built.data() + size);
  IpPacket carrier;
  carrier.source = segment.tuple.local.address;
  carrier.destination = segment.tuple.remote.address;
  const Buffer holder = tight(built);
  carrier.payload = all_of(holder);
  const auto again = parse_tcp(carrier, holder, false);
  promise(again.has_value(), "what was built parses, its checksum right");
  promise(again->seq == segment.seq && again->ack == segment.ack && again->flags == segment.flags &&
              again->window == segment.window && again->urgent == segment.urgent &&
              again->payload.size() == segment.payload.size(),
          "a segment survives building");
}

void check_tcp(const IpPacket& packet, const Buffer& holder) {
  for (const bool vouched : {false, true}) {
    const auto segment = parse_tcp(packet, holder, vouched);
    if (segment) check_segment(*segment, packet.payload);
  }
}

void check_icmp(const IpPacket& packet) {
  auto message = parse_icmp(packet);
  std::vector<std::uint8_t> mended;
  if (!message && message.error() == Counter::IcmpInCsumErrors) {
    // Random bytes seldom sum up: behind the checksum there is code, too.
    mended.assign(packet.payload.begin(), packet.payload.end());
    const Bytes body = Bytes(mended).subspan(kIcmpHeader);
    build_icmp({.v6 = !packet.is_v4(),
                .type = mended[0],
                .code = mended[1],
                .rest = load32(mended.data() + 4),
                .body = body},
               packet.source, packet.destination, mended.data());
    IpPacket sound = packet;
    sound.payload = mended;
    message = parse_icmp(sound);
    promise(message.has_value(), "a mended ICMP message parses");
  }
  if (!message) return;
  (void)parse_ndp(packet, *message);
  const Buffer quoted = tight(message->body);
  if (const auto inner = parse_quoted_ip(all_of(quoted))) {
    promise(lies_within(inner->payload, all_of(quoted)), "a quoted payload lies in the quotation");
    (void)parse_quoted_tcp(inner->payload);
  }
}

void check_source_route(const IpPacket& packet) {
  const auto route = parse_source_route(packet.options);
  if (!route) return;
  promise(route->count <= SourceRoute::kMaxOptionHops && route->next <= route->count,
          "a source route is bounded");
  const SourceRoute back = return_route(*route, packet.source);
  std::vector<std::uint8_t> option(40);
  option.resize(build_source_route(back, option.data()));
  promise(option.empty() || parse_source_route(option).has_value(), "a return route parses");
}

void check_packet(const IpPacket& packet, const Buffer& holder) {
  const Bytes bytes = all_of(holder);
  promise(lies_within(packet.payload, bytes), "the payload lies in the packet");
  promise(lies_within(packet.options, bytes), "the options lie in the packet");
  promise(packet.header_length + packet.payload.size() == packet.total_length,
          "header and payload are the packet");
  promise(packet.unknown_header_at < packet.header_length, "the unknown header's name is ahead");
  check_source_route(packet);
  check_tcp(packet, holder);
  check_icmp(packet);

  // Built again, it is the same packet (IPv6: without its extension headers, so that hop-by-hop
  // options that stood elsewhere than first, and were unknown there, would now be first).
  if (!packet.is_v4() && packet.protocol == 0) return;
  std::vector<std::uint8_t> built(kMaxIpHeader);
  built.resize(build_ip(packet, packet.payload.size(), built.data()));
  promise(built.size() == ip_header_size(packet), "ip_header_size() is what build_ip() writes");
  built.insert(built.end(), packet.payload.begin(), packet.payload.end());
  const auto again = parse_ip(built);
  promise(again.has_value(), "what was built parses");
  promise(again->source == packet.source && again->destination == packet.destination &&
              again->ttl == packet.ttl && again->tos == packet.tos &&
              again->fragment_offset == packet.fragment_offset &&
              again->more_fragments == packet.more_fragments &&
              again->protocol == packet.protocol &&
              std::ranges::equal(again->payload, packet.payload),
          "a packet survives building");
}

// A copy whose IPv4 header has the checksum that it should have.
Buffer mended_ipv4(Bytes input) {
  Buffer copy = tight(input);
  const std::size_t header = std::size_t{input[0] & 0x0fu} * 4;
  store16(copy.data() + 10, 0);
  store16(copy.data() + 10, checksum_fold(checksum_add(0, all_of(copy).first(header))));
  return copy;
}

}  // namespace

void ip(Bytes input) {
  Buffer holder = tight(input);
  auto packet = parse_ip(all_of(holder));
  if (!packet && packet.error() == Counter::EstabIpBadChecksum) {
    holder = mended_ipv4(input);
    packet = parse_ip(all_of(holder));
    promise(packet.has_value() || packet.error() == Counter::EstabIpBadOption,
            "a mended header parses, but for its options");
  }
  if (packet) {
    promise(!ip6_parameter_problem(all_of(holder)), "a sound packet is no problem");
    check_packet(*packet, holder);
  } else {
    (void)ip6_parameter_problem(all_of(holder));
  }
  (void)parse_quoted_ip(all_of(holder));
}

void frame(Bytes input) {
  const Buffer holder = tight(input);
  const auto header = parse_ethernet(all_of(holder));
  if (!header) return;
  const Bytes rest = all_of(holder).subspan(EthernetHeader::kSize);
  switch (static_cast<EtherType>(header->type)) {
    case EtherType::kArp:
      if (const auto arp = parse_arp(rest)) {
        std::vector<std::uint8_t> built(ArpPacket::kSize);
        build_arp(*arp, built.data());
        promise(std::ranges::equal(built, rest.first(ArpPacket::kSize)), "ARP survives building");
      }
      break;
    case EtherType::kIpv4:
    case EtherType::kIpv6:
      ip(rest);
      break;
  }
}

void tcp_options(Bytes input) {
  if (input.empty()) return;
  const bool syn = (input[0] & 1) != 0;
  const Buffer holder = tight(input.subspan(1));
  const auto options = parse_tcp_options(all_of(holder), syn);
  if (!options) {
    promise(options.error() == Counter::EstabTcpBadOption, "options fail for one reason");
    return;
  }
  promise(syn || (!options->mss && !options->window_scale && !options->sack_permitted),
          "what belongs to a SYN is nowhere else");
  std::vector<std::uint8_t> built(kMaxTcpOptions);
  built.resize(build_tcp_options(*options, built.data()));
  promise(built.size() % 4 == 0 && built.size() <= kMaxTcpOptions, "whole words, 10 at most");
  promise(built.size() + kTcpHeader == tcp_header_size(*options), "tcp_header_size() tells truth");
  auto again = parse_tcp_options(built, syn);
  promise(again.has_value(), "what was built parses");
  // All that fits is there again.
  promise(again->mss == options->mss && again->window_scale == options->window_scale &&
              again->sack_permitted == options->sack_permitted &&
              again->timestamps == options->timestamps && again->fast_open == options->fast_open &&
              again->sack_count <= options->sack_count && again->unknown == 0,
          "options survive building");
}

}  // namespace estab::fuzz
