#include "ip/interfaces.h"

#include <algorithm>

#include "wire/ethernet.h"

namespace estab::ip {

std::size_t Interface::mtu() const { return std::min<std::size_t>(device->mtu(), 65535); }

Interface& Interfaces::add(Device& device) {
  auto added = std::make_unique<Interface>();
  added->id = static_cast<InterfaceId>(interfaces_.size() + 1);
  added->device = &device;
  added->link = device.link();
  added->mac = device.mac();
  added->offloads = device.offloads();
  interfaces_.push_back(std::move(added));
  return *interfaces_.back();
}

void Interfaces::remove(InterfaceId id) {
  if (find(id) != nullptr) interfaces_[static_cast<std::size_t>(id) - 1].reset();
}

const Interface* Interfaces::find(InterfaceId id) const {
  const auto index = static_cast<std::size_t>(id);
  return index == 0 || index > interfaces_.size() ? nullptr : interfaces_[index - 1].get();
}

Interface* Interfaces::find(InterfaceId id) {
  return const_cast<Interface*>(std::as_const(*this).find(id));
}

std::vector<InterfaceInfo> Interfaces::list() const {
  std::vector<InterfaceInfo> all;
  for (const auto& i : interfaces_) {
    if (i == nullptr) continue;
    all.push_back({i->id, i->device->name(), i->link, i->mtu(), i->mac, i->pending.size()});
  }
  return all;
}

SendResult Interfaces::push(Interface& interface, OutgoingFrame frame) {
  if (interface.pending.size() >= kMaxPending) {
    counters_.add(Counter::EstabLinkSendDropped);
    return SendResult::kQueueFull;
  }
  interface.pending.push_back(std::move(frame));
  return SendResult::kSent;
}

SendResult Interfaces::push(Interface& interface, const MacAddress& to, wire::EtherType type,
                            OutgoingFrame frame) {
  wire::build_ethernet({to, interface.mac, static_cast<std::uint16_t>(type)},
                       frame.prepend(wire::EthernetHeader::kSize));
  return push(interface, std::move(frame));
}

}  // namespace estab::ip
