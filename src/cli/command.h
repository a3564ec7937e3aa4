// The `estab` command: its verbs, its help, its exit codes. One file a verb: verb_*.cpp.
//
// Exit codes: 0 it did what was asked, 1 it could not (one line on stderr says why and how to mend
// it), 2 wrong arguments (one line says what was expected).
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <stdexcept>
#include <string>

namespace estab::cli {

int run(int argc, char** argv);

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUse = 2;

// What a verb throws to end with one line on stderr.
struct Failure : std::runtime_error {  // exit 1
  using std::runtime_error::runtime_error;
};
struct WrongUse : std::runtime_error {  // exit 2
  using std::runtime_error::runtime_error;
};
struct Ended : std::runtime_error {  // where another program's exit status is kept
  Ended(const std::string& text, int code) : std::runtime_error(text), status(code) {}
  int status;
};

// Each adds its verb to the command and calls `chosen` with what is to be run when it was given.
using Body = std::function<int()>;
using Chosen = std::function<void(Body)>;
void add_serve(CLI::App& app, const Chosen& chosen);
void add_connect(CLI::App& app, const Chosen& chosen);
void add_ss(CLI::App& app, const Chosen& chosen);
void add_netstat(CLI::App& app, const Chosen& chosen);
void add_kill(CLI::App& app, const Chosen& chosen);
void add_summary(CLI::App& app, const Chosen& chosen);
void add_tuning(CLI::App& app, const Chosen& chosen);
void add_counters(CLI::App& app, const Chosen& chosen);
void add_diagram(CLI::App& app, const Chosen& chosen);
void add_ladder(CLI::App& app, const Chosen& chosen);
void add_trace(CLI::App& app, const Chosen& chosen);
void add_drill(CLI::App& app, const Chosen& chosen);
void add_doctor(CLI::App& app, const Chosen& chosen);

// A notice for people on stderr: "estab serve: TEXT".
void say(const std::string& verb, const std::string& text);

}  // namespace estab::cli
