// TIME-WAIT as records of its own: 64 bytes for IPv4, 88 for IPv6, links and tuple included, and
// no buffers. FIN-WAIT-2 without an owner is kept in the same form (L8). The table knows which
// records there are and when they end; what a segment does to one is tcp::on_segment's business.
//
//   const Ref ref = table.add({tuple, record, now + 60s, ...}, now);
//   table.expire(now, 1000, [&](Ref r) { ... table.remove(r) ... });
#pragma once
#include <array>
#include <functional>

#include "stack/demux.h"
#include "stack/index_wheel.h"
#include "stack/pool.h"
#include "tcp/record.h"

namespace estab::stack {

// What every TIME-WAIT record has, whatever its family.
struct TimeWaitRecord {
  tcp::TimeWait tcp;
  tcp::Millis entered = 0;  // when its present state or its present 2 MSL began
  tcp::Millis deadline = 0;
  std::uint32_t serial = 0;  // low half of the connection's id
  std::uint32_t previous : 24 = kNoRecord;
  std::uint32_t length : 8 = 0;  // code of its 2 MSL (TimeWaitTable::length_of)
  std::uint32_t next : 24 = kNoRecord;
  std::uint32_t reuse_address : 1 = 0;  // the owner's marks: what bind() asks about (bindings.h)
  std::uint32_t reuse_port : 1 = 0;
  std::uint32_t autobound : 1 = 0;  // connect() chose the port
  std::uint32_t reopened : 1 = 0;   // L12: a SYN record stands for the tuple, tentatively
};
static_assert(sizeof(TimeWaitRecord) == 52);

struct TimeWaitRecord4 : TimeWaitRecord {
  std::uint32_t local = 0, remote = 0;
  std::uint16_t local_port = 0, remote_port = 0;
};
struct TimeWaitRecord6 : TimeWaitRecord {
  std::array<std::uint8_t, 16> local{}, remote{};
  std::uint16_t local_port = 0, remote_port = 0;
};
static_assert(sizeof(TimeWaitRecord4) <= 64, "a cache line");
static_assert(sizeof(TimeWaitRecord6) <= 88);

struct NewTimeWait {
  FourTuple tuple;
  tcp::TimeWait tcp;
  Instant deadline;
  Duration length{0};  // its 2 MSL, for when it starts anew (L10) or begins (arrow 16); 0: the knob
  std::uint64_t id = 0;
  bool reuse_address = false;
  bool reuse_port = false;
  bool autobound = false;
};

class TimeWaitTable {
 public:
  // No Ref when 2^24 records of the family are there.
  Ref add(const NewTimeWait& entry, Instant now);
  // REQUIRES, here and below: `ref` is a record of this table.
  void remove(Ref ref);
  TimeWaitRecord& get(Ref ref);
  const TimeWaitRecord& get(Ref ref) const { return const_cast<TimeWaitTable*>(this)->get(ref); }
  FourTuple tuple(Ref ref) const;
  bool is(Ref ref, const FourTuple& tuple) const;
  // Sets the deadline; `entered` becomes now.
  void restart(Ref ref, Instant deadline, Instant now);
  // A record's own 2 MSL, `knob` when it has none.
  Duration length_of(Ref ref, Duration knob) const;

  // Calls f(Ref) for each record that is due, at most `limit`: it is still there, but waits for no
  // deadline any more; f removes it. Returns how many.
  template <class F>
  std::size_t expire(Instant now, std::size_t limit, F&& f) {
    const std::size_t n =
        wheel4_.expire(now, limit, [&](std::uint32_t i) { f(Ref(Ref::Kind::kTimeWait4, i)); });
    return n + wheel6_.expire(now, limit - n,
                              [&](std::uint32_t i) { f(Ref(Ref::Kind::kTimeWait6, i)); });
  }
  // Removes a record that expire() has handed out.
  void remove_expired(Ref ref);
  Instant next() const { return std::min(wheel4_.next(), wheel6_.next()); }

  // The records among the next `limit` indices of one family; kNoRecord at its end.
  template <class F>
  std::uint32_t visit(Ref::Kind family, std::uint32_t index, std::size_t limit, F&& f) const {
    const auto see = [&](std::uint32_t i, const auto&) { f(Ref(family, i)); };
    return family == Ref::Kind::kTimeWait4 ? pool4_.visit(index, limit, see)
                                           : pool6_.visit(index, limit, see);
  }

  std::size_t size() const { return pool4_.size() + pool6_.size(); }
  std::size_t bytes() const {
    return pool4_.bytes() + pool6_.bytes() + wheel4_.bytes() + wheel6_.bytes();
  }

 private:
  std::uint8_t code_of(Duration length);

  Pool<TimeWaitRecord4> pool4_;
  Pool<TimeWaitRecord6> pool6_;
  IndexWheel<TimeWaitRecord4> wheel4_{pool4_};
  IndexWheel<TimeWaitRecord6> wheel6_{pool6_};
  // The lengths in use besides the knob's: a listener's or a socket's own. Code i + 1.
  std::vector<Duration> lengths_;
};

}  // namespace estab::stack
