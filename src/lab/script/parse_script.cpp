#include <cmath>

#include "lab/script/parser.h"

namespace estab::lab {
namespace {

// --name, --name=value, --define=NAME=value.
ScriptOption parse_option(TokenStream& tokens) {
  ScriptOption option;
  option.line = tokens.peek().line;
  option.name = tokens.next().text;
  if (!tokens.take('=')) return option;
  const auto value = [&] {
    const Token& token = tokens.next();
    if (token.kind == TokenKind::kString) return '"' + token.text + '"';
    if (token.kind == TokenKind::kBackquoted) return '`' + token.text + '`';
    return token.text;
  };
  if (tokens.peek().kind == TokenKind::kEnd) tokens.expected("the option's value");
  const bool is_text = tokens.peek().kind == TokenKind::kString;
  option.value = value();
  if (is_text) option.value = option.value.substr(1, option.value.size() - 2);
  for (const Token* t = &tokens.peek(); t->line == option.line; t = &tokens.peek()) {
    if (!t->is('=') && !t->is('/') && !t->is(',')) break;
    option.value += tokens.next().text;
    option.value += value();
  }
  return option;
}

void parse_event_time(TokenStream& tokens, Event& event) {
  if (tokens.take('*')) {
    event.time = TimeKind::kAny;
    return;
  }
  const bool relative = tokens.take('+');
  event.line = tokens.peek().line;
  event.begin = parse_time(tokens);
  event.time = relative ? TimeKind::kRelative : TimeKind::kAbsolute;
  if (!tokens.peek().is('~')) return;
  tokens.next();
  if (relative) tokens.expect('+');
  event.end = parse_time(tokens);
  event.time = relative ? TimeKind::kRelativeRange : TimeKind::kAbsoluteRange;
  if (event.end < event.begin) {
    throw Problem(Trouble::kWrong, event.line, 0, "the time range is backwards");
  }
}

Event parse_event(TokenStream& tokens) {
  Event event;
  event.line = tokens.peek().line;
  parse_event_time(tokens, event);
  const Token& first = tokens.peek();
  if (first.is('<') || first.is('>')) {
    event.what = parse_packet(tokens);
  } else if (first.kind == TokenKind::kBackquoted) {
    event.what = CommandSpec{tokens.next().text};
  } else if (first.kind == TokenKind::kCode) {
    event.what = CodeSpec{tokens.next().text};
  } else if (first.kind == TokenKind::kWord || first.kind == TokenKind::kEllipsis) {
    event.what = parse_call(tokens);
  } else {
    tokens.expected("a packet (< or >), a system call, `command` or %{ code }%");
  }
  const auto* packet = std::get_if<PacketSpec>(&event.what);
  const bool outbound = packet != nullptr && !packet->inbound;
  if (event.time != TimeKind::kAbsolute && event.time != TimeKind::kRelative && !outbound) {
    throw Problem(Trouble::kWrong, event.line, 0,
                  event.time == TimeKind::kAny ? "time * is for outbound packets alone"
                                               : "a time range is for outbound packets alone");
  }
  return event;
}

bool starts_event(const Token& token) {
  return token.is('+') || token.is('*') || token.kind == TokenKind::kInteger ||
         token.kind == TokenKind::kFloat;
}

Script parse(TokenStream& tokens) {
  Script script;
  while (tokens.peek().kind == TokenKind::kOption) script.options.push_back(parse_option(tokens));
  if (tokens.peek().kind == TokenKind::kBackquoted) {
    script.init_line = tokens.peek().line;
    script.init = tokens.next().text;
  }
  if (!starts_event(tokens.peek())) tokens.expected("an event's time");
  while (starts_event(tokens.peek())) script.events.push_back(parse_event(tokens));
  if (tokens.peek().kind == TokenKind::kBackquoted) script.cleanup = tokens.next().text;
  if (tokens.peek().kind != TokenKind::kEnd) tokens.expected("an event's time");
  return script;
}

// --define=NAME=VALUE of the script; what is defined already wins.
void add_definitions(const Script& script, Definitions& definitions) {
  for (const ScriptOption& option : script.options) {
    const std::size_t equals = option.value.find('=');
    if (option.name != "define" || equals == option.value.npos) continue;
    definitions.emplace(option.value.substr(0, equals), option.value.substr(equals + 1));
  }
}

}  // namespace

Duration parse_time(TokenStream& tokens) {
  const Token& token = tokens.peek();
  if (token.kind != TokenKind::kInteger && token.kind != TokenKind::kFloat) {
    tokens.expected("a time in seconds");
  }
  if (token.number < 0) tokens.expected("a time that is not negative");
  // Microseconds are the language's grain.
  return std::chrono::microseconds(std::llround(tokens.next().number * 1e6));
}

tl::expected<Script, Problem> parse_script_options(std::string_view text) {
  try {
    Script script;
    TokenStream tokens(tokenize(text));
    while (tokens.peek().kind == TokenKind::kOption) {
      script.options.push_back(parse_option(tokens));
    }
    return script;
  } catch (const Problem& problem) {
    return tl::unexpected(problem);
  }
}

tl::expected<Script, Problem> parse_script(std::string_view text, const Definitions& definitions,
                                           const Definitions& usual) {
  const auto head = parse_script_options(text);
  if (!head) return tl::unexpected(head.error());
  Definitions known = definitions;
  add_definitions(*head, known);
  known.insert(usual.begin(), usual.end());
  try {
    TokenStream tokens(tokenize(text, known));
    return parse(tokens);
  } catch (const Problem& problem) {
    return tl::unexpected(problem);
  }
}

}  // namespace estab::lab
