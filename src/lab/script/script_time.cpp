#include "lab/script/script_time.h"

#include <fmt/format.h>

#include <algorithm>

namespace estab::lab {
namespace {

bool is_absolute(TimeKind kind) {
  return kind == TimeKind::kAbsolute || kind == TimeKind::kAbsoluteRange;
}

bool is_inbound_packet(const Event& event) {
  const auto* packet = std::get_if<PacketSpec>(&event.what);
  return packet != nullptr && packet->inbound;
}

}  // namespace

double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string ScriptTime::next(const Event& event, Duration now) {
  const Event* before = std::exchange(last_, &event);
  DueTime due{event.time, event.begin, event.end, {}, {}};
  if (before == nullptr) {
    if (event.begin != Duration{}) return "first event should be at time 0";
  } else {
    due.previous = due_.begin;
    if (is_absolute(before->time) && is_absolute(event.time) && due.begin < due_.begin) {
      return fmt::format("time goes backward in script from {:.6f} to {:.6f} sec",
                         seconds(due_.begin), seconds(due.begin));
    }
  }
  if (!is_absolute(event.time)) {
    const bool anchored =
        before != nullptr && is_inbound_packet(*before) && is_inbound_packet(event);
    due.offset = anchored ? due_.begin : now;
    due.begin += due.offset;
    due.end += due.offset;
  }
  due_ = due;
  return "";
}

Duration ScriptTime::tolerance(Duration since_previous) const {
  const auto part = static_cast<std::int64_t>(settings_.tolerance_percent / 100.0 *
                                              static_cast<double>(since_previous.count()));
  return std::max(settings_.tolerance, Duration(part));
}

std::string ScriptTime::check(const DueTime& due, Duration actual, std::string_view what) const {
  if (due.kind == TimeKind::kAny) return "";
  const Duration slack = due.previous ? tolerance(due.begin - *due.previous) : settings_.tolerance;
  const bool range = due.kind == TimeKind::kAbsoluteRange || due.kind == TimeKind::kRelativeRange;
  const Duration latest = range ? due.end : due.begin;
  if (actual >= due.begin - slack && actual <= latest + slack) return "";
  if (due.kind == TimeKind::kRelativeRange) {
    return fmt::format(
        "timing error: expected {} in relative time range +{:.6f}~+{:.6f} sec but happened at "
        "{:+.6f} sec",
        what, seconds(due.begin - due.offset), seconds(due.end - due.offset),
        seconds(actual - due.offset));
  }
  if (range) {
    return fmt::format(
        "timing error: expected {} in time range {:.6f}~{:.6f} sec but happened at {:.6f} sec",
        what, seconds(due.begin), seconds(due.end), seconds(actual));
  }
  return fmt::format(
      "timing error: expected {} at {:.6f} sec but happened at {:.6f} sec; tolerance {:.6f} sec",
      what, seconds(due.begin), seconds(actual), seconds(slack));
}

}  // namespace estab::lab
