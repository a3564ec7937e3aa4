// `estab ladder`: connections of a capture, with both ends' states.
#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/terminal.h"
#include "observe/control_client.h"
#include "observe/ladder.h"

namespace estab::cli {
namespace {

struct LadderFlags {
  std::string capture;
  std::string stack;
  std::size_t last = 0;
  std::uint16_t port = 0;
  observe::LadderStyle style;
  bool states = false;
  std::size_t width = 0;
};

constexpr const char* kAbout =
    "Connections of a capture, with both ends' states on the sides.\n"
    "Segments are rungs; the states are rebuilt by running the lifecycle's table over them. "
    "Numbers\n"
    "are the arrows of `estab diagram`. What a capture can't show is marked with ?.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab serve --http . --pcap web.pcapng &\n"
    "  estab ladder web.pcapng --last 1\n"
    "  estab ladder web.pcapng --port 80 --numbers\n"
    "  tcpdump -i lo -w - tcp port 22 | estab ladder -\n";

std::vector<observe::LadderNote> notes_of(const LadderFlags& flags,
                                          const observe::Conversation& conversation) {
  if (flags.stack.empty()) return {};
  const auto stacks = observe::find_stacks(flags.stack);
  if (!stacks) throw Failure(stacks.error());
  std::vector<observe::LadderNote> notes;
  for (const auto& address : *stacks) {
    auto client = observe::ControlClient::open(address);
    if (!client) throw Failure(client.error());
    const auto who = client->identity();
    if (!who) throw Failure(who.error());
    for (std::uint64_t since = 0;;) {
      const auto events = client->events(since);
      if (!events) throw Failure(events.error());
      if (events->events.empty()) break;
      const auto some = observe::notes_for(conversation, events->events, who->wall_offset);
      notes.insert(notes.end(), some.begin(), some.end());
      since = events->next;
    }
  }
  std::stable_sort(notes.begin(), notes.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  return notes;
}

std::string state_text(std::optional<State> s) { return s ? std::string(rfc_name(*s)) : "?"; }

int ladder(const LadderFlags& flags) {
  const auto capture = observe::read_capture(flags.capture);
  if (!capture) throw Failure(capture.error());
  auto all = observe::conversations(*capture);
  if (flags.port != 0) {
    std::erase_if(all, [&](const observe::Conversation& c) {
      return c.tuple.local.port.value != flags.port && c.tuple.remote.port.value != flags.port;
    });
  }
  if (flags.last != 0 && all.size() > flags.last) {
    all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(flags.last));
  }
  if (all.empty()) throw Failure("no TCP connection in " + flags.capture + " is the one asked for");
  observe::LadderStyle style = flags.style;
  style.width = flags.width != 0 ? flags.width : std::min<std::size_t>(terminal_width(), 120);
  style.ascii = style.ascii || !terminal_has_lines();
  bool first = true;
  for (const auto& conversation : all) {
    if (flags.states) {
      const auto last = observe::final_states(conversation);
      fmt::print("{} {} {} {}\n", conversation.tuple.local.to_string(), state_text(last.left),
                 conversation.tuple.remote.to_string(), state_text(last.right));
      continue;
    }
    fmt::print("{}{}", first ? "" : "\n",
               observe::ladder_text(conversation, notes_of(flags, conversation), style));
    first = false;
  }
  return kDone;
}

}  // namespace

void add_ladder(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<LadderFlags>();
  CLI::App* verb = app.add_subcommand("ladder", kAbout);
  verb->footer(kFooter);
  verb->add_option("CAPTURE", flags->capture, "a pcapng or pcap file, -: standard input")
      ->required()
      ->type_name("");
  verb->add_option("--last", flags->last, "the last N connections")->type_name("N");
  verb->add_option("--port", flags->port, "those that use this port")->type_name("PORT");
  verb->add_option("--stack", flags->stack,
                   "add what this running stack logged: rules that fired, timers")
      ->type_name("STACK");
  verb->add_option("--left", flags->style.left_name, "who is on the left")->type_name("NAME");
  verb->add_option("--right", flags->style.right_name, "who is on the right")->type_name("NAME");
  verb->add_option("--width", flags->width, "columns; the terminal's unless given")
      ->type_name("N")
      ->check(CLI::Range(72, 1000));
  verb->add_flag("--numbers", flags->style.numbers, "relative sequence numbers on the rungs");
  verb->add_flag("--whole", flags->style.whole, "every segment, also of long transfers");
  verb->add_flag("--states", flags->states, "only the last states, one connection a line");
  verb->add_flag("--ascii", flags->style.ascii, "without line-drawing characters");
  verb->final_callback([flags, chosen] { chosen([flags] { return ladder(*flags); }); });
}

}  // namespace estab::cli
