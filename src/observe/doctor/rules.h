// The ten kinds of finding, each a pure function over a census: one file a kind.
#pragma once
#include <vector>

#include "observe/doctor/evidence.h"
#include "observe/doctor/finding.h"

namespace estab::observe::doctor {

// All of them; the gravest first.
std::vector<Finding> examine(const Census& census);

using Findings = std::vector<Finding>;
void close_wait(const Evidence& evidence, Findings& out);        // 1
void time_wait(const Evidence& evidence, Findings& out);         // 2
void syn_received(const Evidence& evidence, Findings& out);      // 3
void syn_sent(const Evidence& evidence, Findings& out);          // 4
void fin_wait_2(const Evidence& evidence, Findings& out);        // 5
void fin_unanswered(const Evidence& evidence, Findings& out);    // 6
void resets(const Evidence& evidence, Findings& out);            // 7
void dead_established(const Evidence& evidence, Findings& out);  // 8
void exhaustion(const Evidence& evidence, Findings& out);        // 9
void settings(const Evidence& evidence, Findings& out);          // 10

}  // namespace estab::observe::doctor
