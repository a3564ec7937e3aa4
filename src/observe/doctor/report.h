// The findings for people and for machines.
#pragma once
#include <string>
#include <vector>

#include "observe/doctor/finding.h"

namespace estab::observe::doctor {

struct Report {
  std::vector<std::string> looked_at;  // Census::where of each
  double seconds = 0;                  // between the looks
  std::size_t connections = 0;
  std::vector<Finding> findings;
  std::vector<std::string> not_seen;  // what and why
  std::vector<std::string> failed;    // systems that could not be looked at, and why
};

// "healthy", "warning", "critical", "unknown" (nothing could be looked at).
std::string_view status_of(const Report& report);

// A short line for each finding first, then each whole; nothing that came from outside reaches the
// terminal unescaped. Prose is broken at `width`, commands never are: they are there to be copied.
std::string text_report(const Report& report, std::size_t width, bool colour);
// One finding's line: "CRITICAL  nginx (pid 7) does not close ...".
std::string finding_line(const Finding& finding, std::size_t width, bool colour);
// docs/doctor.md has the schema. On one line, or indented.
std::string json_report(const Report& report, bool indented);

// The same finding in two reports has the same key, whatever its numbers are.
std::string key_of(const Finding& finding);

}  // namespace estab::observe::doctor
