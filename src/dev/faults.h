// A bad link, seeded and in virtual time: with_faults() and what it is made of. Unlike netem it
// needs no kernel module and no privilege, and one seed always gives the same run.
//
// What happens to a frame, in this order (each direction has its own state and random numbers):
//   loss       it vanishes
//   duplicate  a copy follows right behind it, and shares its fate from here on, save corruption
//   corrupt    one random bit of it is flipped; the device no longer vouches for its checksum
//   rate       it waits until all frames before it have left, then takes size * 8 / rate to leave;
//              if `queue` frames are waiting or leaving it is dropped (drop-tail)
//   delay      it arrives delay + (uniform in -jitter..+jitter) later, never before it has left
//   FIFO       nor before a frame that left earlier. On a busy link this turns jitter into bursts:
//              frames wait for the most delayed one before them
//   reorder    but this share arrives at once when it has left, overtaking all that are delayed
//
// Held frames are bounded by kHeldBytes a direction besides `queue`; what comes on top is dropped.
// dropped() counts every frame that does not arrive: lost, by queue or by memory. Frames are let go
// in receive() and send(), so call one of them at next_wakeup().
#pragma once
#include <cstdint>
#include <deque>
#include <optional>

#include "base/random.h"
#include "dev/decorator.h"
#include "estab/devices.h"

namespace estab::dev {

// One direction of a bad link.
class FaultyLink {
 public:
  static constexpr std::size_t kHeldBytes = 64 << 20;

  FaultyLink(const LinkFaults& faults, std::uint64_t seed) : faults_(faults), random_(seed) {}

  // Frames go in with `now` never decreasing.
  void push(Instant now, ReceivedFrame frame);
  // The next frame that has arrived by `now`.
  std::optional<ReceivedFrame> pop(Instant now);
  // When the next one arrives; none when none is under way.
  std::optional<Instant> next() const;
  bool empty() const { return in_order_.empty() && overtaking_.empty(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Held {
    Instant arrives;
    std::uint64_t number;  // breaks ties: who came first
    ReceivedFrame frame;
  };
  void carry(Instant now, ReceivedFrame frame);
  void corrupt(ReceivedFrame& frame);
  bool earlier_is_overtaking() const;

  LinkFaults faults_;
  Random random_;
  std::uint64_t number_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t held_bytes_ = 0;
  Instant last_departure_ = Instant::min();
  Instant last_arrival_ = Instant::min();
  std::deque<Instant> departures_;  // of those still waiting for the rate
  std::deque<Held> in_order_;       // both sorted by arrival
  std::deque<Held> overtaking_;
};

class FaultyDevice : public Decorator {
 public:
  FaultyDevice(std::unique_ptr<Device> inner, const FaultSpec& spec);
  void receive(Instant now, std::size_t limit, std::vector<ReceivedFrame>& in) override;
  std::size_t send(Instant now, std::span<const OutgoingFrame> out) override;
  std::optional<Instant> next_wakeup() const override;
  std::uint64_t dropped() const override;

 private:
  void take_in(Instant now);
  void let_out(Instant now);

  FaultSpec spec_;
  FaultyLink in_;
  FaultyLink out_;
  std::vector<ReceivedFrame> batch_;
  std::vector<OutgoingFrame> leaving_;  // arrived outward; the device inside was full
  Instant retry_at_ = kNever;           // meaningful while leaving_ has any
};

}  // namespace estab::dev
