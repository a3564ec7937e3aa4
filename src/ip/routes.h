// This host's addresses and where packets go: longest prefix first, gateways, broadcast addresses,
// the source to choose. Configuration only; no packet changes it.
#pragma once
#include <optional>
#include <vector>

#include "estab/address.h"
#include "estab/error.h"
#include "ip/ip_layer.h"

namespace estab::ip {

struct NextHop {
  InterfaceId interface {};  // kLoopback: the destination is this host
  IpAddress address;         // the gateway, or the destination itself
};

class RouteTable {
 public:
  // Errors as IpLayer's functions of the same names say; the interface exists.
  Result<void> add_address(InterfaceId id, const Prefix& prefix);
  Result<void> remove_address(InterfaceId id, const IpAddress& address);
  Result<void> add_route(const Prefix& destination, std::optional<IpAddress> gateway,
                         InterfaceId id);
  Result<void> remove_route(const Prefix& destination, InterfaceId id);
  void remove_interface(InterfaceId id);

  // Link-local destinations leave by `preferred` when it has a route to them: an address without
  // its link says too little (RFC 4007 6).
  std::optional<NextHop> lookup(const IpAddress& destination,
                                std::optional<InterfaceId> preferred = std::nullopt) const;
  std::optional<IpAddress> source_for(const IpAddress& destination,
                                      std::optional<InterfaceId> preferred = std::nullopt) const;
  // One of our addresses on that interface, to ask `neighbour` from.
  std::optional<IpAddress> address_on(InterfaceId id, const IpAddress& neighbour) const;

  bool is_local(const IpAddress& address) const;
  bool is_address_of(InterfaceId id, const IpAddress& address) const;
  bool is_broadcast(const IpAddress& address) const;
  bool is_on_link(InterfaceId id, const IpAddress& address) const;  // of a connected network
  // ff02::1, and the solicited-node groups of our addresses (RFC 4291 2.8).
  bool is_joined_group(const IpAddress& group) const;

  std::vector<AddressInfo> addresses() const;
  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Address {
    InterfaceId interface {};
    Prefix prefix;
    std::uint64_t order = 0;  // of configuration: the first one is preferred
  };
  const Address* find(const IpAddress& address) const;
  void insert_route(const Route& route);
  void rebuild_broadcasts();
  const Address* best_source(std::optional<InterfaceId> id, const IpAddress& towards) const;

  std::vector<Address> addresses_;     // by address
  std::vector<IpAddress> broadcasts_;  // sorted
  std::vector<Route> routes_;          // longest prefix first, then as configured
  std::uint64_t configured_ = 0;
};

}  // namespace estab::ip
