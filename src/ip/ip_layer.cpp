#include "ip/ip_layer.h"

#include <algorithm>

#include "ip/icmp_answers.h"
#include "ip/input.h"
#include "ip/interfaces.h"
#include "ip/output.h"
#include "ip/routes.h"
#include "ip/source_route.h"
#include "wire/ip.h"
#include "wire/tcp.h"

namespace estab::ip {
namespace {

// RFC 4291 appendix A: fe80:: and the station address in its 64-bit form.
Prefix link_local_of(const MacAddress& mac) {
  const auto& m = mac.bytes;
  const auto first = static_cast<std::uint8_t>(m[0] ^ 0x02);
  return {IpAddress::v6(
              {0xfe, 0x80, 0, 0, 0, 0, 0, 0, first, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}),
          64};
}

}  // namespace

class IpLayer::Impl {
 public:
  Impl(const Tuning& tuning, Counters& counters, Random& random, SipKey secret)
      : interfaces(counters),
        output(tuning, counters, routes, interfaces, secret),
        answers(tuning, counters, random, routes, output, secret),
        input(tuning, counters, routes, interfaces, output, answers) {}

  // As one frame: `offloads` are those of the hop's device.
  SendResult send(const NextHop& hop, const wire::IpPacket& header, const wire::Segment& segment,
                  const Offloads& offloads, const Via& via, Instant now);

