#include <fmt/format.h>

#include "observe/doctor/report.h"
#include "observe/escape.h"

namespace estab::observe::doctor {
namespace {

constexpr std::size_t kShown = 8;   // descriptors that a finding names at most
constexpr std::size_t kLabel = 11;  // columns of "Certain    "

// `text` broken at blanks into lines of `width` columns, of which `indent` are left free; the first
// line begins with `label`.
void append_wrapped(std::string& to, std::string_view label, std::string_view text,
                    std::size_t indent, std::size_t width) {
  std::string line(label);
  line.resize(std::max(indent, label.size()), ' ');
  std::size_t column = line.size();
  bool fresh = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (!fresh && column + 1 + end > width) {
      to += line + "\n";
      line.assign(indent, ' ');
      column = indent;
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += text.substr(0, end);
    column += end + (fresh ? 0 : 1);
    fresh = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  to += line + "\n";
}

class Writer {
 public:
  explicit Writer(std::size_t width) : width_(width) {}

  void paragraph(std::string_view label, std::string_view text) {
    append_wrapped(out_, fmt::format("  {}", label), escaped(text), kLabel, width_);
  }
  void paragraphs(std::string_view label, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      paragraph(label, text);
      label = "";
    }
  }
  void remedies(std::string_view label, const std::vector<Remedy>& list) {
    for (const Remedy& remedy : list) {
      paragraph(label, remedy.text);
      label = "";
      if (!remedy.command.empty()) {
        out_ += fmt::format("{:{}}$ {}\n", "", kLabel + 2, escaped(remedy.command));
      }
    }
  }
  std::string& out() { return out_; }

 private:
  std::size_t width_;
  std::string out_;
};

std::string process_text(const Holder& h) {
  std::string text = fmt::format("{} (pid {})", h.command, h.pid);
  if (h.connections > 0) text += fmt::format(", {} of them", h.connections);
  if (!h.fds.empty()) {
    text += fmt::format(", descriptors {}{}", fmt::join(h.fds, " "),
                        h.fds.size() == kShown && h.connections > kShown ? " ..." : "");
  }
  return text;
}

std::string counts_text(const std::vector<std::pair<std::string, std::size_t>>& counts) {
  std::string text;
  for (const auto& [name, n] : counts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, n);
  }
  return text;
}

void append_finding(std::string& to, const Finding& f, std::size_t width) {
  Writer w(width);
  w.paragraphs("Seen", f.seen);
  std::string_view label = "Process";
  for (const Holder& h : f.processes) {
    w.paragraph(label, process_text(h));
    label = "";
  }
  if (!f.peers.empty()) w.paragraph("Peers", counts_text(f.peers));
  if (!f.code.empty()) w.paragraph("Made by", counts_text(f.code));
  w.paragraph("Means", f.why);
  w.paragraphs("It is", f.not_because);
  w.paragraph("Sure?", fmt::format("{} ({}, {})", sure_name(f.sure), f.id, f.where));
  w.remedies("Now", f.now);
  w.remedies("For good", f.for_good);
  to += w.out();
}

}  // namespace

std::string_view status_of(const Report& report) {
  if (report.looked_at.empty()) return "unknown";
  for (const Finding& finding : report.findings) {
    if (finding.severity == Severity::Critical) return "critical";
  }
  return report.findings.empty() ? "healthy" : "warning";
}

std::string finding_line(const Finding& finding, std::size_t width, bool colour) {
  const bool critical = finding.severity == Severity::Critical;
  std::string text;
  append_wrapped(text, critical ? "CRITICAL" : "WARNING", escaped(finding.headline), 10, width);
  if (!colour) return text;
  const std::size_t word = critical ? 8 : 7;
  // Red and magenta: read on a dark and on a light background alike; yellow is lost on white.
  return (critical ? "\x1b[1;31m" : "\x1b[1;35m") + text.substr(0, word) + "\x1b[0m" +
         text.substr(word);
}

std::string text_report(const Report& report, std::size_t width, bool colour) {
  std::string where;
  for (const std::string& one : report.looked_at) where += (where.empty() ? "" : ", ") + one;
  std::string text;
  append_wrapped(
      text, "",
      escaped(fmt::format("Looked at {}: {} connections, twice in {:.1f} s. {}.",
                          where.empty() ? "nothing" : where, report.connections, report.seconds,
                          report.findings.empty()
                              ? std::string(status_of(report))
                              : fmt::format("{} finding{}", report.findings.size(),
                                            report.findings.size() == 1 ? "" : "s"))),
      0, width);
  if (report.findings.size() > 1) {
    text += "\n";
    for (const Finding& finding : report.findings) text += finding_line(finding, width, colour);
  }
  for (const Finding& finding : report.findings) {
    text += "\n" + finding_line(finding, width, colour);
    append_finding(text, finding, width);
  }
  for (const auto* list : {&report.not_seen, &report.failed}) {
    if (list->empty()) continue;
    text += list == &report.failed ? "\nCould not look:\n" : "\nNot seen:\n";
    for (const std::string& line : *list) append_wrapped(text, "  ", escaped(line), 2, width);
  }
  return text;
}

std::string key_of(const Finding& f) {
  std::string key = fmt::format("{}\n{}", f.where, f.id);
  if (!f.processes.empty()) key += fmt::format("\n{}", f.processes.front().pid);
  // Destinations are what these are about.
  if ((f.kind == 2 || f.kind == 4 || f.kind == 9) && !f.peers.empty()) {
    key += "\n" + f.peers.front().first;
  }
  return key;
}

}  // namespace estab::observe::doctor
