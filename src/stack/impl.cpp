#include "stack/impl.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace estab::stack {
namespace {

// Each table its own key, all from one secret.
SipKey derive(const SipKey& secret, std::uint8_t purpose) {
  const std::array<std::uint8_t, 2> left{purpose, 0};
  const std::array<std::uint8_t, 2> right{purpose, 1};
  return {{siphash(secret, left), siphash(secret, right)}};
}

std::uint32_t to_ms(Duration d) {
  return static_cast<std::uint32_t>(d / std::chrono::milliseconds(1));
}

Holder restored_holder(const SavedTimeWait& s) {
  Holder h;
  h.address = s.tuple.local.address;
  h.kind = HolderKind::kTimeWait;
  h.reuse_address = s.reuse_address;
  h.reuse_port = s.reuse_port;
  h.autobound = s.autobound;
  return h;
}

// What the saved clock may lag behind the real one (poll.cpp keeps it every 100 ms).
constexpr Duration kClockSlack = std::chrono::seconds(1);

}  // namespace

Stack::Impl::Impl(Config config)
    : tuning_(config.tuning),
      random_(config.seed),
      secret_(config.secret),
      wall_clock_ns_(config.wall_clock_ns),
      memory_(config.memory, derive(config.secret, 1)),
      ip_(tuning_, counters_, random_, derive(config.secret, 2)),
      demux_(derive(config.secret, 3)),
      ephemeral_(derive(config.secret, 4), random_),
      listeners_(derive(config.secret, 5)),
      events_(config.event_capacity),
      resets_(derive(config.secret, 6)),
      syn_acks_(derive(config.secret, 7)),
      cookies_(derive(config.secret, 8)) {
  hold_restored();
}

Stack::Impl::~Impl() = default;

ip::InterfaceId Stack::Impl::attach(Device& device, const InterfaceConfig& config) {
  const ip::InterfaceId id = ip_.add_interface(device);
  for (const Prefix& p : config.addresses) (void)ip_.add_address(id, p);
  for (const InterfaceConfig::Route& r : config.routes) {
    (void)ip_.add_route(r.destination, r.gateway, id);
  }
  interfaces_.push_back({id, &device, device.mtu(), false});
  return id;
}

void Stack::Impl::detach(ip::InterfaceId id, Instant now) {
  hand_out(now);
  interfaces_.erase(std::remove_if(interfaces_.begin(), interfaces_.end(),
                                   [&](const Interface& i) { return i.id == id; }),
                    interfaces_.end());
  ip_.remove_interface(id);
}

tl::expected<void, std::string> Stack::Impl::set_tuning(std::string_view name,
                                                        std::string_view value) {
  ++releases_;  // the range, tcp_tw_reuse and others change what connect() finds
  return set_knob(tuning_, name, value);
}

// --- starting, with what an earlier process left
// ----------------------------------------------------

// bind() may come before the first `now`, and asks who holds a port.
void Stack::Impl::hold_restored() {
  memory_.for_each([&](std::uint32_t slot, const SavedTimeWait& s) {
    if (s.deadline <= wall_clock_ns_) {
      memory_.clear(slot);
      return;
    }
    ports_.add(s.tuple.local.port, restored_holder(s));
  });
}

void Stack::Impl::start(Instant now) {
  if (started_) return;
  started_ = true;
  if (memory_.in_use()) {
    wall_offset_ = Duration{wall_clock_ns_} - now.time_since_epoch();
    // RFC 9293 3.4.1: the ISN clock goes on where the last process left it, even if the wall clock
    // was set back meanwhile.
    const Duration least = memory_.restored()
                               ? Duration{memory_.clock()} + kClockSlack - now.time_since_epoch()
                               : wall_offset_;
    isn_offset_ = std::max(wall_offset_, least);
  }
  isn_.emplace(memory_.secret(), isn_offset_);
  clock_kept_ = now;
  memory_.keep_clock((now.time_since_epoch() + isn_offset_).count());
  // RFC 9293 3.4.3: without memory of the sequence numbers in use, keep quiet.
  if (!memory_.restored()) quiet_until_ = now + seconds_of(tuning_.quiet_time);
  restore(now);
}

