#include "observe/trace_text.h"

#include <fmt/format.h>
#include <time.h>

#include <cstring>

#include "observe/escape.h"

namespace estab::observe {
namespace {

constexpr std::int64_t kBillion = 1'000'000'000;

std::int64_t wall_ns(const TraceEvent& e) {
  return (e.at.time_since_epoch() + e.wall_offset).count();
}

std::string time_text(const TraceEvent& e, bool date) {
  const std::int64_t ns = wall_ns(e);
  const time_t whole = static_cast<time_t>(ns / kBillion);
  thread_local time_t last = -1;  // a hundred thousand lines a second share theirs
  thread_local tm parts{};
  if (whole != last) ::localtime_r(&whole, &parts);
  last = whole;
  const std::string clock = fmt::format("{:02}:{:02}:{:02}.{:06}", parts.tm_hour, parts.tm_min,
                                        parts.tm_sec, ns % kBillion / 1000);
  if (!date) return clock;
  return fmt::format("{:04}-{:02}-{:02} {}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     clock);
}

std::string end_text(const Endpoint& end) {
  const std::string port = end.port.value == 0 ? "*" : std::to_string(end.port.value);
  const std::string address = end.address.to_string();
  return (end.address.is_v6() ? "[" + address + "]" : address) + ":" + port;
}

std::string move_text(const TraceEvent& e) {
  switch (e.kind) {
    case TraceKind::Transition:
      return fmt::format("{} -> {}", rfc_name(e.from), rfc_name(e.to));
    case TraceKind::ResetSent:
      return "RST sent";
    case TraceKind::ResetReceived:
      return fmt::format("RST received in {}", rfc_name(e.from));
    case TraceKind::Retransmission:
      return fmt::format("sent again in {}", rfc_name(e.from));
    case TraceKind::SynAckAgain:
      return "SYN,ACK sent again";
    case TraceKind::Rule:
      break;
  }
  return fmt::format("in {}", rfc_name(e.from));
}

std::string spent_text(const TraceEvent& e) {
  if (!e.in_state) return "-";
  return fmt::format("{}{:.3f}", e.at_least ? ">" : "",
                     static_cast<double>(e.in_state->count()) / 1e6);
}

const char* kind_name(TraceKind kind) {
  switch (kind) {
    case TraceKind::Transition:
      return "transition";
    case TraceKind::Rule:
      return "rule";
    case TraceKind::ResetSent:
      return "reset-sent";
    case TraceKind::ResetReceived:
      return "reset-received";
    case TraceKind::Retransmission:
      return "retransmission";
    case TraceKind::SynAckAgain:
      return "synack-again";
  }
  return "";
}

std::string json_string(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  return quoted;
}

}  // namespace

std::string trace_why(const TraceEvent& e) {
  std::string why;
  if (e.rule != Rule::None) {
    why = fmt::format("{}: {}", rule_name(e.rule), rule_meaning(e.rule));
  } else if (e.event && e.arrow != 0) {
    why = fmt::format("{} {}", e.arrow, event_name(*e.event));
  } else if (e.event) {
    why = event_name(*e.event);
  } else if (e.kind == TraceKind::Transition) {
    why = "ended unseen";
  }
  if (!e.reset_reason.empty()) why += (why.empty() ? "" : " ") + ("(" + e.reset_reason + ")");
  return why;
}

std::string trace_header(const TraceFormat& format) {
  if (format.narrow) return "";
  return fmt::format("{:<{}} {}{:>7} {:<15} {:<21} {:<21} {:<28} {:>11} {}\n", "TIME",
                     format.date ? 26 : 15, format.namespaces ? "NETNS      " : "", "PID",
                     "COMMAND", "LOCAL", "PEER", "OLD -> NEW", "MS", "WHY");
}

namespace {

// One function a line, under the columns of the event.
void append_functions(std::string& to, std::string_view label,
                      const std::vector<std::string>& functions) {
  constexpr std::size_t kIndent = 16;
  std::string_view lead = label;
  for (const std::string& function : functions) {
    to += fmt::format("{:{}}{:<8} {}\n", "", kIndent, lead, escaped(function));
    lead = "";
  }
}

void append_array(std::string& to, std::string_view key,
                  const std::vector<std::string>& functions) {
  to += fmt::format(",\"{}\":[", key);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (i != 0) to += ',';
    to += json_string(functions[i]);
  }
  to += ']';
}

// 02:35:26.841581 nginx(812) 10.0.0.1:80 10.0.0.2:45336
//     ESTABLISHED -> CLOSE-WAIT after 0.107 ms: 13 rcv FIN
std::string narrow_lines(const TraceEvent& e, const TraceFormat& format, const std::string& netns,
                         const std::string& command) {
  const std::string owner = e.pid == 0 ? "-" : fmt::format("{}({})", command, e.pid);
  std::string lines = fmt::format("{} {}{} {} {}\n    {}", time_text(e, format.date), netns, owner,
                                  end_text(e.tuple.local), end_text(e.tuple.remote), move_text(e));
  if (e.in_state) lines += fmt::format(" after {} ms", spent_text(e));
  const std::string why = trace_why(e);
  if (!why.empty()) lines += ": " + why;
  return lines + "\n";
}

}  // namespace

std::string trace_line(const TraceEvent& e, const TraceFormat& format) {
  std::string netns;
  if (format.namespaces)
    netns = fmt::format("{:<10} ", e.netns == 0 ? e.stack : std::to_string(e.netns));
  const std::string command = e.pid == 0 ? "-" : escaped(e.command);
  std::string line =
      format.narrow
          ? narrow_lines(e, format, netns, command)
          : fmt::format("{} {}{:>7} {:<15} {:<21} {:<21} {:<28} {:>11} {}\n",
                        time_text(e, format.date), netns, e.pid == 0 ? "-" : std::to_string(e.pid),
                        command, end_text(e.tuple.local), end_text(e.tuple.remote), move_text(e),
                        spent_text(e), trace_why(e));
  if (!e.code) return line;
  append_functions(line, "by", e.code->called_by);
  append_functions(line, "made by", e.code->made_by);
  return line;
}

std::string trace_json(const TraceEvent& e) {
  std::string out = fmt::format(
      "{{\"time_ns\":{},\"monotonic_ns\":{},\"kind\":\"{}\",\"source\":{},\"id\":\"{:x}\"",
      wall_ns(e), e.at.time_since_epoch().count(), kind_name(e.kind),
      e.stack.empty() ? "\"linux\"" : json_string("estab:" + e.stack), e.connection);
  if (e.pid != 0) {
    out += fmt::format(",\"pid\":{},\"command\":{},\"owner_is_listener\":{}", e.pid,
                       json_string(e.command), e.owner_is_listener);
  }
  out += fmt::format(
      ",\"uid\":{},\"netns\":{},\"local\":\"{}\",\"local_port\":{},\"peer\":\"{}\",\"peer_port\":{"
      "}",
      e.uid, e.netns, e.tuple.local.address.to_string(), e.tuple.local.port.value,
      e.tuple.remote.address.to_string(), e.tuple.remote.port.value);
  out += fmt::format(",\"old\":\"{}\",\"new\":\"{}\"", rfc_name(e.from), rfc_name(e.to));
  if (e.in_state) {
    out += fmt::format(",\"in_state_ns\":{},\"at_least\":{}", e.in_state->count(), e.at_least);
  }
  out += fmt::format(",\"inferred\":{},\"why\":{}", e.inferred, json_string(trace_why(e)));
  if (e.arrow != 0) out += fmt::format(",\"arrow\":{}", e.arrow);
  if (e.rule != Rule::None) out += fmt::format(",\"rule\":\"{}\"", rule_name(e.rule));
  if (!e.reset_reason.empty()) out += ",\"reset_reason\":" + json_string(e.reset_reason);
  if (e.error != 0)
    out += fmt::format(",\"error\":{}", json_string(::strerrorname_np(e.error) != nullptr
                                                        ? ::strerrorname_np(e.error)
                                                        : std::to_string(e.error)));
  if (e.code) {
    append_array(out, "called_by", e.code->called_by);
    append_array(out, "made_by", e.code->made_by);
  }
  return out + "}\n";
}

}  // namespace estab::observe
