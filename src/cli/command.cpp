#include "cli/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "cli/help.h"

namespace estab::cli {
namespace {

constexpr const char* kAbout =
    "A user-space TCP that you can see into: serve and connect over a TCP/IP stack of your own,\n"
    "and look at its connections as ss looks at Linux's.";

constexpr const char* kExamples =
    "Examples:\n"
    "  estab serve --http . --device tun:estab0 --address 10.77.0.2/24 --host-address "
    "10.77.0.1/24\n"
    "  curl http://10.77.0.2/\n"
    "  estab ss -tano\n"
    "  estab summary --by process\n"
    "  estab counters -z\n"
    "  estab tuning time_wait=10\n"
    "  estab diagram --live\n";

// The verb that the command line means, for the error's beginning.
std::string verb_of(const CLI::App& app) {
  for (const CLI::App* verb : app.get_subcommands()) return "estab " + verb->get_name();
  return "estab";
}

int complain(const std::string& who, std::string text, int code) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  fmt::print(stderr, "{}: {}\n", who, text);
  return code;
}

void add_verbs(CLI::App& app, const Chosen& chosen) {
  add_serve(app, chosen);
  add_connect(app, chosen);
  add_ss(app, chosen);
  add_netstat(app, chosen);
  add_summary(app, chosen);
  add_kill(app, chosen);
  add_tuning(app, chosen);
  add_counters(app, chosen);
  add_diagram(app, chosen);
  add_ladder(app, chosen);
  add_trace(app, chosen);
  add_drill(app, chosen);
  add_doctor(app, chosen);
  for (CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    verb->get_option("--help")->description("this text");
  }
}

// "serve, connect, ... or drill"
std::string verbs_of(const CLI::App& app) {
  std::string names;
  const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    if (i > 0) names += i + 1 == verbs.size() ? " or " : ", ";
    names += verbs[i]->get_name();
  }
  return names;
}

// CLI11's words for what is wrong, and where to read what is right.
int wrong_arguments(const CLI::App& app, const CLI::ParseError& error) {
  const std::string who = verb_of(app);
  std::string text = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && who == "estab") {
    text = "expected a verb: " + verbs_of(app);
  }
  // As ss itself ends for an option that it does not know.
  const int status = who == "estab ss" ? 255 : kWrongUse;
  return complain(who, text + "; " + who + " --help says more", status);
}

}  // namespace

void say(const std::string& verb, const std::string& text) {
  fmt::print(stderr, "estab {}: {}\n", verb, text);
}

int run(int argc, char** argv) {
  CLI::App app(kAbout, "estab");
  app.footer(kExamples);
  app.set_version_flag("--version", "estab " ESTAB_VERSION);
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_option("--help")->description("this text");
  app.get_option("--version")->description("the version");
  app.require_subcommand(1);
  Body body;
  add_verbs(app, [&](Body chosen) { body = std::move(chosen); });
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return wrong_arguments(app, error);
  }
  try {
    const int code = body();
    if (std::fflush(stdout) != 0) return kFailed;  // the reader of a pipe is gone: say nothing
    return code;
  } catch (const Ended& error) {
    return complain(verb_of(app), error.what(), error.status);
  } catch (const WrongUse& error) {
    return complain(verb_of(app), error.what(), kWrongUse);
  } catch (const Failure& error) {
    return complain(verb_of(app), error.what(), kFailed);
  } catch (const std::bad_alloc&) {
    return complain(verb_of(app), "out of memory", kFailed);
  }
}

}  // namespace estab::cli
