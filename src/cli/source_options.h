// --source and --stack: whose connections a verb looks at.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "observe/sources.h"

namespace estab::cli {

// `look` must live until the verb has run.
void add_source_options(CLI::App& verb, observe::Look& look);

// Throws Failure. What could not be seen goes to stderr, as "estab VERB: ...", a line each.
std::vector<observe::Connection> connections_of(const observe::Look& look, const std::string& verb);

}  // namespace estab::cli
