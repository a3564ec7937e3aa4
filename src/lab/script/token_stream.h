// The place in a script's words, and what the parsers ask of it.
#pragma once
#include <fmt/format.h>

#include <limits>
#include <string>
#include <vector>

#include "lab/script/lexer.h"

namespace estab::lab {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& next() {
    const Token& token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool take(char symbol) {
    if (!peek().is(symbol)) return false;
    next();
    return true;
  }
  bool take(std::string_view word) {
    if (!peek().is(word)) return false;
    next();
    return true;
  }
  void expect(char symbol) {
    if (!take(symbol)) expected(fmt::format("'{}'", symbol));
  }
  void expect(std::string_view word) {
    if (!take(word)) expected(fmt::format("'{}'", word));
  }
  // `what` is what the script should have here.
  std::string word(std::string_view what) {
    if (peek().kind != TokenKind::kWord) expected(what);
    return next().text;
  }
  // Decimal or hexadecimal.
  std::int64_t integer(std::string_view what, std::int64_t low, std::int64_t high) {
    const Token& token = peek();
    if (token.kind != TokenKind::kInteger && token.kind != TokenKind::kHex) expected(what);
    if (token.integer < low || token.integer > high) {
      expected(fmt::format("{} from {} to {}", what, low, high));
    }
    return next().integer;
  }
  template <class T>
  T number(std::string_view what) {
    return static_cast<T>(integer(what, 0, std::numeric_limits<T>::max()));
  }

  [[noreturn]] void expected(std::string_view what) const {
    throw Problem(Trouble::kWrong, peek().line, peek().column,
                  fmt::format("expected {}, found {}", what, peek().described()));
  }
  [[noreturn]] void not_supported(std::string_view what) const {
    throw Problem(Trouble::kNotSupported, peek().line, peek().column,
                  fmt::format("{} is not supported", what));
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace estab::lab
