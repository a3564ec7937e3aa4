#include "stack/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace estab::stack {
namespace {

constexpr std::uint64_t kMagic = 0x3154573a42415445;   // "ETAB:WT1"
constexpr std::uint64_t kMaking = 0x3057573a42415445;  // while the header is being written
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kByteOrder = 0x01020304;
// Finds damage, not malice: the key need not be secret.
constexpr SipKey kCheckKey{{0x65737461622d7374, 0x6174652d66696c65}};

struct Header {
  std::uint64_t magic = 0;
  std::uint32_t version = kVersion;
  std::uint32_t byte_order = kByteOrder;
  std::uint64_t size = 0;
  SipKey secret;
  std::uint64_t check = 0;  // of everything before it but the magic
};
static_assert(sizeof(Header) == 48);

struct Clock {
  WallClock value = 0;
  std::uint64_t check = 0;
};

struct Slot {
  std::uint64_t check = 0;  // 0: free; of everything after it, and of the slot's number
  std::uint8_t family = 0;  // 4 or 6
  std::uint8_t reuse_address = 0;
  std::uint8_t reuse_port = 0;
  std::uint8_t autobound = 0;
  std::uint16_t local_port = 0, remote_port = 0;
  std::array<std::uint8_t, 16> local{}, remote{};
  tcp::TimeWait tcp;
  WallClock entered = 0, deadline = 0;
  std::int64_t length = 0;
};
static_assert(sizeof(Slot) == 104);

constexpr std::size_t kClocks = sizeof(Header);
constexpr std::size_t kSlots = kClocks + 2 * sizeof(Clock);

template <class T>
T load(const std::uint8_t* from) {
  T value;
  std::memcpy(static_cast<void*>(&value), from, sizeof value);
  return value;
}
template <class T>
void store(std::uint8_t* to, const T& value) {
  std::memcpy(to, static_cast<const void*>(&value), sizeof value);
  // Keeps the compiler from moving stores across: whoever maps the file after a kill -9 sees them
  // in program order.
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

std::uint64_t check_of(const std::uint8_t* from, std::size_t size, std::uint64_t salt) {
  SipKey key = kCheckKey;
  key.words[0] ^= salt;
  const std::uint64_t check = siphash(key, Bytes{from, size});
  return check != 0 ? check : 1;
}
std::uint64_t header_check(const std::uint8_t* header) {
  return check_of(header + sizeof(std::uint64_t), sizeof(Header) - 2 * sizeof(std::uint64_t), 0);
}
std::uint64_t clock_check(WallClock value, std::uint32_t which) {
  std::array<std::uint8_t, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  return check_of(bytes.data(), bytes.size(), which + 1);
}
std::uint64_t slot_check(const std::uint8_t* slot, std::uint32_t number) {
  return check_of(slot + sizeof(std::uint64_t), sizeof(Slot) - sizeof(std::uint64_t),
                  std::uint64_t{number} + 16);
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

}  // namespace

std::size_t Memory::bytes_for(std::size_t records) { return kSlots + records * sizeof(Slot); }

Memory::Memory(std::span<std::uint8_t> span, const SipKey& secret) : span_(span), secret_(secret) {
  if (span.empty()) return;
  if (span.size() < bytes_for(1)) {
    note_ = fmt::format("state memory of {} bytes not used: it needs {} at least", span.size(),
                        bytes_for(1));
    return;
  }
  const auto header = load<Header>(span.data());
  if (all_zero(span.first(kSlots))) {
    make(secret);
  } else if (header.magic == kMaking) {
    note_ = "state memory is unfinished (its process died while making it): starting fresh";
    make(secret);
  } else if (header.magic != kMagic) {
    note_ = "state memory refused: it is not estab's; left as it is, running without";
  } else {
    adopt();
    if (!restored_) make(secret);
  }
}

// Takes over what an earlier process left, or says in note_ why not.
void Memory::adopt() {
  const auto header = load<Header>(span_.data());
  if (header.version != kVersion || header.byte_order != kByteOrder) {
    note_ = "state memory refused: written by another version of estab; starting fresh";
    return;
  }
  if (header.check != header_check(span_.data())) {
    note_ = "state memory refused: its header is damaged; starting fresh";
    return;
  }
  if (header.size != span_.size()) {
    note_ = fmt::format("state memory refused: {} bytes where its header says {}; starting fresh",
                        span_.size(), header.size);
    return;
  }
  bool clock_found = false;
  for (std::uint32_t i = 0; i < 2; ++i) {
    const auto c = load<Clock>(span_.data() + kClocks + i * sizeof(Clock));
    if (c.check != clock_check(c.value, i)) continue;
    clock_found = true;
    if (c.value >= clock_) {
      clock_ = c.value;
      next_clock_ = 1 - i;
    }
  }
  if (!clock_found) {
    note_ = "state memory refused: its clock is damaged; starting fresh";
    return;
  }
  secret_ = header.secret;
  slots_ = static_cast<std::uint32_t>((span_.size() - kSlots) / sizeof(Slot));
  restored_ = true;
  check_slots();
}

// A slot that was torn or scribbled on is dropped, the others stand.
void Memory::check_slots() {
  std::uint32_t damaged = 0;
  std::uint32_t good = 0;
  for (std::uint32_t s = 0; s < slots_; ++s) {
    if (load<Slot>(at(s)).check == 0) continue;
    if (read(s)) {
      ++good;
    } else {
      ++damaged;
      clear(s);
    }
  }
  if (damaged != 0) {
    note_ = fmt::format("state memory: {} damaged TIME-WAIT record{} dropped, {} kept", damaged,
                        damaged == 1 ? "" : "s", good);
  }
}

void Memory::make(const SipKey& secret) {
  store(span_.data(), kMaking);
  std::fill(span_.begin() + sizeof kMaking, span_.end(), std::uint8_t{0});
  Header h;
  h.magic = kMaking;
  h.size = span_.size();
  h.secret = secret;
  store(span_.data(), h);
  h.check = header_check(span_.data());
  store(span_.data(), h);
  slots_ = static_cast<std::uint32_t>((span_.size() - kSlots) / sizeof(Slot));
  secret_ = secret;
  clock_ = 0;
  keep_clock(0);
  keep_clock(0);
  store(span_.data(), kMagic);
}

void Memory::keep_clock(WallClock clock) {
  if (!in_use()) return;
  std::uint8_t* cell = span_.data() + kClocks + next_clock_ * sizeof(Clock);
  store(cell + sizeof(WallClock), std::uint64_t{0});
  store(cell, clock);
  store(cell + sizeof(WallClock), clock_check(clock, next_clock_));
  next_clock_ = 1 - next_clock_;
}

std::optional<std::uint32_t> Memory::slot_of(Ref ref) const {
  if (ref.index() >= slots_) return std::nullopt;
  return ref.kind() == Ref::Kind::kTimeWait4 ? ref.index() : slots_ - 1 - ref.index();
}

bool Memory::put(Ref ref, const SavedTimeWait& r) {
  const auto number = slot_of(ref);
  if (!number) return false;
  const std::uint8_t family = ref.kind() == Ref::Kind::kTimeWait4 ? 4 : 6;
  const auto old = load<Slot>(at(*number));
  if (old.check != 0 && old.family != family) return false;  // the two families have met
  Slot s;
  s.family = family;
  s.reuse_address = r.reuse_address ? 1 : 0;
  s.reuse_port = r.reuse_port ? 1 : 0;
  s.autobound = r.autobound ? 1 : 0;
  s.local_port = r.tuple.local.port.value;
  s.remote_port = r.tuple.remote.port.value;
  s.local = r.tuple.local.address.bytes();
  s.remote = r.tuple.remote.address.bytes();
  s.tcp = r.tcp;
  s.entered = r.entered;
  s.deadline = r.deadline;
  s.length = r.length.count();
  clear(*number);
  store(at(*number), s);
  store(at(*number), slot_check(at(*number), *number));
  return true;
}

void Memory::erase(Ref ref) {
  const auto number = slot_of(ref);
  if (!number) return;
  const std::uint8_t family = ref.kind() == Ref::Kind::kTimeWait4 ? 4 : 6;
  if (load<Slot>(at(*number)).family == family) clear(*number);
}

void Memory::clear(std::uint32_t slot) { store(at(slot), std::uint64_t{0}); }

std::optional<SavedTimeWait> Memory::read(std::uint32_t slot) const {
  const auto s = load<Slot>(at(slot));
  if (s.check == 0 || s.check != slot_check(at(slot), slot)) return std::nullopt;
  SavedTimeWait r;
  r.tuple = {{IpAddress::v6(s.local), {s.local_port}}, {IpAddress::v6(s.remote), {s.remote_port}}};
  r.tcp = s.tcp;
  r.entered = s.entered;
  r.deadline = s.deadline;
  r.length = Duration{s.length};
  r.reuse_address = s.reuse_address != 0;
  r.reuse_port = s.reuse_port != 0;
  r.autobound = s.autobound != 0;
  return r;
}

std::uint8_t* Memory::at(std::uint32_t slot) const {
  return span_.data() + kSlots + slot * sizeof(Slot);
}

}  // namespace estab::stack
