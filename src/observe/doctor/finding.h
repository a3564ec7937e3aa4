// What the doctor found: what was seen, why it means this and not its neighbours, what to do.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace estab::observe::doctor {

enum class Severity : std::uint8_t { Warning, Critical };
enum class Sure : std::uint8_t { Possibly, Likely, Certainly };
std::string_view severity_name(Severity s);  // "warning"
std::string_view sure_name(Sure s);          // "certain", "likely", "possible"

// What a command does, so that a test can see whether it did.
enum class Effect : std::uint8_t {
  None,   // words alone: there is no command
  Shows,  // prints the connections in question
  Sets,   // afterwards `name` is `value`
  Keeps,  // afterwards `name` is `value` after each start of the system
  Ends,   // afterwards process `name` is gone, or no connection matches
};
std::string_view effect_name(Effect e);  // "shows"

struct Remedy {
  std::string text;     // a sentence
  std::string command;  // for a shell, quoted; may be empty
  Effect effect = Effect::None;
  std::string name = {}, value = {};
};

struct Holder {
  std::uint32_t pid = 0;
  std::string command;            // as it is: views escape
  std::size_t connections = 0;    // of those in question
  std::vector<std::int32_t> fds;  // the first few
};

struct Finding {
  int kind = 0;    // 1 to 10: docs/doctor.md
  std::string id;  // kind and cause: "close-wait-leak"
  Severity severity = Severity::Warning;
  Sure sure = Sure::Likely;
  std::string headline;           // one line
  std::vector<std::string> seen;  // evidence
  std::string why;
  std::vector<std::string> not_because;
  std::vector<Remedy> now, for_good;
  std::vector<Holder> processes;
  std::vector<std::pair<std::string, std::size_t>> peers;  // busiest first
  std::vector<std::pair<std::string, double>> numbers;     // for machines
  std::vector<std::pair<std::string, std::size_t>> code;   // who made them, where that was watched
  std::string where;                                       // Census::where
};

}  // namespace estab::observe::doctor
