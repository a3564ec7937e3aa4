#include "lab/script/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "estab/address.h"

namespace estab::lab {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Lexer {
 public:
  Lexer(std::string_view text, const Definitions& definitions)
      : text_(text), definitions_(definitions) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    do {
      skip_space();
      tokens.push_back(next());
    } while (tokens.back().kind != TokenKind::kEnd);
    return tokens;
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }

  std::string_view advance(std::size_t n) {
    const std::string_view passed = text_.substr(at_, n);
    for (const char c : passed) {
      column_ = c == '\n' ? 1 : column_ + 1;
      if (c == '\n') ++line_;
    }
    at_ += passed.size();
    return passed;
  }

  [[noreturn]] void wrong(const std::string& what) const {
    throw Problem(Trouble::kWrong, line_, column_, what);
  }

  // Up to and with `end`, from the current place on.
  std::size_t until(std::string_view end, std::size_t from, const char* what) const {
    const std::size_t found = text_.find(end, at_ + from);
    if (found == text_.npos) wrong(fmt::format("{} has no end: expected {}", what, end));
    return found + end.size() - at_;
  }

  void skip_space() {
    for (;;) {
      if (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
        advance(1);
      } else if (starts("//") || peek() == '#') {
        advance(std::min(text_.find('\n', at_), text_.size()) - at_);
      } else if (starts("/*")) {
        advance(until("*/", 2, "the comment"));
      } else {
        return;
      }
    }
  }

  Token make(TokenKind kind, std::size_t length) {
    Token token;
    token.kind = kind;
    token.line = line_;
    token.column = column_;
    token.text = std::string(advance(length));
    return token;
  }

  Token next() {
    if (at_ >= text_.size()) return make(TokenKind::kEnd, 0);
    if (starts("%{")) return code();
    if (peek() == '"' || peek() == '`') return quoted(peek());
    if (starts("...")) return make(TokenKind::kEllipsis, 3);
    if (starts("--") && is_word(peek(2))) return option();
    if (const std::size_t n = address_length()) return make(TokenKind::kAddress, n);
    if (const std::size_t n = number_length()) return number(n);
    if (is_word(peek())) return word();
    if (static_cast<unsigned char>(peek()) < 0x20)
      wrong("expected text, found a control character");
    return make(TokenKind::kSymbol, 1);
  }

  Token code() {
    Token token = make(TokenKind::kCode, until("}%", 2, "the code"));
    std::string_view inside = std::string_view(token.text).substr(2, token.text.size() - 4);
    while (!inside.empty() && (inside.front() == ' ' || inside.front() == '\t')) {
      inside.remove_prefix(1);
    }
    while (!inside.empty() && (inside.back() == ' ' || inside.back() == '\t')) {
      inside.remove_suffix(1);
    }
    token.text = std::string(inside);
    return token;
  }

  Token quoted(char quote) {
    std::size_t end = 1;
    while (at_ + end < text_.size() && peek(end) != quote) end += peek(end) == '\\' ? 2 : 1;
    if (at_ + end >= text_.size())
      wrong(fmt::format("the quotation has no end: expected {}", quote));
    Token token = make(quote == '"' ? TokenKind::kString : TokenKind::kBackquoted, end + 1);
    token.text = token.text.substr(1, end - 1);
    if (quote == '"') token.text = unescaped(token.text);
    return token;
  }

  Token option() {
    std::size_t end = 2;
    while (is_word(peek(end))) ++end;
    Token token = make(TokenKind::kOption, end);
    token.text = token.text.substr(2);
    return token;
  }

  // The longest start that is an address. IPv6 ones have "::" or seven colons, which sequence
  // numbers never have.
  std::size_t address_length() const {
    if (!is_hex(peek()) && !starts("::")) return 0;
    std::size_t run = 0;
    while (is_hex(peek(run)) || peek(run) == ':' || peek(run) == '.') ++run;
    const std::string_view all = text_.substr(at_, run);
    const auto count = [&](char c) { return std::count(all.begin(), all.end(), c); };
    const bool v6 = all.find("::") != all.npos || count(':') >= 7;
    if (!v6 && count('.') < 3) return 0;
    for (std::size_t n = run; n >= 2; --n) {
      if (is_word(peek(n))) continue;
      if (IpAddress::parse(text_.substr(at_, n))) return n;
    }
    return 0;
  }

