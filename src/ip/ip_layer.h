// The IP layer of one stack: received frames become TCP segments and ICMP errors, segments to send
// become frames that wait in one queue for each interface. It answers ARP, neighbour discovery,
// pings and packets of unknown protocols by itself, into the same queues. It moves no frame:
// whoever drives it calls Device::receive and Device::send.
//
//   IpLayer ip(tuning, counters, random, key);
//   const InterfaceId tun = ip.add_interface(device);
//   ip.add_address(tun, *Prefix::parse("10.0.0.2/24"));
//   ip.add_route(*Prefix::parse("0.0.0.0/0"), IpAddress::parse("10.0.0.1"), tun);
//   for (const ReceivedFrame& f : frames) ip.receive(tun, f, now, received);
//   ip.receive_loopback(now, received);
//   ... received.segments to TCP; ip.send(segment, {}, now) ...
//   device.send(now, ip.pending(tun));  // and erase what it took
//   if (ip.deadline() <= now) ip.on_time(now, received);
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/siphash.h"
#include "estab/counters.h"
#include "estab/device.h"
#include "estab/error.h"
#include "estab/time.h"
#include "estab/tuning.h"
#include "ip/received.h"
#include "wire/segment.h"

namespace estab::ip {

struct SendOptions {
  // IPv4 options (RFC 791 3.1), at most 40 bytes; a source route lists the hops in the order of
  // travel, without the final destination, which is the segment's (setsockopt(IP_OPTIONS)'s form,
  // and ReceivedSegment::source_route's). Of options with a source route only the
  // route is sent. They take room from the segment: count ip_options.size(), padded to 4, when
  // choosing its size. Ignored on IPv6.
  Bytes ip_options{};
  // For link-local remotes, whose address says too little (RFC 4007 6): the interface that they are
  // behind, ReceivedSegment::interface. Else the first that has such a network.
  std::optional<InterfaceId> interface {};
  // DF stays on also where the path is known to take less than min_pmtu (IP_PMTUDISC_DO).
  bool df_stays = false;
};

enum class SendResult : std::uint8_t {
  kSent,              // queued for its interface, or for receive_loopback()
  kNeighbourPending,  // kept until the next hop answers; an IcmpError comes if it doesn't
  kNoRoute,           // ENETUNREACH
  kTooBig,            // larger than mtu_for() or than a packet can be; nothing was sent (EMSGSIZE)
  kQueueFull,         // the interface's queue is at its bound; dropped, as a NIC would (ENOBUFS)
  kBadOptions,        // ip_options are malformed; nothing was sent (EINVAL)
};

enum class NeighbourState : std::uint8_t { kIncomplete, kReachable, kStale, kDelay, kProbe };
std::string_view neighbour_state_name(NeighbourState state);  // "INCOMPLETE", as `ip neigh` has it

struct InterfaceInfo {
  InterfaceId id{};
  std::string name;
  LinkKind link = LinkKind::kIp;
  std::size_t mtu = 0;
  MacAddress mac;
  std::size_t pending = 0;  // frames queued
};

struct AddressInfo {
  InterfaceId interface {};
  Prefix prefix;  // the address itself, with the length of its network
};

struct Route {
  Prefix destination;
  std::optional<IpAddress> gateway;  // nothing: directly reachable
  InterfaceId interface {};
  bool connected = false;  // came with an address
};

struct NeighbourInfo {
  InterfaceId interface {};
  IpAddress address;
  std::optional<MacAddress> mac;
  NeighbourState state = NeighbourState::kIncomplete;
  std::size_t queued = 0;  // packets waiting for its answer
};

struct PathMtuInfo {
  IpAddress destination;
  std::size_t mtu = 0;
  Instant expires;
};

// Thread rules: one thread, the stack's.
class IpLayer {
 public:
  // `tuning`, `counters` and `random` outlive the layer; knobs are read when used, so that they can
  // change live. `secret` keys the hash tables and the IP identifications.
  IpLayer(const Tuning& tuning, Counters& counters, Random& random, SipKey secret);
  ~IpLayer();
  IpLayer(const IpLayer&) = delete;
  IpLayer& operator=(const IpLayer&) = delete;

