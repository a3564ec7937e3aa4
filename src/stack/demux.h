// Which connection a segment belongs to: one keyed hash of its 4-tuple, one look-up, for full
// connections, SYN-queue records and TIME-WAIT records alike. 8 bytes an entry (and the table's
// slack): the tuples themselves lie in the records.
//
//   const std::uint64_t hash = demux.hash(segment.tuple);
//   const Ref ref = demux.find(hash, [&](Ref r) { return tuple_of(r) == segment.tuple; });
#pragma once
#include <cstdint>

#include "base/defence.h"
#include "base/flat_map.h"
#include "base/siphash.h"

namespace estab::stack {

// A kind of connection memory and an index within it.
class Ref {
 public:
  enum class Kind : std::uint8_t { kConnection, kSyn, kTimeWait4, kTimeWait6 };

  constexpr Ref() = default;  // none
  constexpr Ref(Kind kind, std::uint32_t index)
      : bits_(static_cast<std::uint32_t>(kind) << 30 | index) {}
  constexpr Kind kind() const { return static_cast<Kind>(bits_ >> 30); }
  constexpr std::uint32_t index() const { return bits_ & 0x3fffffff; }
  constexpr bool is_time_wait() const {
    return *this && (kind() == Kind::kTimeWait4 || kind() == Kind::kTimeWait6);
  }
  explicit constexpr operator bool() const { return bits_ != ~std::uint32_t{0}; }
  friend constexpr bool operator==(Ref, Ref) = default;

 private:
  std::uint32_t bits_ = ~std::uint32_t{0};
};

class Demux {
 public:
  explicit Demux(const SipKey& key) : key_(key) {}
  // Keyed, so that nobody can aim at one bucket (Crosby and Wallach 2003).
  std::uint64_t hash(const FourTuple& tuple) const {
    return siphash(defended(Defence::KeyedDemux) ? key_ : SipKey{}, tuple);
  }

  // No Ref when there is none. `is`: whether a candidate's tuple is the one looked for.
  template <class Is>
  Ref find(std::uint64_t hash, Is&& is) const {
    const Ref* found = table_.find(hash, [&](const Ref& r) { return is(r); });
    return found != nullptr ? *found : Ref{};
  }
  // REQUIRES: the tuple is not there.
  void insert(std::uint64_t hash, Ref ref) { table_.insert(hash, ref); }
  void erase(std::uint64_t hash, Ref ref) {
    table_.erase(hash, [&](const Ref& r) { return r == ref; });
  }
  // The same tuple is now another kind of memory.
  void replace(std::uint64_t hash, Ref old, Ref now) {
    if (Ref* found = table_.find(hash, [&](const Ref& r) { return r == old; })) *found = now;
  }

  std::size_t size() const { return table_.size(); }
  std::size_t bytes() const { return table_.bytes(); }

 private:
  SipKey key_;
  FlatIndex<Ref> table_;
};

}  // namespace estab::stack
