// What a stack keeps over the death of its process, kill -9 included: its TIME-WAIT records, the
// secret behind its ISNs and timestamp offsets, and how far the ISN clock has come. It lies in a
// span that the caller maps from a file; nothing here knows of files.
//
//   [ header: magic, version, size, secret, check | clock, twice | slot | slot | slot ... ]
//
// A record's slot follows from its index: IPv4 from the front, IPv6 from the back; what finds no
// slot is not kept. Everything is written so that a process may die between any two stores: a slot
// counts only with its check, which is cleared first and written last. Times are wall-clock times,
// because the next process counts its Instants from another origin.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/siphash.h"
#include "stack/time_wait_table.h"

namespace estab::stack {

// Nanoseconds since 1970, as the caller's clock has them.
using WallClock = std::int64_t;

// One record, in wall-clock terms.
struct SavedTimeWait {
  FourTuple tuple;
  tcp::TimeWait tcp;  // its Millis and ts_offset are relative to the wall clock, modulo 2^32 ms
  WallClock entered = 0;
  WallClock deadline = 0;
  Duration length{0};  // of its 2 MSL; 0: the knob's
  bool reuse_address = false;
  bool reuse_port = false;
  bool autobound = false;
};

class Memory {
 public:
  // Reads what is there. A span that is empty is not used; one that holds nothing but zeros is made
  // ready with `secret`; one that is damaged, cut or of another version is made anew; one that is
  // not ours is not touched. note() says what was wrong. `span` outlives the Memory.
  Memory(std::span<std::uint8_t> span, const SipKey& secret);

  // The size for this many TIME-WAIT records.
  static std::size_t bytes_for(std::size_t records);

  bool in_use() const { return slots_ != 0; }
  bool restored() const { return restored_; }        // an earlier process's memory was there
  const std::string& note() const { return note_; }  // one line, empty when all is well
  const SipKey& secret() const { return secret_; }   // the restored one, or the constructor's
  WallClock clock() const { return clock_; }         // the ISN clock's last saved value, 0: none

  // Calls f(slot, const SavedTimeWait&) for each record, in the order in which their new indices
  // grow; f may put() and clear() slots.
  template <class F>
  void for_each(F&& f) {
    for (std::uint32_t s = 0; s < slots_; ++s) {
      if (const auto r = read(s); r && r->tuple.local.address.is_v4()) f(s, *r);
    }
    for (std::uint32_t s = slots_; s-- > 0;) {
      if (const auto r = read(s); r && r->tuple.local.address.is_v6()) f(s, *r);
    }
  }
  // Writes the record into its slot. False: it has none.
  bool put(Ref ref, const SavedTimeWait& record);
  void erase(Ref ref);
  void clear(std::uint32_t slot);
  std::optional<std::uint32_t> slot_of(Ref ref) const;
  void keep_clock(WallClock clock);

 private:
  void adopt();
  void make(const SipKey& secret);
  void check_slots();
  std::optional<SavedTimeWait> read(std::uint32_t slot) const;
  std::uint8_t* at(std::uint32_t slot) const;

  std::span<std::uint8_t> span_;
  std::uint32_t slots_ = 0;
  SipKey secret_;
  WallClock clock_ = 0;
  std::uint32_t next_clock_ = 0;
  bool restored_ = false;
  std::string note_;
};

}  // namespace estab::stack
