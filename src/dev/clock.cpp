#include "dev/clock.h"

#include <ctime>

namespace estab::dev {
namespace {

std::int64_t nanoseconds_of(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

Instant now() { return Instant(Duration(nanoseconds_of(CLOCK_MONOTONIC))); }

Duration wall_clock_offset() {
  return Duration(nanoseconds_of(CLOCK_REALTIME) - nanoseconds_of(CLOCK_MONOTONIC));
}

}  // namespace estab::dev
