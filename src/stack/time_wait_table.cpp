#include "stack/time_wait_table.h"

#include <algorithm>

namespace estab::stack {
namespace {

constexpr std::size_t kLengths = 255;

template <class R>
void fill(R& r, const NewTimeWait& e, std::uint8_t length, Instant now) {
  r.tcp = e.tcp;
  r.entered = tcp::to_millis(now);
  r.deadline = tcp::to_millis(e.deadline);
  r.serial = static_cast<std::uint32_t>(e.id);
  r.length = length;
  r.reuse_address = e.reuse_address ? 1 : 0;
  r.reuse_port = e.reuse_port ? 1 : 0;
  r.autobound = e.autobound ? 1 : 0;
  r.local_port = e.tuple.local.port.value;
  r.remote_port = e.tuple.remote.port.value;
}

FourTuple name_of(const TimeWaitRecord4& r) {
  return {{IpAddress::v4(r.local), {r.local_port}}, {IpAddress::v4(r.remote), {r.remote_port}}};
}
FourTuple name_of(const TimeWaitRecord6& r) {
  return {{IpAddress::v6(r.local), {r.local_port}}, {IpAddress::v6(r.remote), {r.remote_port}}};
}

}  // namespace

Ref TimeWaitTable::add(const NewTimeWait& entry, Instant now) {
  const std::uint8_t length = code_of(entry.length);
  if (entry.tuple.local.address.is_v4()) {
    TimeWaitRecord4 r;
    fill(r, entry, length, now);
    r.local = entry.tuple.local.address.v4_value();
    r.remote = entry.tuple.remote.address.v4_value();
    const std::uint32_t i = pool4_.allocate(r);
    if (i == kNoRecord) return {};
    wheel4_.insert(i);
    return {Ref::Kind::kTimeWait4, i};
  }
  TimeWaitRecord6 r;
  fill(r, entry, length, now);
  r.local = entry.tuple.local.address.bytes();
  r.remote = entry.tuple.remote.address.bytes();
  const std::uint32_t i = pool6_.allocate(r);
  if (i == kNoRecord) return {};
  wheel6_.insert(i);
  return {Ref::Kind::kTimeWait6, i};
}

void TimeWaitTable::remove(Ref ref) {
  if (ref.kind() == Ref::Kind::kTimeWait4) {
    wheel4_.erase(ref.index());
  } else {
    wheel6_.erase(ref.index());
  }
  remove_expired(ref);
}

void TimeWaitTable::remove_expired(Ref ref) {
  if (ref.kind() == Ref::Kind::kTimeWait4) {
    pool4_.free(ref.index());
  } else {
    pool6_.free(ref.index());
  }
}

TimeWaitRecord& TimeWaitTable::get(Ref ref) {
  if (ref.kind() == Ref::Kind::kTimeWait4) return pool4_[ref.index()];
  return pool6_[ref.index()];
}

FourTuple TimeWaitTable::tuple(Ref ref) const {
  if (ref.kind() == Ref::Kind::kTimeWait4) return name_of(pool4_[ref.index()]);
  return name_of(pool6_[ref.index()]);
}

bool TimeWaitTable::is(Ref ref, const FourTuple& t) const {
  if (ref.kind() == Ref::Kind::kTimeWait4) {
    const TimeWaitRecord4& r = pool4_[ref.index()];
    return r.remote_port == t.remote.port.value && r.local_port == t.local.port.value &&
           name_of(r) == t;
  }
  return name_of(pool6_[ref.index()]) == t;
}

void TimeWaitTable::restart(Ref ref, Instant deadline, Instant now) {
  const auto move = [&](auto& pool, auto& wheel) {
    wheel.erase(ref.index());
    pool[ref.index()].deadline = tcp::to_millis(deadline);
    pool[ref.index()].entered = tcp::to_millis(now);
    wheel.insert(ref.index());
  };
  if (ref.kind() == Ref::Kind::kTimeWait4) {
    move(pool4_, wheel4_);
  } else {
    move(pool6_, wheel6_);
  }
}

Duration TimeWaitTable::length_of(Ref ref, Duration knob) const {
  const std::uint32_t code = get(ref).length;
  return code == 0 ? knob : lengths_[code - 1];
}

// There are few different lengths: one a listener at most, as a rule. When the codes run out, the
// next longer one serves, so that 2 MSL is never cut short.
std::uint8_t TimeWaitTable::code_of(Duration length) {
  if (length <= Duration{0}) return 0;
  const auto found = std::find(lengths_.begin(), lengths_.end(), length);
  if (found != lengths_.end()) return static_cast<std::uint8_t>(found - lengths_.begin() + 1);
  if (lengths_.size() < kLengths) {
    lengths_.push_back(length);
    return static_cast<std::uint8_t>(lengths_.size());
  }
  std::size_t best = kLengths;
  for (std::size_t i = 0; i < kLengths; ++i) {
    if (lengths_[i] < length) continue;
    if (best == kLengths || lengths_[i] < lengths_[best]) best = i;
  }
  return best == kLengths ? std::uint8_t{0} : static_cast<std::uint8_t>(best + 1);
}

}  // namespace estab::stack
