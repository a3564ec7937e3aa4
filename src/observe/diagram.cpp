#include "observe/diagram.h"

#include <fmt/format.h>

namespace estab::observe {
namespace {

using tcp::Action;

constexpr std::array kActionWords{
    std::pair{Action::CreateTcb, "create TCB"},  std::pair{Action::SndSyn, "snd SYN"},
    std::pair{Action::SndSynAck, "snd SYN,ACK"}, std::pair{Action::SndAck, "snd ACK"},
    std::pair{Action::SndFin, "snd FIN"},        std::pair{Action::SndRst, "snd RST"},
    std::pair{Action::DeleteTcb, "delete TCB"}};

std::uint64_t count_of(const DiagramStyle& style, State s) {
  return style.counts ? (*style.counts)[static_cast<std::size_t>(s)] : 0;
}

std::string arrow_label(const tcp::Arrow& a, const char* line_end) {
  std::string text = fmt::format("{} {}", a.n, event_name(a.on));
  if (a.when == tcp::When::IfPassive) text += " (opened passively)";
  const std::string then = actions_text(a.then);
  if (!then.empty()) text += line_end + then;
  return text;
}

std::string identifier(State s) {
  std::string name(rfc_name(s));
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
}

State state_at(int i) { return static_cast<State>(i); }

const tcp::Clause* clause_for(State from, Event on, tcp::Opened opened) {
  for (const tcp::Clause& c : tcp::kProse) {
    if (c.from.has(from) && c.on == on && holds(c.when, opened)) return &c;
  }
  return nullptr;
}

std::string cell_text(State from, Event on, tcp::Opened opened) {
  const tcp::Step& s = step(from, on, opened);
  const tcp::Clause* clause = clause_for(from, on, opened);
  std::string what;
  switch (s.decision) {
    case tcp::Decision::Move:
      what = fmt::format("-> {}", rfc_name(s.to));
      break;
    case tcp::Decision::Stay:
      what = "stay";
      break;
    case tcp::Decision::Error:
      what = "error";
      break;
    case tcp::Decision::Unreachable:
      what = "cannot be";
      break;
  }
  const std::string source =
      s.arrow != 0 ? fmt::format("Figure 5, {}", s.arrow) : std::string(clause->rfc);
  return fmt::format("{:<16} {:<22} {}", what, actions_text(s.then), source);
}

}  // namespace

std::string actions_text(tcp::Actions actions) {
  std::string text;
  for (const auto& [action, words] : kActionWords) {
    if (!actions.has(action)) continue;
    if (!text.empty()) text += ", ";
    text += words;
  }
  return text;
}

std::string diagram_rows() {
  std::string out =
      fmt::format("{:>2}  {:<13} {:<15} {:<20} {}\n", "n", "from", "event", "action", "to");
  for (const tcp::Arrow& a : tcp::kFigure5) {
    std::string line = fmt::format("{:>2}  {:<13} {:<15} {:<20} {}", a.n, rfc_name(a.from),
                                   event_name(a.on), actions_text(a.then), rfc_name(a.to));
    if (a.when == tcp::When::IfPassive) line += " (opened passively)";
    out += line + "\n";
  }
  return out;
}

std::string diagram_matrix() {
  std::string out;
  for (int s = 0; s < kStates; ++s) {
    for (int e = 0; e < kEvents; ++e) {
      const auto event = static_cast<Event>(e);
      const std::string passive = cell_text(state_at(s), event, tcp::Opened::Passively);
      const std::string active = cell_text(state_at(s), event, tcp::Opened::Actively);
      const auto line = [&](const char* opened, const std::string& cell) {
        out += fmt::format("{:<12} {:<14} {:<10} {}\n", rfc_name(state_at(s)), event_name(event),
                           opened, cell);
      };
      if (passive == active) {
        line("", passive);
      } else {
        line("passively", passive);
        line("actively", active);
      }
    }
  }
  return out;
}

std::string diagram_dot(const DiagramStyle& style) {
  std::string out =
      "digraph tcp {\n"
      "  graph [label=\"RFC 9293, Figure 5\", labelloc=t, fontname=\"sans-serif\"];\n"
      "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n";
  for (int s = 0; s < kStates; ++s) {
    const std::uint64_t count = count_of(style, state_at(s));
    const std::string more = count != 0 ? fmt::format("\\n{}", count) : "";
    out += fmt::format("  {} [label=\"{}{}\"];\n", identifier(state_at(s)), rfc_name(state_at(s)),
                       more);
  }
  for (const tcp::Arrow& a : tcp::kFigure5) {
    out += fmt::format("  {} -> {} [label=\"{}\"];\n", identifier(a.from), identifier(a.to),
                       arrow_label(a, "\\n"));
  }
  return out + "}\n";
}

std::string diagram_mermaid(const DiagramStyle& style) {
  std::string out = "stateDiagram-v2\n";
  for (int s = 0; s < kStates; ++s) {
    const std::uint64_t count = count_of(style, state_at(s));
    const std::string more = count != 0 ? fmt::format(" ({})", count) : "";
    out += fmt::format("  state \"{}{}\" as {}\n", rfc_name(state_at(s)), more,
                       identifier(state_at(s)));
  }
  out += "  [*] --> CLOSED\n";
  for (const tcp::Arrow& a : tcp::kFigure5) {
    out += fmt::format("  {} --> {} : {}\n", identifier(a.from), identifier(a.to),
                       arrow_label(a, " / "));
  }
  return out;
}

}  // namespace estab::observe
