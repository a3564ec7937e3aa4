// What all decorators share: a device inside, whose answers are theirs unless they say otherwise.
#pragma once
#include <utility>

#include "estab/device.h"

namespace estab::dev {

class Decorator : public Device {
 public:
  // Decorators look at frames one by one: large ones would be lost or shown as one.
  explicit Decorator(std::unique_ptr<Device> inner) : inner_(std::move(inner)) {
    inner_->stop_offloads();
  }
  std::string name() const override { return inner_->name(); }
  LinkKind link() const override { return inner_->link(); }
  std::size_t mtu() const override { return inner_->mtu(); }
  MacAddress mac() const override { return inner_->mac(); }
  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override {
    inner_->receive(now, limit, in);
  }
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override {
    return inner_->send(now, out);
  }
  int poll_fd() const override { return inner_->poll_fd(); }
  std::optional<Instant> next_wakeup() const override { return inner_->next_wakeup(); }
  std::uint64_t dropped() const override { return inner_->dropped(); }

 protected:
  Device& inner() const { return *inner_; }

 private:
  std::unique_ptr<Device> inner_;
};

}  // namespace estab::dev
