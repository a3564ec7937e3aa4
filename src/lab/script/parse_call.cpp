#include <algorithm>
#include <span>

#include "lab/script/parser.h"

namespace estab::lab {
namespace {

using Kind = Expression::Kind;

// The structs, by their fields in their order; the first names it. "a|b": one of them; "?a": may
// be missing.
constexpr std::string_view kStructs[] = {
    "sa_family sin_port sin_addr",
    "msg_name msg_iov msg_flags ?msg_control",
    "cmsg_level cmsg_type cmsg_data",
    "scm_sec scm_nsec",
    "ee_errno ee_origin ee_type ee_code ee_info ee_data",
    "fd events ?revents",
    "events fd|ptr|u32|u64",
    "onoff linger",
};

class CallParser {
 public:
  explicit CallParser(TokenStream& tokens) : tokens_(tokens) {}

  CallSpec run() {
    CallSpec call;
    if (tokens_.peek().kind == TokenKind::kEllipsis) {
      tokens_.next();
      call.blocks_until = parse_time(tokens_);
    }
    call.name = tokens_.word("a system call");
    tokens_.expect('(');
    call.arguments = list(')');
    tokens_.expect('=');
    call.result = expression();
    if (tokens_.peek().kind == TokenKind::kWord) {
      call.error = tokens_.next().text;
      if (!tokens_.peek().is('(')) tokens_.expected("'(' and the errno's text");
      note();
    }
    if (tokens_.peek().is('(')) note();
    return call;
  }

 private:
  Expression make(Kind kind) const {
    Expression e;
    e.kind = kind;
    e.line = tokens_.peek().line;
    e.column = tokens_.peek().column;
    return e;
  }

  // (Resource temporarily unavailable)
  void note() {
    tokens_.expect('(');
    while (!tokens_.take(')')) {
      if (tokens_.peek().kind == TokenKind::kEnd) tokens_.expected("')'");
      tokens_.next();
    }
  }

  // What stands before `end`, which is taken.
  std::vector<Expression> list(char end) {
    std::vector<Expression> items;
    if (tokens_.take(end)) return items;
    do {
      items.push_back(expression());
    } while (tokens_.take(','));
    if (!tokens_.take(end)) tokens_.expected(fmt::format("',' or '{}'", end));
    return items;
  }

  Expression expression() {
    // No script nests deeper; one that does must not end the process.
    if (++depth_ > kMaxDepth) tokens_.expected("fewer brackets inside each other");
    Expression left = primary();
    while (tokens_.peek().is('|')) {
      Expression both = make(Kind::kOr);
      tokens_.next();
      both.items.push_back(std::move(left));
      both.items.push_back(primary());
      left = std::move(both);
    }
    --depth_;
    return left;
  }

  Expression primary() {
    switch (tokens_.peek().kind) {
      case TokenKind::kEllipsis: {
        Expression e = make(Kind::kEllipsis);
        tokens_.next();
        return e;
      }
      case TokenKind::kInteger:
      case TokenKind::kHex: {
        Expression e = make(Kind::kInteger);
        e.integer = tokens_.next().integer;
        return e;
      }
      case TokenKind::kString:
        return text();
      case TokenKind::kWord:
        return word();
      case TokenKind::kEnd:
      case TokenKind::kFloat:
      case TokenKind::kBackquoted:
      case TokenKind::kCode:
      case TokenKind::kOption:
      case TokenKind::kAddress:
      case TokenKind::kSymbol:
        break;
    }
    if (tokens_.peek().is('[')) {
      Expression e = make(Kind::kList);
      tokens_.next();
      e.items = list(']');
      return e;
    }
    if (tokens_.peek().is('{')) return braces();
    tokens_.expected("an argument: a number, a name, \"text\", [..], {..} or ...");
  }

  // "a" "b" is "ab"; "a"... is its start.
  Expression text() {
    Expression e = make(Kind::kString);
    while (tokens_.peek().kind == TokenKind::kString) e.text += tokens_.next().text;
    if (tokens_.peek().kind == TokenKind::kEllipsis) tokens_.next();
    return e;
  }

  // NAME, NAME = value, name(arguments), name(arguments) = value.
  Expression word() {
    Expression e = make(Kind::kWord);
    e.text = tokens_.next().text;
    if (tokens_.take('(')) {
      e.kind = Kind::kCall;
      e.items = list(')');
    }
    if (!tokens_.peek().is('=')) return e;
    Expression assign = make(Kind::kAssign);
    tokens_.next();
    assign.line = e.line;
    assign.column = e.column;
    assign.text = e.text;
    assign.items.push_back(expression());
    if (e.kind == Kind::kCall) assign.items.push_back(std::move(e));  // msg_iov(1) = ...
    return assign;
  }

  Expression braces() {
    Expression e = make(Kind::kBraces);
    tokens_.next();
    if (tokens_.peek().is("flags") || tokens_.peek().is('(')) {
      tokens_.not_supported("encapsulation (GRE, MPLS)");
    }
    e.items = list('}');
    check_fields(e);
    return e;
  }

  static std::vector<std::string_view> split(std::string_view text, char by) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(by), text.size());
      parts.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
  }

  static void check_fields(const Expression& e) {
    if (e.items.empty() || !e.items[0].is(Kind::kAssign)) return;
    for (const std::string_view fields : kStructs) {
      const auto names = split(fields, ' ');
      if (names[0] == e.items[0].text) return check_fields(e, names);
    }
  }

  static void check_fields(const Expression& e, std::span<const std::string_view> names) {
    std::size_t at = 0;
    for (std::string_view name : names) {
      const bool optional = name.starts_with('?');
      if (optional) name.remove_prefix(1);
      const auto any_of = split(name, '|');
      const bool here = at < e.items.size() && e.items[at].is(Kind::kAssign) &&
                        std::find(any_of.begin(), any_of.end(), e.items[at].text) != any_of.end();
      if (!here && !optional) {
        const Expression& where = e.items[std::min(at, e.items.size() - 1)];
        throw Problem(
            Trouble::kWrong, where.line, where.column,
            fmt::format("expected field {} of the struct that begins with {}", name, names[0]));
      }
      if (here) ++at;
    }
    if (at == e.items.size()) return;
    throw Problem(
        Trouble::kWrong, e.items[at].line, e.items[at].column,
        fmt::format("expected '}}' after the fields of the struct that begins with {}", names[0]));
  }

  static constexpr int kMaxDepth = 64;
  TokenStream& tokens_;
  int depth_ = 0;
};

}  // namespace

CallSpec parse_call(TokenStream& tokens) { return CallParser(tokens).run(); }

}  // namespace estab::lab
