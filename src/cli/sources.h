// Whose connections a verb looks at: running stacks, Linux, or both.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "observe/connection.h"
#include "observe/control_client.h"
#include "observe/ss_filter.h"

namespace estab::cli {

struct SourceFlags {
  std::string source = "auto";
  std::string stack;  // a selector; not empty: stacks alone
};
// --source and --stack.
void add_source_options(CLI::App& verb, SourceFlags& flags);

// What `auto` means here and now: the running stacks where there are any, else Linux.
struct ChosenSources {
  std::vector<observe::StackAddress> stacks;
  bool linux = false;
};
// Throws Failure when a named stack does not run.
ChosenSources chosen_sources(const SourceFlags& flags);

struct SourceQuery {
  bool owners = false, info = false, ages = false;
  const observe::SsFilter* filter = nullptr;  // its states and its tests; may be null
};
// Throws Failure. What could not be seen goes to stderr, as "estab VERB: ...", a line each.
std::vector<observe::Connection> connections_from(const SourceFlags& flags,
                                                  const SourceQuery& query,
                                                  const std::string& verb);

}  // namespace estab::cli
