// The words of a packet script. Comments are //, /* */ and #.
//
//   const std::vector<Token> tokens = tokenize(text, {{"SIZE", "1000"}});
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lab/script/problem.h"

namespace estab::lab {

enum class TokenKind {
  kEnd,
  kWord,        // letters, digits and '_', not digits alone
  kInteger,     // 12, -1
  kHex,         // 0x1f
  kFloat,       // 0.5, .5
  kString,      // "text", its escapes undone
  kBackquoted,  // `command`
  kCode,        // %{ python }%
  kOption,      // --name
  kAddress,     // 10.0.0.1, fd00::1
  kEllipsis,    // ...
  kSymbol,      // one other character
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // without quotes and dashes; a symbol's one character
  std::int64_t integer = 0;
  double number = 0;
  int line = 1;
  int column = 1;

  bool is(char symbol) const { return kind == TokenKind::kSymbol && text[0] == symbol; }
  bool is(std::string_view word) const { return kind == TokenKind::kWord && text == word; }
  // As an error names it: "word 'x'", "end of file".
  std::string described() const;
};

// --define NAME=VALUE: a number, a word, "string" or `command` in place of the word NAME.
using Definitions = std::map<std::string, std::string, std::less<>>;

// The last token is kEnd. Throws Problem.
std::vector<Token> tokenize(std::string_view text, const Definitions& definitions = {});

// "a\n" with backslash escapes -> their characters.
std::string unescaped(std::string_view text);

}  // namespace estab::lab