  RouteTable routes;
  Interfaces interfaces;
  Output output;
  IcmpAnswers answers;
  Input input;
  std::vector<OutgoingFrame> nothing_pending;
};

IpLayer::IpLayer(const Tuning& tuning, Counters& counters, Random& random, SipKey secret)
    : impl_(std::make_unique<Impl>(tuning, counters, random, secret)) {}
IpLayer::~IpLayer() = default;

InterfaceId IpLayer::add_interface(Device& device) {
  const Interface& added = impl_->interfaces.add(device);
  if (added.link == LinkKind::kEthernet) {
    // Fails when a twin has the same station address: then it does without.
    (void)impl_->routes.add_address(added.id, link_local_of(added.mac));
  }
  return added.id;
}

void IpLayer::remove_interface(InterfaceId id) {
  impl_->routes.remove_interface(id);
  impl_->output.resolution().neighbours().remove_interface(id);
  impl_->interfaces.remove(id);
}

Result<void> IpLayer::add_address(InterfaceId id, const Prefix& prefix) {
  if (impl_->interfaces.find(id) == nullptr) return fail(ENODEV);
  return impl_->routes.add_address(id, prefix);
}

Result<void> IpLayer::remove_address(InterfaceId id, const IpAddress& address) {
  return impl_->routes.remove_address(id, address);
}

Result<void> IpLayer::add_route(const Prefix& destination, std::optional<IpAddress> gateway,
                                InterfaceId id) {
  if (impl_->interfaces.find(id) == nullptr) return fail(ENODEV);
  return impl_->routes.add_route(destination, gateway, id);
}

Result<void> IpLayer::remove_route(const Prefix& destination, InterfaceId id) {
  return impl_->routes.remove_route(destination, id);
}

void IpLayer::receive(InterfaceId id, const ReceivedFrame& frame, Instant now, Received& out) {
  if (Interface* interface = impl_->interfaces.find(id)) {
    impl_->input.receive_frame(*interface, frame, now, out);
  }
}

void IpLayer::receive_loopback(Instant now, Received& out) {
  for (Slice& packet : impl_->output.take_loopback()) {
    Arrival arrival;
    arrival.bytes = std::move(packet);
    arrival.origin = Origin::kLoopback;
    arrival.checksum_vouched = true;  // it never left this memory
    impl_->input.receive_packet(arrival, now, out);
  }
}

bool IpLayer::loopback_pending() const { return impl_->output.loopback_pending(); }

SendResult IpLayer::send(const wire::Segment& segment, const SendOptions& options, Instant now) {
  const IpAddress& destination = segment.tuple.remote.address;
  wire::IpPacket header;
  header.source = segment.tuple.local.address;
  header.destination = destination;
  header.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  header.ttl = segment.ttl;
  header.tos = segment.tos;
  header.dont_fragment = segment.dont_fragment && destination.is_v4();
  if (header.source.is_v4() != destination.is_v4()) return SendResult::kNoRoute;
  Via via;
  via.preferred = options.interface;
  via.df_stays = options.df_stays;
  via.segment = SegmentName{segment.tuple, segment.seq};
  std::optional<WireOptions> on_wire;
  if (!options.ip_options.empty() && destination.is_v4()) {
    on_wire = wire_options(options.ip_options, destination);
    if (!on_wire) return SendResult::kBadOptions;
    header.options = on_wire->view();
    if (on_wire->first_hop != destination) via.first_hop = on_wire->first_hop;
  }
  const std::size_t size =
      wire::ip_header_size(header) + wire::tcp_header_size(segment) + segment.payload.size();
  // Before the checksum runs over what cannot be sent.
  if (size > 65535) return SendResult::kTooBig;
  const auto hop = impl_->output.route(header, via);
  if (!hop) return SendResult::kNoRoute;
  const Offloads offloads = impl_->output.offloads(*hop);
  const bool whole = segment.count() == 1 || (offloads.checksum && offloads.segments >= size);
  if (whole) return impl_->send(*hop, header, segment, offloads, via, now);
  SendResult result = SendResult::kSent;
  for (std::size_t n = 0; n < segment.count(); ++n) {
    const wire::Segment one = wire::one_of(segment, n);
    if (via.segment) via.segment->seq = one.seq;
    const SendResult one_result = impl_->send(*hop, header, one, offloads, via, now);
    if (one_result != SendResult::kSent) result = one_result;  // the sender has to hear of it
  }
  return result;
}

SendResult IpLayer::Impl::send(const NextHop& hop, const wire::IpPacket& header,
                               const wire::Segment& segment, const Offloads& offloads,
                               const Via& via, Instant now) {
  OutgoingFrame frame;
  std::uint8_t* to = frame.prepend(wire::tcp_header_size(segment));
  if (offloads.checksum) {
    wire::build_tcp_without_checksum(segment, to);
    frame.leave_checksum();
  } else {
    wire::build_tcp(segment, to);
  }
  if (segment.count() > 1) frame.segment_size = segment.segment_size;
  for (std::size_t i = 0; i < segment.payload.pieces(); ++i) {
    frame.payload().push_back(segment.payload[i]);
  }
  return output.send_to(hop, header, std::move(frame), via, now);
}

std::vector<OutgoingFrame>& IpLayer::pending(InterfaceId id) {
  Interface* interface = impl_->interfaces.find(id);
  if (interface != nullptr) return interface->pending;
  impl_->nothing_pending.clear();
  return impl_->nothing_pending;
}

std::optional<IpAddress> IpLayer::source_for(const IpAddress& destination) const {
  return impl_->routes.source_for(destination);
}
bool IpLayer::is_local(const IpAddress& address) const { return impl_->routes.is_local(address); }
bool IpLayer::is_broadcast(const IpAddress& address) const {
  return impl_->routes.is_broadcast(address);
}
bool IpLayer::has_route(const IpAddress& destination) const {
  return impl_->routes.lookup(destination).has_value();
}
std::size_t IpLayer::mtu_for(const IpAddress& destination, Instant now) const {
  return impl_->output.mtu_for(destination, now);
}

std::optional<std::size_t> IpLayer::confirm_path_mtu(const IpAddress& destination, std::size_t mtu,
                                                     Instant now) {
  const std::optional<NextHop> hop = impl_->routes.lookup(destination);
  if (!hop || hop->interface == InterfaceId::kLoopback) return std::nullopt;
  return impl_->output.paths().learn(destination, mtu, mtu_for(destination, now), now);
}

void IpLayer::confirm_reachable(const IpAddress& destination, Instant now) {
  const std::optional<NextHop> hop = impl_->routes.lookup(destination);
  if (hop) impl_->output.resolution().neighbours().confirm({hop->interface, hop->address}, now);
}

void IpLayer::doubt_reachable(const IpAddress& destination) {
  const std::optional<NextHop> hop = impl_->routes.lookup(destination);
  if (hop) impl_->output.resolution().neighbours().doubt({hop->interface, hop->address});
}

Instant IpLayer::deadline() const {
  return std::min(impl_->output.resolution().neighbours().deadline(), impl_->input.deadline());
}

void IpLayer::on_time(Instant now, Received& out) {
  impl_->output.resolution().on_time(now, out.errors);
  impl_->input.on_time(now);
}

std::vector<InterfaceInfo> IpLayer::interfaces() const { return impl_->interfaces.list(); }
std::vector<AddressInfo> IpLayer::addresses() const { return impl_->routes.addresses(); }
std::vector<Route> IpLayer::routes() const { return impl_->routes.routes(); }
std::vector<NeighbourInfo> IpLayer::neighbours(Instant now) const {
  return impl_->output.resolution().neighbours().list(now);
}
std::vector<PathMtuInfo> IpLayer::path_mtus(Instant now) const {
  return impl_->output.paths().list(now);
}
std::size_t IpLayer::reassembly_memory() const { return impl_->input.reassembly_memory(); }

}  // namespace estab::ip
