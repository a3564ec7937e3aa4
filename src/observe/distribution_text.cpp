#include <fmt/format.h>

#include <algorithm>

#include "observe/distribution.h"
#include "observe/escape.h"

namespace estab::observe {
namespace {

// A table's cells as text; the first column stands left, the others right.
using Line = std::vector<std::string>;

std::string change_of(const StateGroup& group, const EarlierTotals& earlier) {
  const auto before = earlier.find(group.name);
  const auto was =
      before == earlier.end() ? std::int64_t{0} : static_cast<std::int64_t>(before->second);
  const std::int64_t change = static_cast<std::int64_t>(group.total) - was;
  return change == 0 ? "" : fmt::format("{:+}", change);
}

// A group that went away is news as well.
std::vector<StateGroup> with_those_gone(std::vector<StateGroup> groups,
                                        const EarlierTotals* earlier) {
  if (earlier == nullptr) return groups;
  for (const auto& [name, total] : *earlier) {
    const bool there =
        std::any_of(groups.begin(), groups.end(),
                    [&, &wanted = name](const StateGroup& g) { return g.name == wanted; });
    if (!there && total != 0) groups.push_back({name, {}, 0});
  }
  return groups;
}

StateGroup sum_of(const Distribution& d) { return {"total", d.by_state, d.total}; }

std::string total_change(const Distribution& d, const EarlierTotals& earlier) {
  std::uint64_t before = 0;
  for (const auto& [name, total] : earlier) before += total;
  return change_of({"", {}, d.total}, {{"", before}});
}

std::vector<State> states_present(const Distribution& d) {
  std::vector<State> present;
  // The order of a connection's life, as the diagram has it.
  for (const State s : {State::Listen, State::SynSent, State::SynReceived, State::Established,
                        State::FinWait1, State::FinWait2, State::CloseWait, State::Closing,
                        State::LastAck, State::TimeWait, State::Closed}) {
    if (d.by_state[static_cast<std::size_t>(s)] != 0) present.push_back(s);
  }
  return present;
}

std::string column_head(GroupKey by) {
  std::string head(group_title(by));
  std::transform(head.begin(), head.end(), head.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return head;
}

Line row(const StateGroup& group, const std::vector<State>& states, const std::string& change,
         bool changes) {
  Line line{escaped(group.name)};
  for (const State s : states) {
    const std::uint64_t n = group.by_state[static_cast<std::size_t>(s)];
    line.push_back(n == 0 ? "-" : std::to_string(n));
  }
  line.push_back(std::to_string(group.total));
  if (changes) line.push_back(change);
  return line;
}

std::vector<std::size_t> widths_of(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths;
  for (const Line& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  return widths;
}

std::string table_text(const std::vector<Line>& lines, const std::vector<std::size_t>& widths) {
  std::string out;
  for (const Line& line : lines) {
    std::string text = fmt::format("{:<{}}", line[0], widths[0]);
    for (std::size_t i = 1; i < line.size(); ++i) {
      text += fmt::format("  {:>{}}", line[i], widths[i]);
    }
    while (text.ends_with(' ')) text.pop_back();
    out += text + "\n";
  }
  return out;
}

// nginx(1234)  177 (+5): 120 ESTAB, 55 CLOSE-WAIT, 2 LISTEN
std::string list_text(const std::vector<StateGroup>& groups,
                      const std::vector<std::string>& changes, const std::vector<State>& states,
                      std::size_t width) {
  std::string out;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::string line = escaped(groups[g].name) + "  " + std::to_string(groups[g].total);
    if (!changes[g].empty()) line += " (" + changes[g] + ")";
    line += ":";
    bool first = true;
    for (const State s : states) {
      const std::uint64_t n = groups[g].by_state[static_cast<std::size_t>(s)];
      if (n == 0) continue;
      std::string piece = fmt::format(" {} {}", n, ss_name(s));
      if (!first) line += ",";
      if (line.size() - (line.rfind('\n') == line.npos ? 0 : line.rfind('\n') + 1) + piece.size() >=
          width) {
        line += "\n   ";
      }
      line += piece;
      first = false;
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::string distribution_text(const Distribution& d, const DistributionStyle& style) {
  std::vector<StateGroup> groups = with_those_gone(d.groups, style.earlier);
  const std::size_t known = groups.size();
  if (style.rows != 0 && groups.size() > style.rows) groups.resize(style.rows);
  const bool changes = style.earlier != nullptr;
  // By state, the row's name is the state: no further columns.
  const auto states = d.by == GroupKey::State ? std::vector<State>{} : states_present(d);

  std::vector<std::string> change(groups.size() + 1);
  if (changes) {
    for (std::size_t i = 0; i < groups.size(); ++i)
      change[i] = change_of(groups[i], *style.earlier);
    change.back() = total_change(d, *style.earlier);
  }
  Line head{column_head(d.by)};
  for (const State s : states) head.emplace_back(ss_name(s));
  head.emplace_back(d.by == GroupKey::State ? "COUNT" : "TOTAL");
  if (changes) head.emplace_back("CHANGE");
  groups.push_back(sum_of(d));

  std::vector<Line> lines;
  if (style.header) lines.push_back(head);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    lines.push_back(row(groups[i], states, change[i], changes));
  }
  const auto widths = widths_of(lines);
  std::size_t needed = 0;
  for (const std::size_t w : widths) needed += w + 2;
  std::string out = needed <= style.width + 2
                        ? table_text(lines, widths)
                        : list_text(groups, change, states_present(d), style.width);
  if (known > groups.size() - 1) {
    out += fmt::format("({} more; --rows 0 shows all)\n", known - (groups.size() - 1));
  }
  return out;
}

}  // namespace estab::observe
