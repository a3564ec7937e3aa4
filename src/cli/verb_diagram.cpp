// `estab diagram`: the state diagram, from the table that runs.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/source_options.h"
#include "cli/terminal.h"
#include "observe/control_client.h"
#include "observe/diagram.h"

namespace estab::cli {
namespace {

struct DiagramFlags {
  std::string format = "text";
  bool ascii = false;
  bool rows = false;
  bool matrix = false;
  bool live = false;
  observe::Look look;
};

constexpr const char* kAbout =
    "TCP's state diagram, with live counts if you like.\n"
    "RFC 9293's Figure 5, drawn from the very table that runs the connections. Each arrow has its\n"
    "number; the other views use the same numbers.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab diagram\n"
    "  estab diagram --live                 (how many connections are in each state now)\n"
    "  estab diagram --rows\n"
    "  estab diagram --matrix | grep TIME-WAIT\n"
    "  estab diagram --format svg > tcp.svg\n"
    "  estab diagram --format dot | dot -Tpng > tcp.png\n";

// Of stacks by their totals, which cost nothing; of Linux by a look at each socket.
observe::StateCounts live_counts(const observe::Look& look) {
  const auto where = observe::settled(look);
  if (!where) throw Failure(where.error());
  observe::StateCounts counts{};
  if (*where != observe::Where::Stacks) {
    observe::Look of_linux = look;
    of_linux.where = observe::Where::Linux;
    for (const observe::Connection& c : connections_of(of_linux, "diagram")) {
      ++counts[static_cast<std::size_t>(c.state)];
    }
    if (*where == observe::Where::Linux) return counts;
  }
  const auto stacks = observe::find_stacks(look.stack);
  if (!stacks) throw Failure(stacks.error());
  if (stacks->empty()) throw Failure("no stack is running: nothing lives to be counted");
  for (const auto& address : *stacks) {
    auto client = observe::ControlClient::open(address);
    if (!client) throw Failure(client.error());
    const auto totals = client->totals();
    if (!totals) throw Failure(totals.error());
    for (std::size_t s = 0; s < counts.size(); ++s) counts[s] += totals->by_state[s];
  }
  return counts;
}

int diagram(const DiagramFlags& flags) {
  if (flags.rows || flags.matrix) {
    fmt::print("{}", flags.rows ? observe::diagram_rows() : observe::diagram_matrix());
    return kDone;
  }
  observe::DiagramStyle style;
  style.ascii = flags.ascii || !terminal_has_lines();
  if (flags.live) style.counts = live_counts(flags.look);
  if (flags.format == "dot") fmt::print("{}", observe::diagram_dot(style));
  if (flags.format == "mermaid") fmt::print("{}", observe::diagram_mermaid(style));
  if (flags.format == "svg") fmt::print("{}", observe::diagram_svg(style));
  if (flags.format == "text") fmt::print("{}", observe::diagram_text(style));
  return kDone;
}

}  // namespace

void add_diagram(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<DiagramFlags>();
  CLI::App* verb = app.add_subcommand("diagram", kAbout);
  verb->footer(kFooter);
  verb->add_option("--format", flags->format, "text, dot, mermaid or svg; text unless given")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "dot", "mermaid", "svg"}));
  verb->add_flag("--ascii", flags->ascii, "text without line-drawing characters");
  verb->add_flag("--rows", flags->rows, "the twenty arrows as a table");
  verb->add_flag("--matrix", flags->matrix,
                 "what every event does in every state, with its section");
  verb->add_flag("--live", flags->live, "with the number of connections in each state");
  add_source_options(*verb, flags->look);
  verb->final_callback([flags, chosen] { chosen([flags] { return diagram(*flags); }); });
}

}  // namespace estab::cli
