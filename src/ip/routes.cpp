#include "ip/routes.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "wire/ndp.h"

namespace estab::ip {
namespace {

int bits_of(const IpAddress& a) { return a.is_v4() ? 32 : 128; }

int common_bits(const IpAddress& a, const IpAddress& b) {
  for (std::size_t i = 0; i < 16; ++i) {
    const auto differing = static_cast<std::uint8_t>(a.bytes()[i] ^ b.bytes()[i]);
    if (differing != 0) return static_cast<int>(i) * 8 + std::countl_zero(differing);
  }
  return 128;
}

std::uint32_t host_mask(int length) {  // IPv4
  return length == 0 ? ~std::uint32_t{0} : (std::uint32_t{1} << (32 - length)) - 1;
}

bool is_valid(const Prefix& p) { return p.length >= 0 && p.length <= bits_of(p.address); }

IpAddress masked(const Prefix& p) {
  std::array<std::uint8_t, 16> bytes = p.address.bytes();
  const int kept = p.length + (p.address.is_v4() ? 96 : 0);
  for (int i = 0; i < 16; ++i) {
    const int here = std::clamp(kept - i * 8, 0, 8);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00 >> here));
  }
  return IpAddress::v6(bytes);
}

}  // namespace

const RouteTable::Address* RouteTable::find(const IpAddress& address) const {
  const auto at = std::lower_bound(
      addresses_.begin(), addresses_.end(), address,
      [](const Address& entry, const IpAddress& key) { return entry.prefix.address < key; });
  return at != addresses_.end() && at->prefix.address == address ? &*at : nullptr;
}

Result<void> RouteTable::add_address(InterfaceId id, const Prefix& prefix) {
  if (!is_valid(prefix) || !prefix.address.is_unicast() || prefix.address.is_loopback()) {
    return fail(EINVAL);
  }
  if (find(prefix.address) != nullptr) return fail(EEXIST);
  const auto at = std::find_if(addresses_.begin(), addresses_.end(),
                               [&](const Address& a) { return prefix.address < a.prefix.address; });
  addresses_.insert(at, {id, prefix, configured_++});
  insert_route({{masked(prefix), prefix.length}, std::nullopt, id, true});
  rebuild_broadcasts();
  return {};
}

Result<void> RouteTable::remove_address(InterfaceId id, const IpAddress& address) {
  const Address* found = find(address);
  if (found == nullptr || found->interface != id) return fail(EADDRNOTAVAIL);
  const Prefix network{masked(found->prefix), found->prefix.length};
  addresses_.erase(addresses_.begin() + (found - addresses_.data()));
  const bool still_connected =
      std::any_of(addresses_.begin(), addresses_.end(), [&](const Address& a) {
        return a.interface == id && a.prefix.length == network.length &&
               masked(a.prefix) == network.address;
      });
  if (!still_connected) {
    std::erase_if(routes_, [&](const Route& r) {
      return r.connected && r.interface == id && r.destination == network;
    });
  }
  rebuild_broadcasts();
  return {};
}

Result<void> RouteTable::add_route(const Prefix& destination, std::optional<IpAddress> gateway,
                                   InterfaceId id) {
  if (!is_valid(destination)) return fail(EINVAL);
  if (gateway && (gateway->is_v4() != destination.address.is_v4() || !gateway->is_unicast() ||
                  gateway->is_loopback())) {
    return fail(EINVAL);
  }
  const Prefix network{masked(destination), destination.length};
  for (const Route& r : routes_) {
    if (r.destination == network && r.interface == id && r.gateway == gateway && !r.connected) {
      return fail(EEXIST);
    }
  }
  insert_route({network, gateway, id, false});
  return {};
}

Result<void> RouteTable::remove_route(const Prefix& destination, InterfaceId id) {
  if (!is_valid(destination)) return fail(EINVAL);
  const Prefix network{masked(destination), destination.length};
  const auto removed = std::erase_if(routes_, [&](const Route& r) {
    return !r.connected && r.interface == id && r.destination == network;
  });
  if (removed == 0) return fail(ESRCH);
  return {};
}

void RouteTable::remove_interface(InterfaceId id) {
  std::erase_if(addresses_, [&](const Address& a) { return a.interface == id; });
  std::erase_if(routes_, [&](const Route& r) { return r.interface == id; });
  rebuild_broadcasts();
}

void RouteTable::insert_route(const Route& route) {
  const bool known = std::any_of(routes_.begin(), routes_.end(), [&](const Route& r) {
    return route.connected && r.connected && r.destination == route.destination &&
           r.interface == route.interface;
  });
  if (known) return;  // two addresses of one network
  const auto at = std::find_if(routes_.begin(), routes_.end(), [&](const Route& r) {
    return r.destination.length < route.destination.length;
  });
  routes_.insert(at, route);
}

