#include "lab/script/drill.h"

#include <fmt/format.h>

#include "lab/script/parser.h"
#include "lab/script/script_run.h"

namespace estab::lab {
namespace {

Outcome outcome_of(const std::string& name, const Problem& problem) {
  std::string where = name;
  if (problem.line > 0) where += fmt::format(":{}", problem.line);
  if (problem.column > 0) where += fmt::format(":{}", problem.column);
  const bool broken = problem.trouble == Trouble::kWrong;
  return {broken ? Verdict::kBroken : Verdict::kSkipped,
          fmt::format("{}: {}", where, problem.what())};
}

// What makes the whole script one that is not run.
void refuse(const Script& script) {
  for (const Event& event : script.events) {
    if (const auto* call = std::get_if<CallSpec>(&event.what)) {
      const std::string why = why_not_supported(*call);
      if (!why.empty()) throw Problem(Trouble::kNotSupported, event.line, 0, why);
    }
    if (std::holds_alternative<CodeSpec>(event.what) && !PythonCode::available()) {
      throw Problem(Trouble::kNotSupported, event.line, 0, "%{ code }% needs python3");
    }
  }
}

Outcome run(const DrillOptions& options) {
  const auto head = parse_script_options(options.text);
  if (!head) return outcome_of(options.name, head.error());
  const auto settings = settings_of(head->options, options.options);
  if (!settings) return outcome_of(options.name, settings.error());
  const auto script =
      parse_script(options.text, options.definitions, usual_definitions(settings->ip));
  if (!script) return outcome_of(options.name, script.error());
  refuse(*script);
  ScriptRun running(options, *settings, *script);
  return {Verdict::kPassed, running.run()};
}

}  // namespace

Outcome drill(const DrillOptions& options) {
  try {
    return run(options);
  } catch (const Problem& problem) {
    return outcome_of(options.name, problem);
  } catch (const Mismatch& mismatch) {
    return {Verdict::kFailed, mismatch.what()};
  }
}

}  // namespace estab::lab
