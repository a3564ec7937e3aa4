// One step: what came in, what fell due, what goes out.
#include <algorithm>

#include "stack/impl.h"

namespace estab::stack {
namespace {

constexpr std::size_t kFramesAtOnce = 128;   // of one device, between two looks at the timers
constexpr std::size_t kTimersAtOnce = 4096;  // of one kind
constexpr int kLoopbackRounds = 16;
constexpr Duration kStuckRetry = std::chrono::milliseconds(1);
constexpr Duration kClockPeriod = std::chrono::milliseconds(100);

}  // namespace

std::optional<Instant> Stack::Impl::poll(Instant now) {
  start(now);
  bool more = receive_frames(now);
  if (ip_.deadline() <= now) ip_.on_time(now, received_);
  process(now);
  more = run_timers(now) || more;
  if (out_of_memory()) relieve_memory(now);
  flush(now);
  // Two ends within this stack answer each other here; the bound keeps a fast pair from holding up
  // everybody else.
  for (int round = 0; round < kLoopbackRounds && ip_.loopback_pending(); ++round) {
    ip_.receive_loopback(now, received_);
    process(now);
    flush(now);
  }
  hand_out(now);
  if (memory_.in_use() && now - clock_kept_ >= kClockPeriod) {
    clock_kept_ = now;
    memory_.keep_clock((now.time_since_epoch() + isn_offset_).count());
  }
  return next_deadline(now, more);
}

bool Stack::Impl::receive_frames(Instant now) {
  bool more = false;
  for (const Interface& i : interfaces_) {
    frames_.clear();
    i.device->receive(now, kFramesAtOnce, frames_);
    for (const ReceivedFrame& f : frames_) ip_.receive(i.id, f, now, received_);
    more = more || frames_.size() >= kFramesAtOnce;
  }
  frames_.clear();
  return more;
}

// Everything that has arrived is processed before any connection transmits: so one ACK answers a
// whole batch (RFC 9293 3.10.7.4, MUST-58, MUST-59).
void Stack::Impl::process(Instant now) {
  for (const ip::ReceivedSegment& s : received_.segments) on_received(s, now);
  for (const ip::IcmpError& e : received_.errors) on_icmp(e, now);
  received_.clear();
}

bool Stack::Impl::run_timers(Instant now) {
  const std::size_t fired = timers_.advance(
      now,
      [&](TimerNode& node) {
        auto& entry = static_cast<ConnectionEntry&>(node);
        tcp::Context c = context(now);
        entry.connection.on_time(c);
        settle(entry, now);
      },
      kTimersAtOnce);
  const std::size_t syns =
      syns_.expire(now, kTimersAtOnce, [&](std::uint32_t i) { on_syn_timer(i, now); });
  const std::size_t records =
      time_waits_.expire(now, kTimersAtOnce, [&](Ref ref) { on_time_wait_timer(ref, now); });
  return std::max({fired, syns, records}) >= kTimersAtOnce;
}

void Stack::Impl::flush(Instant now) {
  if (quiet(now)) return;
  std::swap(dirty_, flushing_);
  for (const ConnectionId id : flushing_) {
    ConnectionEntry* entry = connections_.get(id);
    if (entry == nullptr) continue;
    entry->dirty = false;
    if (!entry->attached) continue;
    tcp::Context c = context(now);
    entry->connection.transmit(c);
    after_transmit(*entry, now);
  }
  flushing_.clear();
}

void Stack::Impl::hand_out(Instant now) {
  for (Interface& i : interfaces_) {
    std::vector<OutgoingFrame>& frames = ip_.pending(i.id);
    const std::size_t taken = frames.empty() ? 0 : i.device->send(now, frames);
    i.stuck = taken < frames.size();
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(taken));
  }
}

std::optional<Instant> Stack::Impl::next_deadline(Instant now, bool more) const {
  if (more || ip_.loopback_pending()) return now;
  Instant next = std::min({syns_.next(), time_waits_.next(), ip_.deadline()});
  if (const auto timer = timers_.next_deadline()) next = std::min(next, *timer);
  if (!dirty_.empty()) next = std::min(next, std::max(now, quiet_until_));
  for (const Interface& i : interfaces_) {
    if (i.stuck) next = std::min(next, now + kStuckRetry);
    if (const auto wake = i.device->next_wakeup()) next = std::min(next, *wake);
  }
  if (next == kNever) return std::nullopt;
  return std::max(next, now);
}

}  // namespace estab::stack