void RouteTable::rebuild_broadcasts() {
  broadcasts_.clear();
  for (const Address& a : addresses_) {
    // RFC 3021: a network of two has no broadcast address. All zeros is the one of 4.2BSD, which
    // RFC 1122 3.3.6 wants recognised.
    if (a.prefix.address.is_v6() || a.prefix.length > 30) continue;
    const std::uint32_t host = host_mask(a.prefix.length);
    broadcasts_.push_back(IpAddress::v4(a.prefix.address.v4_value() | host));
    broadcasts_.push_back(IpAddress::v4(a.prefix.address.v4_value() & ~host));
  }
  std::sort(broadcasts_.begin(), broadcasts_.end());
}

std::optional<NextHop> RouteTable::lookup(const IpAddress& destination,
                                          std::optional<InterfaceId> preferred) const {
  if (is_local(destination)) return NextHop{InterfaceId::kLoopback, destination};
  if (!destination.is_unicast() || is_broadcast(destination)) return std::nullopt;
  const bool keep_link = preferred && destination.is_link_local();
  const Route* found = nullptr;
  for (const Route& r : routes_) {
    if (!r.destination.contains(destination)) continue;
    if (found == nullptr) found = &r;
    if (!keep_link) break;
    if (r.interface == *preferred) {
      found = &r;
      break;
    }
  }
  if (found == nullptr) return std::nullopt;
  return NextHop{found->interface, found->gateway.value_or(destination)};
}

const RouteTable::Address* RouteTable::best_source(std::optional<InterfaceId> id,
                                                   const IpAddress& towards) const {
  const Address* best = nullptr;
  std::tuple<bool, bool, int> best_rank;
  for (const Address& a : addresses_) {
    const IpAddress& own = a.prefix.address;
    if (own.is_v4() != towards.is_v4() || (id && a.interface != *id)) continue;
    // RFC 6724 5: rule 2 (scope), the same network, rule 8 (common bits).
    const bool v6 = own.is_v6();
    const std::tuple rank{!v6 || own.is_link_local() == towards.is_link_local(),
                          a.prefix.contains(towards), v6 ? common_bits(own, towards) : 0};
    if (best == nullptr || rank > best_rank || (rank == best_rank && a.order < best->order)) {
      best = &a;
      best_rank = rank;
    }
  }
  return best;
}

std::optional<IpAddress> RouteTable::source_for(const IpAddress& destination,
                                                std::optional<InterfaceId> preferred) const {
  if (destination.is_loopback()) {
    return destination.is_v4() ? IpAddress::v4(127, 0, 0, 1) : destination;
  }
  const std::optional<NextHop> hop = lookup(destination, preferred);
  if (!hop) return std::nullopt;
  if (hop->interface == InterfaceId::kLoopback) return destination;
  const IpAddress& towards = destination.is_v4() ? hop->address : destination;
  const Address* own = best_source(hop->interface, towards);
  const bool too_narrow = own != nullptr && own->prefix.address.is_v6() &&
                          own->prefix.address.is_link_local() && !destination.is_link_local();
  // An interface without an address of its own borrows one (unnumbered links, RFC 1812 2.2.7).
  if (own == nullptr || too_narrow) {
    const Address* borrowed = best_source(std::nullopt, towards);
    if (borrowed != nullptr) own = borrowed;
  }
  if (own == nullptr) return std::nullopt;
  return own->prefix.address;
}

std::optional<IpAddress> RouteTable::address_on(InterfaceId id, const IpAddress& neighbour) const {
  const Address* own = best_source(id, neighbour);
  if (own == nullptr) own = best_source(std::nullopt, neighbour);
  if (own == nullptr) return std::nullopt;
  return own->prefix.address;
}

bool RouteTable::is_local(const IpAddress& address) const {
  return address.is_loopback() || find(address) != nullptr;
}

bool RouteTable::is_address_of(InterfaceId id, const IpAddress& address) const {
  const Address* found = find(address);
  return found != nullptr && found->interface == id;
}

bool RouteTable::is_broadcast(const IpAddress& address) const {
  return address.is_broadcast() ||
         std::binary_search(broadcasts_.begin(), broadcasts_.end(), address);
}

bool RouteTable::is_on_link(InterfaceId id, const IpAddress& address) const {
  return std::any_of(routes_.begin(), routes_.end(), [&](const Route& r) {
    return r.interface == id && !r.gateway && r.destination.contains(address);
  });
}

bool RouteTable::is_joined_group(const IpAddress& group) const {
  static const IpAddress kAllNodes =
      IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  if (group == kAllNodes) return true;
  return std::any_of(addresses_.begin(), addresses_.end(), [&](const Address& a) {
    return a.prefix.address.is_v6() && wire::solicited_node_group(a.prefix.address) == group;
  });
}

std::vector<AddressInfo> RouteTable::addresses() const {
  std::vector<Address> ordered = addresses_;
  std::sort(ordered.begin(), ordered.end(),
            [](const Address& a, const Address& b) { return a.order < b.order; });
  std::vector<AddressInfo> all;
  all.reserve(ordered.size());
  for (const Address& a : ordered) all.push_back({a.interface, a.prefix});
  return all;
}

}  // namespace estab::ip