  // Of the longest number; 0: none, or only the start of a word.
  std::size_t number_length() const {
    std::size_t n = peek() == '-' ? 1 : 0;
    if (n == 0 && peek() == '0' && peek(1) == 'x' && is_hex(peek(2))) {
      n = 2;
      while (is_hex(peek(n))) ++n;
      return is_word(peek(n)) ? 0 : n;
    }
    const std::size_t digits = n;
    while (is_digit(peek(n))) ++n;
    if (peek(n) == '.' && is_digit(peek(n + 1))) {
      ++n;
      while (is_digit(peek(n))) ++n;
      return n;
    }
    return n > digits && !is_word(peek(n)) ? n : 0;
  }

  Token number(std::size_t length) {
    Token token = make(TokenKind::kInteger, length);
    const char* end = token.text.data() + token.text.size();
    if (token.text.find('.') != token.text.npos) {
      token.kind = TokenKind::kFloat;
      token.number = std::strtod(token.text.c_str(), nullptr);
      return token;
    }
    const bool hex = token.text.starts_with("0x");
    if (hex) token.kind = TokenKind::kHex;
    std::uint64_t magnitude = 0;
    const bool negative = token.text[0] == '-';
    const auto read = std::from_chars(token.text.data() + (hex        ? 2
                                                           : negative ? 1
                                                                      : 0),
                                      end, magnitude, hex ? 16 : 10);
    // Digits of a cookie may be more than a number holds; its user looks at the text.
    token.integer = read.ec == std::errc() ? static_cast<std::int64_t>(magnitude) : 0;
    if (negative) token.integer = -token.integer;
    token.number = static_cast<double>(token.integer);
    return token;
  }

  Token word() {
    std::size_t end = 0;
    while (is_word(peek(end))) ++end;
    Token token = make(TokenKind::kWord, end);
    const auto found = definitions_.find(token.text);
    return found == definitions_.end() ? token : defined(std::move(token), found->second);
  }

  static Token defined(Token token, const std::string& value) {
    const bool enclosed = value.size() >= 2 && value.front() == value.back();
    char* end = nullptr;
    const long number = std::strtol(value.c_str(), &end, 0);
    if (enclosed && (value[0] == '"' || value[0] == '`')) {
      token.kind = value[0] == '"' ? TokenKind::kString : TokenKind::kBackquoted;
      token.text = value.substr(1, value.size() - 2);
    } else if (!value.empty() && *end == '\0') {
      token.kind = TokenKind::kInteger;
      token.text = value;
      token.integer = number;
      token.number = static_cast<double>(number);
    } else {
      token.text = value;
    }
    return token;
  }

  std::string_view text_;
  const Definitions& definitions_;
  std::size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
};

}  // namespace

std::string Token::described() const {
  switch (kind) {
    case TokenKind::kEnd:
      return "the end of the file";
    case TokenKind::kWord:
      return fmt::format("word '{}'", text);
    case TokenKind::kString:
      return fmt::format("\"{}\"", text);
    case TokenKind::kBackquoted:
      return fmt::format("`{}`", text);
    case TokenKind::kCode:
      return "%{ code }%";
    case TokenKind::kOption:
      return "--" + text;
    case TokenKind::kInteger:
    case TokenKind::kHex:
    case TokenKind::kFloat:
    case TokenKind::kAddress:
    case TokenKind::kEllipsis:
    case TokenKind::kSymbol:
      break;
  }
  return fmt::format("'{}'", text);
}

std::vector<Token> tokenize(std::string_view text, const Definitions& definitions) {
  return Lexer(text, definitions).run();
}

std::string unescaped(std::string_view text) {
  static constexpr std::string_view kNames = "abfnrtv\\'\"?";
  static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\'\"?";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    ++i;
    if (text[i] == 'x') {
      unsigned value = 0;
      const char* const from = text.data() + i + 1;
      const auto read =
          std::from_chars(from, std::min(from + 2, text.data() + text.size()), value, 16);
      out += static_cast<char>(value);
      i = static_cast<std::size_t>(read.ptr - text.data()) - 1;
      continue;
    }
    const std::size_t known = kNames.find(text[i]);
    out += known == kNames.npos ? (text[i] == '0' ? '\0' : text[i]) : kValues[known];
  }
  return out;
}

}  // namespace estab::lab