  // --- configuration ----------------------------------------------------------------------------
  // `device` outlives its interface; only its name, link, MTU and MAC are asked for. An Ethernet
  // device gets its IPv6 link-local address at once (RFC 4291 2.8).
  InterfaceId add_interface(Device& device);
  // With its addresses, routes, neighbours and queue. Unknown ids are ignored.
  void remove_interface(InterfaceId id);
  // EINVAL: not a unicast address, or a length beyond its family; ENODEV; EEXIST. Adds the route to
  // the address's network.
  Result<void> add_address(InterfaceId id, const Prefix& prefix);
  Result<void> remove_address(InterfaceId id, const IpAddress& address);  // EADDRNOTAVAIL
  // EINVAL: gateway of the other family, or not unicast; ENODEV; EEXIST.
  Result<void> add_route(const Prefix& destination, std::optional<IpAddress> gateway,
                         InterfaceId id);
  Result<void> remove_route(const Prefix& destination, InterfaceId id);  // ESRCH

  // --- receiving --------------------------------------------------------------------------------
  // Appends to `out`. Any bytes whatever are safe.
  void receive(InterfaceId id, const ReceivedFrame& frame, Instant now, Received& out);
  // What was sent to our own addresses since the last call. What TCP sends while it digests `out`
  // waits for the next call.
  void receive_loopback(Instant now, Received& out);
  bool loopback_pending() const;

  // --- sending ----------------------------------------------------------------------------------
  // Builds TCP, IP and link headers; the payload goes by reference. TOS, TTL and DF come from the
  // segment (MUST-48, MUST-49); the ID is 0 when DF is set (RFC 6864 4.1).
  SendResult send(const wire::Segment& segment, const SendOptions& options, Instant now);
  // Frames waiting for the interface's device, oldest first: the driver hands them over and erases
  // what was taken. Empty for loopback and for unknown ids.
  std::vector<OutgoingFrame>& pending(InterfaceId id);

  // The address to send from, for this destination (RFC 1122 3.3.4.3, RFC 6724 in short); nothing
  // when there is no route or no address of its family.
  std::optional<IpAddress> source_for(const IpAddress& destination) const;
  bool is_local(const IpAddress& address) const;  // ours, loopback included
  // A broadcast address of one of our networks, or 255.255.255.255.
  bool is_broadcast(const IpAddress& address) const;
  bool has_route(const IpAddress& destination) const;
  // Largest IP packet for this destination: the interface's MTU or the path's, if less. 0 when
  // there is no route.
  std::size_t mtu_for(const IpAddress& destination, Instant now) const;

  // A kTooBig whose quoted segment was in flight (RFC 5927 7.2). Returns the new path MTU when it
  // went down: raised to min_pmtu in IPv4 (DF is then left off, as in Linux); messages below 1280
  // in IPv6 (RFC 8201 4) and those that are not below what is in use change nothing.
  std::optional<std::size_t> confirm_path_mtu(const IpAddress& destination, std::size_t mtu,
                                              Instant now);
  // The connection made progress, so that its next hop need not be probed (RFC 4861 7.3.1). Cheap
  // enough for each ACK that advances.
  void confirm_reachable(const IpAddress& destination, Instant now);
  // R1 passed without an answer: the next packet makes the next hop prove that it lives (RFC 9293
  // 3.8.3, MUST-20).
  void doubt_reachable(const IpAddress& destination);

  // --- time -------------------------------------------------------------------------------------
  Instant deadline() const;  // when on_time() has something to do; kNever when nothing waits
  // Repeats solicitations, gives up neighbours (an EHOSTUNREACH in `out` for each segment that
  // waited, as Linux reports it) and reassemblies.
  void on_time(Instant now, Received& out);

  // --- for tools --------------------------------------------------------------------------------
  std::vector<InterfaceInfo> interfaces() const;
  std::vector<AddressInfo> addresses() const;
  std::vector<Route> routes() const;  // longest prefix first
  std::vector<NeighbourInfo> neighbours(Instant now) const;
  std::vector<PathMtuInfo> path_mtus(Instant now) const;
  std::size_t reassembly_memory() const;  // bytes

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace estab::ip
