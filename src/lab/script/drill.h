// Packet scripts in virtual time: each against a host of its own.
//
//   const Outcome outcome = drill({.name = "x.pkt", .text = text, .folder = "."});
//   if (outcome.verdict == Verdict::kFailed) puts(outcome.text.c_str());
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "estab/tuning.h"
#include "lab/script/ast.h"
#include "lab/script/lexer.h"
#include "lab/script/script_capture.h"

namespace estab::lab {

struct DrillOptions {
  std::string name;                     // for messages
  std::string text;                     // the script
  std::string folder = ".";             // what its commands' paths are relative to
  std::vector<ScriptOption> options{};  // win over the script's own
  Definitions definitions{};            // --define of the command line: likewise
  Tuning tuning{};                      // of the stack, before the script's commands
  std::uint64_t seed = 1;
  bool check_timestamp_echo = false;  // packetdrill itself does not compare outbound `ecr`
  ScriptCapture* capture = nullptr;   // gets each packet; not owned
};

enum class Verdict : std::uint8_t {
  kPassed,
  kFailed,
  kSkipped,  // it can't be run here: the text says why
  kBroken,   // it is no script: the text says where and what was expected
};

struct Outcome {
  Verdict verdict = Verdict::kPassed;
  std::string text;  // "" when it passed and printed nothing
};

Outcome drill(const DrillOptions& options);

}  // namespace estab::lab