// Puts the saved records into the tables. New indices are never above the old ones, so that a
// death in the middle loses nothing: the new slot is written before the old one is cleared.
void Stack::Impl::restore(Instant now) {
  const std::uint32_t shift = to_ms(wall_offset_);
  const Duration knob = seconds_of(tuning_.time_wait);
  memory_.for_each([&](std::uint32_t slot, const SavedTimeWait& s) {
    if (find(s.tuple)) {  // two slots of one record: the process died while one was moved
      ports_.remove(s.tuple.local.port, restored_holder(s));
      memory_.clear(slot);
      return;
    }
    // The wall clock may have been set back: nothing waits longer than a whole 2 MSL.
    const Duration length = s.length > Duration{0} ? s.length : knob;
    const Duration most = std::max(length, seconds_of(tuning_.tcp_fin_timeout));
    const Duration left{std::clamp<std::int64_t>(s.deadline - wall_clock_ns_, 0, most.count())};
    NewTimeWait n{.tuple = s.tuple,
                  .tcp = s.tcp,
                  .deadline = now + left,
                  .length = s.length,
                  .id = next_id_++,
                  .reuse_address = s.reuse_address,
                  .reuse_port = s.reuse_port,
                  .autobound = s.autobound};
    n.tcp.ts_recent_at -= shift;
    n.tcp.last_ack_at -= shift;
    n.tcp.ts_offset += shift;
    const Ref ref = time_waits_.add(n, now);
    if (!ref) return ports_.remove(s.tuple.local.port, restored_holder(s));
    time_waits_.get(ref).entered = static_cast<tcp::Millis>(s.entered / 1000000) - shift;
    if (n.tcp.state == State::FinWait2) ++fin_wait_2_records_;
    demux_.insert(demux_.hash(s.tuple), ref);
    remember(ref, now);
    if (memory_.slot_of(ref) != slot) memory_.clear(slot);
  });
}

// --- small things that every part asks for
// ----------------------------------------------------------

tcp::Context Stack::Impl::context(Instant now) {
  return {now, tuning_, counters_, random_, challenge_acks_, out_segments_, out_events_};
}

WireSeq Stack::Impl::initial_sequence(const FourTuple& tuple, Instant now) const {
  return isn_->initial_sequence(tuple, now);
}

std::uint32_t Stack::Impl::timestamp_offset(const FourTuple& tuple) const {
  // The wall clock's part makes timestamps go on over a restart, whatever origin Instants have.
  const std::uint32_t base = memory_.in_use() ? to_ms(wall_offset_) : 0;
  return base + (tuning_.tcp_timestamps == 1 ? isn_->timestamp_offset(tuple) : 0);
}

bool Stack::Impl::out_of_memory() const {
  return payload_bytes_ >= static_cast<std::uint64_t>(tuning_.tcp_mem);
}

bool Stack::Impl::may_hold_more(const ConnectionEntry& entry) const {
  constexpr std::size_t kFloor = 16384;
  return !out_of_memory() || entry.connection.memory() < kFloor;
}

std::size_t Stack::Impl::interface_mtu(ip::InterfaceId id, const IpAddress& remote,
                                       Instant now) const {
  for (const Interface& i : interfaces_) {
    if (i.id == id) return i.mtu;
  }
  return ip_.mtu_for(remote, now);  // loopback
}

tcp::Path Stack::Impl::path_to(const FourTuple& tuple, Instant now) const {
  tcp::Path path;
  path.mtu = ip_.mtu_for(tuple.remote.address, now);
  path.loopback = ip_.is_local(tuple.remote.address);
  path.our_mtu = path.mtu;
  if (path.loopback) return path;
  for (const ip::AddressInfo& a : ip_.addresses()) {
    if (a.prefix.address != tuple.local.address) continue;
    path.our_mtu = interface_mtu(a.interface, tuple.remote.address, now);
  }
  return path;
}

LifecycleEvent Stack::Impl::event(const FourTuple& tuple, std::uint64_t id, Instant now) const {
  LifecycleEvent e;
  e.at = now;
  e.connection = id;
  e.tuple = tuple;
  return e;
}

// Listeners and records: what opens them is always a passive OPEN, or does not matter.
LifecycleEvent Stack::Impl::move(const FourTuple& tuple, std::uint64_t id, State from, Event why,
                                 Instant now) const {
  const tcp::Step& step = tcp::step(from, why, tcp::Opened::Passively);
  assert(step.decision == tcp::Decision::Move);
  LifecycleEvent e = event(tuple, id, now);
  e.from = from;
  e.to = step.to;
  e.event = why;
  e.arrow = step.arrow;
  return e;
}

void Stack::Impl::log(const LifecycleEvent& e) {
  if (events_.size() == events_.capacity() && events_.oldest() >= asked_) {
    counters_.add(Counter::EstabEventsLost);
  }
  events_.push(e);
}

}  // namespace estab::stack
