// What tools see. Looking changes nothing, and goes in slices.
#include <algorithm>

#include "stack/impl.h"

namespace estab::stack {
namespace {

// A cursor is the kind of memory being walked and the index to go on with, so that what comes and
// goes meanwhile neither stops the walk nor shows anything twice.
enum class Walk : std::uint8_t { kListeners, kSyns, kConnections, kTimeWait4, kTimeWait6, kEnd };
constexpr int kWalkShift = 56;

Duration left(tcp::Millis deadline, Instant now) {
  return std::max(Duration{0}, tcp::from_millis(deadline, now) - now);
}

tcp::Info info_of(const Listener& l, Instant now) {
  tcp::Info i;
  i.id = l.id;
  i.tuple.local = l.local;
  // What ss shows as the far end of a listener: the wildcard of its family.
  i.tuple.remote.address = l.local.address.is_v4() ? IpAddress::any_v4() : IpAddress::any_v6();
  i.state = State::Listen;
  i.passive = true;
  i.in_state = now - l.since;
  i.receive_queue = l.accept_queue.size();
  i.send_queue = l.backlog;
  i.send_buffer = l.settings.send_buffer;
  i.receive_buffer = l.settings.receive_buffer;
  return i;
}

tcp::Info info_of(const SynEntry& e, Instant now) {
  const tcp::SynRecord& r = e.record;
  tcp::Info i;
  i.id = e.id;
  i.tuple = r.tuple;
  i.state = State::SynReceived;
  i.passive = true;
  i.in_state = now - tcp::from_millis(r.created_at, now);
  i.timer = tcp::TimerKind::Retransmit;
  i.timer_left = left(e.deadline, now);
  i.timer_retries = i.retransmits = i.total_retrans = r.retries;
  i.timestamps = r.ts_ok;
  i.sack = r.sack_ok;
  i.window_scaling = r.wscale_ok;
  i.ecn = r.ecn_ok;
  i.snd_wnd_shift = r.snd_wnd_shift;
  i.rcv_wnd_shift = r.rcv_wnd_shift;
  i.snd_mss = r.peer_mss;
  i.advmss = r.our_mss;
  i.snd_wnd = r.peer_window;
  i.rcv_wnd = r.rcv_wnd;
  i.memory = sizeof(SynEntry);
  return i;
}

tcp::Info info_of(const TimeWaitRecord& r, const FourTuple& tuple, std::uint64_t id, Instant now) {
  tcp::Info i;
  i.id = id;
  i.tuple = tuple;
  i.state = r.tcp.state;
  i.orphan = true;
  i.in_state = now - tcp::from_millis(r.entered, now);
  i.timer = tcp::TimerKind::TimeWait;
  i.timer_left = left(r.deadline, now);
  i.timestamps = r.tcp.ts_ok != 0;
  i.rcv_wnd_shift = r.tcp.rcv_wnd_shift;
  i.rcv_wnd = r.tcp.rcv_wnd;
  i.memory = tuple.local.address.is_v4() ? sizeof(TimeWaitRecord4) : sizeof(TimeWaitRecord6);
  return i;
}

}  // namespace

std::uint64_t Stack::Impl::visit(std::uint64_t cursor, std::size_t limit, Instant now,
                                 const std::function<void(const tcp::Info&)>& see) const {
  auto walk = static_cast<Walk>(cursor >> kWalkShift);
  const auto index = static_cast<std::uint32_t>(cursor);
  const auto steps = static_cast<std::uint32_t>(std::clamp<std::size_t>(limit, 1, 1u << 20));
  std::uint32_t next = 0;
  bool end = false;
  switch (walk) {
    case Walk::kListeners:
      next = listeners_.visit(index, steps,
                              [&](ListenerId, const Listener& l) { see(info_of(l, now)); });
      end = next == Slab<Listener, ListenerTag>::kEnd;
      break;
    case Walk::kSyns:
      next = syns_.visit(index, steps,
                         [&](std::uint32_t, const SynEntry& e) { see(info_of(e, now)); });
      end = next == kNoRecord;
      break;
    case Walk::kConnections:
      next = connections_.visit(index, steps, [&](ConnectionId, const ConnectionEntry& e) {
        if (e.attached) see(e.connection.info(tuning_, now));
      });
      end = next == Slab<ConnectionEntry, ConnectionTag>::kEnd;
      break;
    case Walk::kTimeWait4:
    case Walk::kTimeWait6: {
      const auto family = walk == Walk::kTimeWait4 ? Ref::Kind::kTimeWait4 : Ref::Kind::kTimeWait6;
      next = time_waits_.visit(family, index, steps, [&](Ref ref) {
        const TimeWaitRecord& r = time_waits_.get(ref);
        see(info_of(r, time_waits_.tuple(ref), id_of(r), now));
      });
      end = next == kNoRecord;
      break;
    }
    case Walk::kEnd:
      return 0;
  }
  if (end) {
    walk = static_cast<Walk>(static_cast<std::uint8_t>(walk) + 1);
    next = 0;
  }
  return walk == Walk::kEnd ? 0
                            : std::uint64_t{static_cast<std::uint8_t>(walk)} << kWalkShift | next;
}

Stack::Totals Stack::Impl::totals() const {
  Totals t;
  t.by_state = by_state_;
  t.by_state[static_cast<std::size_t>(State::Listen)] = listeners_.size();
  t.by_state[static_cast<std::size_t>(State::SynReceived)] += syns_.size();
  t.by_state[static_cast<std::size_t>(State::TimeWait)] += time_waits_.size() - fin_wait_2_records_;
  t.by_state[static_cast<std::size_t>(State::FinWait2)] += fin_wait_2_records_;
  t.orphans = orphans_;
  t.listeners = listeners_.size();
  t.syn_records = syns_.size();
  t.time_wait_records = time_waits_.size();
  t.connections = connections_.size();
  t.payload_bytes = payload_bytes_;
  t.table_bytes = demux_.bytes() + listeners_.bytes() + syns_.bytes() + time_waits_.bytes() +
                  connections_.bytes() + events_.bytes() + resets_.bytes();
  return t;
}

Stack::EventRead Stack::Impl::events_since(std::uint64_t since, std::size_t limit) {
  EventRead read;
  const std::uint64_t there = events_.next() - std::max(since, events_.oldest());
  read.events.resize(
      since > events_.next() ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(limit, there)));
  const auto got = events_.read(since, read.events);
  read.events.resize(got.count);
  read.next = got.next;
  read.lost = got.lost;
  asked_ = std::max(asked_, got.next);
  return read;
}

}  // namespace estab::stack
