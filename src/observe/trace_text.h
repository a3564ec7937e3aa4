// `estab trace`'s lines.
#pragma once
#include <string>

#include "observe/trace_event.h"

namespace estab::observe {

struct TraceFormat {
  bool namespaces = false;  // a column with the namespace's inode number
  bool date = false;        // before the time of day
  // Two lines for each event, as a terminal has no room for one: who, then what happened.
  bool narrow = false;
};
// Columns that an event's line takes, as a rule.
inline constexpr std::size_t kTraceColumns = 140;

std::string trace_header(const TraceFormat& format);  // narrow: none
// One line, its end included, and below it those of TraceEvent::code. What came from outside is escaped.
std::string trace_line(const TraceEvent& event, const TraceFormat& format);
// One JSON object on one line, its end included (docs/trace.md says what is in it).
std::string trace_json(const TraceEvent& event);

// "13 rcv FIN", "L15: a RST at exactly RCV.NXT: the connection is reset".
std::string trace_why(const TraceEvent& event);

}  // namespace estab::observe
