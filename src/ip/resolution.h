// From a next hop's address to its station on an Ethernet, in ARP (RFC 826) and neighbour discovery
// (RFC 4861): asks, answers for our addresses, and sends what waited.
#pragma once
#include <optional>
#include <vector>

#include "estab/counters.h"
#include "ip/interfaces.h"
#include "ip/neighbours.h"
#include "ip/routes.h"
#include "wire/headers.h"
#include "wire/ndp.h"

namespace estab::ip {

class Resolution {
 public:
  Resolution(const Tuning& tuning, Counters& counters, const RouteTable& routes,
             Interfaces& interfaces, KeyedHash hash)
      : counters_(counters),
        routes_(routes),
        interfaces_(interfaces),
        neighbours_(tuning, counters, hash) {}

  // `frame` begins with its IP header. `segment` is reported in on_time() when nobody answers.
  SendResult send(Interface& interface, const IpAddress& next_hop, OutgoingFrame frame,
                  const std::optional<SegmentName>& segment, Instant now);

  void receive_arp(Interface& interface, Bytes packet, Instant now);
  // A neighbour solicitation or advertisement from `station`; whether `packet` may be believed as
  // such is checked here.
  void receive_ndp(Interface& interface, const wire::IpPacket& packet,
                   const wire::IcmpMessage& message, const MacAddress& station, Instant now);

  NeighbourTable& neighbours() { return neighbours_; }
  const NeighbourTable& neighbours() const { return neighbours_; }
  void on_time(Instant now, std::vector<IcmpError>& errors);

 private:
  void carry_out(NeighbourActions& actions);
  void ask_arp(Interface& interface, const NeighbourActions::Solicit& ask);
  void ask_ndp(Interface& interface, const NeighbourActions::Solicit& ask);
  void answer_solicitation(Interface& interface, const IpAddress& source,
                           const wire::NdpMessage& asked, const MacAddress& station);
  void send_arp(Interface& interface, const MacAddress& to, const wire::ArpPacket& packet);
  void send_ndp(Interface& interface, const MacAddress& to, const IpAddress& source,
                const IpAddress& destination, const wire::NdpMessage& message);
  void take_advertisement(Interface& interface, const wire::NdpMessage& told, Instant now);
  bool is_credible(const IpAddress& address) const;
  Heard question_from(const Interface& interface, const IpAddress& address) const;

  Counters& counters_;
  const RouteTable& routes_;
  Interfaces& interfaces_;
  NeighbourTable neighbours_;
};

}  // namespace estab::ip
