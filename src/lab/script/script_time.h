// When an event should be, and whether it was: relative times, ranges, tolerance.
#pragma once
#include <optional>
#include <string>

#include "lab/script/ast.h"
#include "lab/script/settings.h"

namespace estab::lab {

// All times are from the script's start on.
struct DueTime {
  TimeKind kind = TimeKind::kAbsolute;
  Duration begin{};
  Duration end{};                    // of a range
  Duration offset{};                 // what relative times counted from
  std::optional<Duration> previous;  // the event before was due then
};

class ScriptTime {
 public:
  explicit ScriptTime(const ScriptSettings& settings) : settings_(settings) {}

  // The next event: relative times count from `now`, those of an inbound packet after another from
  // that one's. Fails when absolute times go backwards, or the first is not 0.
  std::string next(const Event& event, Duration now);
  const DueTime& due() const { return due_; }

  // "" or "timing error: expected outbound packet at 1.000000 sec but happened at ...".
  std::string check(const DueTime& due, Duration actual, std::string_view what) const;
  Duration tolerance(Duration since_previous) const;

 private:
  const ScriptSettings& settings_;
  const Event* last_ = nullptr;
  DueTime due_;
};

double seconds(Duration d);

}  // namespace estab::lab
