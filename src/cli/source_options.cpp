#include "cli/source_options.h"

#include "cli/command.h"

namespace estab::cli {

void add_source_options(CLI::App& verb, observe::Look& look) {
  verb.add_option_function<std::string>(
          "--source",
          [&look](const std::string& name) { look.where = *observe::where_named(name); },
          "linux, estab (stacks), all; auto: the stacks if any runs, else linux")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"auto", "linux", "estab", "all"}));
  verb.add_option("--stack", look.stack, "one stack alone: its name, pid or control socket")
      ->type_name("STACK");
}

std::vector<observe::Connection> connections_of(const observe::Look& look,
                                                const std::string& verb) {
  auto looked = observe::look_at(look);
  if (!looked) throw Failure(looked.error());
  for (const std::string& line : looked->blind_spots) say(verb, line);
  return std::move(looked->connections);
}

}  // namespace estab::cli
