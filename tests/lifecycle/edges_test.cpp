// The table of src/tcp/state_machine.h against the list that was written from the RFC by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "lifecycle/edges_from_the_rfc.h"
#include "tcp/state_machine.h"

namespace estab::lifecycle {
namespace {

using tcp::Action;
using tcp::Opened;

// "FROM, cause, who" to "what is done -> TO"; an arrow's number in front where the figure draws it.
using Edges = std::map<std::string, std::string>;

std::string done_text(tcp::Actions actions) {
  std::string text;
  const auto add = [&](Action a, std::string_view words) {
    if (actions.has(a)) text += (text.empty() ? "" : ", ") + std::string(words);
  };
  add(Action::CreateTcb, "create TCB");
  add(Action::SndSyn, "snd SYN");
  add(Action::SndSynAck, "snd SYN,ACK");
  add(Action::SndAck, "snd ACK");
  add(Action::SndFin, "snd FIN");
  add(Action::SndRst, "snd RST");
  add(Action::DeleteTcb, "delete TCB");
  return text;
}

void add(Edges& edges, std::string_view from, std::string_view cause, std::string_view who,
         int arrow, std::string_view done, std::string_view to) {
  for (const std::string_view each : {"passive", "active"}) {
    if (!who.empty() && who != each) continue;
    std::string what = arrow != 0 ? std::to_string(arrow) + " " : "";
    what += "[" + std::string(done) + "] -> " + std::string(to);
    const std::string key =
        std::string(from) + ", " + std::string(cause) + ", " + std::string(each);
    EXPECT_TRUE(edges.emplace(key, what).second) << key << " is written twice";
  }
}

Edges from_the_rfc() {
  Edges edges;
  for (const Drawn& d : kDrawn) add(edges, d.from, d.above, d.who, d.arrow, d.below, d.to);
  for (const Written& w : kWritten) add(edges, w.from, w.cause, w.who, 0, w.done, w.to);
  return edges;
}

Edges from_the_table() {
  Edges edges;
  for (int s = 0; s < kStates; ++s) {
    for (int e = 0; e < kEvents; ++e) {
      for (const Opened opened : {Opened::Passively, Opened::Actively}) {
        const auto from = static_cast<State>(s);
        const auto on = static_cast<Event>(e);
        const tcp::Step& step = tcp::step(from, on, opened);
        if (step.decision != tcp::Decision::Move) continue;
        add(edges, rfc_name(from), event_name(on),
            opened == Opened::Passively ? "passive" : "active", step.arrow, done_text(step.then),
            rfc_name(step.to));
      }
    }
  }
  return edges;
}

TEST(Edges, figure_5_has_twenty_on_both_sides) {
  EXPECT_EQ(kDrawn.size(), 20u);
  EXPECT_EQ(tcp::kFigure5.size(), 20u);
  for (std::size_t i = 0; i < kDrawn.size(); ++i) {
    EXPECT_EQ(kDrawn[i].arrow, static_cast<int>(i) + 1);
    EXPECT_EQ(rfc_name(tcp::kFigure5[i].from), kDrawn[i].from) << "arrow " << i + 1;
    EXPECT_EQ(rfc_name(tcp::kFigure5[i].to), kDrawn[i].to) << "arrow " << i + 1;
    EXPECT_EQ(event_name(tcp::kFigure5[i].on), kDrawn[i].above) << "arrow " << i + 1;
    EXPECT_EQ(done_text(tcp::kFigure5[i].then), kDrawn[i].below) << "arrow " << i + 1;
    EXPECT_EQ(tcp::kFigure5[i].when == tcp::When::IfPassive, kDrawn[i].who == "passive");
  }
}

TEST(Edges, the_rfc_has_every_move_of_the_table) {
  const Edges rfc = from_the_rfc();
  for (const auto& [key, what] : from_the_table()) {
    const auto found = rfc.find(key);
    ASSERT_NE(found, rfc.end()) << "the RFC knows no " << key << " " << what;
    EXPECT_EQ(what, found->second) << key;
  }
}

TEST(Edges, the_table_has_every_move_of_the_rfc) {
  const Edges table = from_the_table();
  for (const auto& [key, what] : from_the_rfc()) {
    const auto found = table.find(key);
    ASSERT_NE(found, table.end()) << "the table lacks " << key << " " << what;
    EXPECT_EQ(found->second, what) << key;
  }
}

}  // namespace
}  // namespace estab::lifecycle
