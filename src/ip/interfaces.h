// The interfaces of one IP layer and the frames that wait for each device.
#pragma once
#include <memory>
#include <vector>

#include "estab/counters.h"
#include "estab/device.h"
#include "ip/ip_layer.h"
#include "wire/headers.h"

namespace estab::ip {

struct Interface {
  InterfaceId id{};
  Device* device = nullptr;
  LinkKind link = LinkKind::kIp;
  MacAddress mac;
  Offloads offloads;
  std::vector<OutgoingFrame> pending;

  std::size_t mtu() const;  // at most what IP's length fields can say
};

class Interfaces {
 public:
  // What waits for a device that takes nothing: Linux's txqueuelen, and room for one TCP window.
  static constexpr std::size_t kMaxPending = 16384;

  explicit Interfaces(Counters& counters) : counters_(counters) {}

  Interface& add(Device& device);
  void remove(InterfaceId id);
  Interface* find(InterfaceId id);  // nullptr: loopback, removed, or never there
  const Interface* find(InterfaceId id) const;
  std::vector<InterfaceInfo> list() const;

  // Queues a frame that is whole for its link.
  SendResult push(Interface& interface, OutgoingFrame frame);
  // The same behind an Ethernet header.
  SendResult push(Interface& interface, const MacAddress& to, wire::EtherType type,
                  OutgoingFrame frame);

 private:
  Counters& counters_;
  std::vector<std::unique_ptr<Interface>> interfaces_;  // id - 1; nullptr: removed
};

}  // namespace estab::ip
