// Packets on their way out: route, size, identification, IP header, then the interface or the
// loopback queue.
#pragma once
#include <optional>
#include <vector>

#include "ip/interfaces.h"
#include "ip/packet_id.h"
#include "ip/path_mtu.h"
#include "ip/resolution.h"
#include "ip/routes.h"

namespace estab::ip {

struct Via {
  std::optional<IpAddress> first_hop;    // of a source route; else the destination is looked up
  std::optional<InterfaceId> preferred;  // for link-local destinations: where the question came in
  std::optional<SegmentName> segment;    // whom to tell when the neighbour does not answer
  bool df_stays = false;                 // SendOptions::df_stays
};

class Output {
 public:
  // What the stack has sent itself and not yet taken.
  static constexpr std::size_t kMaxLoopback = 16384;

  Output(const Tuning& tuning, Counters& counters, const RouteTable& routes, Interfaces& interfaces,
         SipKey secret)
      : counters_(counters),
        routes_(routes),
        interfaces_(interfaces),
        resolution_(tuning, counters, routes, interfaces, KeyedHash{secret}),
        paths_(tuning, counters, KeyedHash{secret}),
        ids_(secret) {}

  // `frame` holds the upper layer's header and payload. `header` names the final destination, and
  // whether routers may fragment; the identification is chosen here.
  SendResult send(wire::IpPacket header, OutgoingFrame frame, const Via& via, Instant now);
  // The same in two steps, for who has to know what the device does before the frame is made. The
  // first counts the packet, and fails where there is no route.
  std::optional<NextHop> route(const wire::IpPacket& header, const Via& via);
  Offloads offloads(const NextHop& hop) const;
  SendResult send_to(const NextHop& hop, wire::IpPacket header, OutgoingFrame frame, const Via& via,
                     Instant now);
  // For answers whose size the asker chose: in as many fragments as the path's MTU makes necessary.
  SendResult send_fragmented(wire::IpPacket header, const Slice& payload, const Via& via,
                             Instant now);

  std::size_t mtu_for(const IpAddress& destination, Instant now) const;
  std::vector<Slice> take_loopback() { return std::exchange(loopback_, {}); }
  bool loopback_pending() const { return !loopback_.empty(); }

  Resolution& resolution() { return resolution_; }
  const Resolution& resolution() const { return resolution_; }
  PathMtuCache& paths() { return paths_; }
  const PathMtuCache& paths() const { return paths_; }

 private:
  std::size_t link_mtu(const NextHop& hop) const;
  SendResult hand_over(const wire::IpPacket& header, const NextHop& hop, OutgoingFrame frame,
                       const Via& via, Instant now);
  SendResult loop_back(const OutgoingFrame& frame);

  Counters& counters_;
  const RouteTable& routes_;
  Interfaces& interfaces_;
  Resolution resolution_;
  PathMtuCache paths_;
  PacketIds ids_;
  std::vector<Slice> loopback_;
};

}  // namespace estab::ip
