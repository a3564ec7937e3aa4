#include "observe/doctor/rules.h"

#include <algorithm>

namespace estab::observe::doctor {

std::string_view severity_name(Severity s) {
  return s == Severity::Critical ? "critical" : "warning";
}

std::string_view sure_name(Sure s) {
  if (s == Sure::Certainly) return "certain";
  return s == Sure::Likely ? "likely" : "possible";
}

std::string_view effect_name(Effect e) {
  switch (e) {
    case Effect::Shows:
      return "shows";
    case Effect::Sets:
      return "sets";
    case Effect::Keeps:
      return "keeps";
    case Effect::Ends:
      return "ends";
    case Effect::None:
      break;
  }
  return "none";
}

namespace {

// The application forgot them: the next question is which code.
bool code_holds(const Finding& f) {
  return f.id == "close-wait-leak" || f.id == "fin-wait-2-held" || f.id == "descriptors-run-out";
}

}  // namespace

std::vector<Finding> examine(const Census& census) {
  const Evidence evidence(census);
  Findings all;
  for (auto* rule : {close_wait, time_wait, syn_received, syn_sent, fin_wait_2, fin_unanswered,
                     resets, dead_established, exhaustion, settings}) {
    rule(evidence, all);
  }
  for (Finding& finding : all) {
    finding.where = census.where;
    if (!code_holds(finding)) continue;
    if (auto remedy = record_calls(census)) finding.now.push_back(std::move(*remedy));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Finding& a, const Finding& b) { return a.severity > b.severity; });
  return all;
}

}  // namespace estab::observe::doctor
