// Every cell of the state machine on one screen, kept as a golden file: a change of the table is a
// change that a reviewer sees. ESTAB_UPDATE_GOLDEN=1 writes the file anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tcp/state_machine.h"

namespace estab::lifecycle {
namespace {

struct Word {
  tcp::Action action;
  const char* text;
};
constexpr std::array kActions{
    Word{tcp::Action::CreateTcb, "+tcb"}, Word{tcp::Action::DeleteTcb, "-tcb"},
    Word{tcp::Action::SndSyn, "syn"},     Word{tcp::Action::SndSynAck, "syn,ack"},
    Word{tcp::Action::SndAck, "ack"},     Word{tcp::Action::SndFin, "fin"},
    Word{tcp::Action::SndRst, "rst"},
};

std::string cell(State from, Event on, tcp::Opened opened) {
  const tcp::Step& s = tcp::step(from, on, opened);
  std::string actions;
  for (const auto& [action, word] : kActions) {
    if (s.then.has(action)) actions += std::string(actions.empty() ? "" : " ") + word;
  }
  switch (s.decision) {
    case tcp::Decision::Move:
      return fmt::format("{:>2}  {:<12} {}", s.arrow != 0 ? std::to_string(s.arrow) : "",
                         rfc_name(s.to), actions);
    case tcp::Decision::Stay:
      return fmt::format("    stays        {}", actions);
    case tcp::Decision::Error:
      return "    error";
    case tcp::Decision::Unreachable:
      return "    cannot be";
  }
  return "?";
}

std::string trimmed(std::string line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line + "\n";
}

std::string matrix() {
  std::string text =
      "# state, event, who opened; the figure's arrow, next state, what is done.\n"
      "# Written by lifecycle_test (ESTAB_UPDATE_GOLDEN=1); read every changed line.\n";
  for (int s = 0; s < kStates; ++s) {
    const auto from = static_cast<State>(s);
    text += fmt::format("\n{}\n", rfc_name(from));
    for (int e = 0; e < kEvents; ++e) {
      const auto on = static_cast<Event>(e);
      const std::string passive = cell(from, on, tcp::Opened::Passively);
      const std::string active = cell(from, on, tcp::Opened::Actively);
      if (passive == active) {
        text += trimmed(fmt::format("  {:<15} {:<8} {}", event_name(on), "", passive));
        continue;
      }
      text += trimmed(fmt::format("  {:<15} {:<8} {}", event_name(on), "passive", passive));
      text += trimmed(fmt::format("  {:<15} {:<8} {}", "", "active", active));
    }
  }
  return text;
}

TEST(Matrix, is_the_golden_one) {
  const std::string path = LIFECYCLE_FOLDER "/matrix.golden";
  if (std::getenv("ESTAB_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << matrix();
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(matrix(), golden.str()) << "if the change is meant: ESTAB_UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace estab::lifecycle
