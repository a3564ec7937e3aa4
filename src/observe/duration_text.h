// Durations as ss and people write them.
#pragma once
#include <string>

#include "estab/time.h"

namespace estab::observe {

// As in ss's timer:(...): "119min", "1min59sec", "59sec", "6.864ms" (which is 6.864 s: ss's own
// spelling, kept for the scripts that read it), "200ms"; "" for less than a millisecond.
std::string ss_timer_text(Duration left);

// In one word: "45ms", "12.3s", "2min5s", "3h10min".
std::string short_duration(Duration d);

// For people: "2 min 5 s", "12.3 s", "45 ms", "120 us".
std::string plain_duration(Duration d);

}  // namespace estab::observe
