// Time as the stack sees it. Nothing in the library reads a clock: whoever drives it passes
// `now`, so the same code runs against the wall clock, in a simulator and in a test.
//
//   stack.poll(Instant{} + 5s);
#pragma once
#include <chrono>
#include <cstdint>

namespace estab {

// A clock with no now(): it exists only to make Instant a type of its own.
struct StackClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<StackClock>;
  static constexpr bool is_steady = true;
};

using Duration = StackClock::duration;   // nanoseconds
using Instant = StackClock::time_point;  // nanoseconds since an origin that the driver chose

inline constexpr Instant kNever = Instant::max();

}  // namespace estab
