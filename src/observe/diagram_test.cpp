#include "observe/diagram.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tcp/state_machine.h"

namespace estab::observe {
namespace {

std::string file(const std::string& path) {
  std::ifstream in(std::string(ESTAB_SOURCE_DIR) + "/" + path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Diagram, every_arrow_and_every_state_is_drawn) {
  const std::string text = diagram_text({});
  for (const tcp::Arrow& arrow : tcp::kFigure5) {
    const std::string words = fmt::format("{} {}", arrow.n, event_name(arrow.on));
    EXPECT_NE(text.find(words), std::string::npos) << words;
  }
  for (int s = 0; s < kStates; ++s) {
    EXPECT_NE(text.find(rfc_name(static_cast<State>(s))), std::string::npos);
  }
  // An arrow ends in a head. Two lines never share one.
  const auto heads = [&](const char* head) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(head, at)) != text.npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(heads("▲") + heads("▼") + heads("◀") + heads("▶"), 20u);
}

TEST(Diagram, fits_80_columns_also_without_line_characters) {
  DiagramStyle style;
  style.ascii = true;
  std::istringstream lines(diagram_text(style));
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u);
    EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

TEST(Diagram, live_counts_stand_on_the_boxes) {
  DiagramStyle style;
  style.counts.emplace();
  (*style.counts)[static_cast<std::size_t>(State::TimeWait)] = 1844;
  EXPECT_NE(diagram_text(style).find(" 1844 "), std::string::npos);
  EXPECT_NE(diagram_dot(style).find("TIME-WAIT\\n1844"), std::string::npos);
  EXPECT_NE(diagram_mermaid(style).find("TIME-WAIT (1844)"), std::string::npos);
  EXPECT_NE(diagram_svg(style).find("TIME-WAIT: 1844"), std::string::npos);
}

TEST(Diagram, the_other_formats_have_all_twenty_too) {
  const auto count = [](const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(count(diagram_dot({}), " -> "), 20u);
  EXPECT_EQ(count(diagram_mermaid({}), " --> "), 21u);  // and the one into CLOSED
  EXPECT_EQ(count(diagram_svg({}), "<path "), 20u);
  EXPECT_EQ(count(diagram_rows(), "\n"), 21u);
}

// The drawn table is pinned: who changes a row sees it here, in words.
// `estab diagram --matrix > tests/golden/state_matrix.txt` writes it anew.
TEST(Diagram, the_matrix_is_the_golden_one) {
  EXPECT_EQ(diagram_matrix(), file("tests/golden/state_matrix.txt"));
}

// `estab diagram --ascii` between the markers, after a change: tools/write_diagram does it.
TEST(Diagram, the_one_in_the_docs_is_this_one) {
  const std::string docs = file("docs/lifecycle.md");
  const std::string expected = "<!-- estab diagram --ascii -->\n```text\n" +
                               diagram_text({true, std::nullopt}) +
                               "```\n<!-- end of estab diagram -->";
  EXPECT_NE(docs.find(expected), std::string::npos);
}

}  // namespace
}  // namespace estab::observe
