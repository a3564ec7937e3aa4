// What `estab summary` saw when it was last called, kept in the runtime directory: totals by group
// and when that was. One file for each question (source, grouping, filter, namespace).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "estab/time.h"
#include "observe/distribution.h"

namespace estab::cli {

struct LastLook {
  Duration ago{0};
  observe::EarlierTotals totals;
};

// Nothing: there was none, it was before the last boot, or it cannot be read.
std::optional<LastLook> read_last_look(const std::string& question);
// False: it could not be kept (no directory of the user's own); the next call has no changes.
bool keep_look(const std::string& question, const observe::EarlierTotals& totals);

}  // namespace estab::cli
