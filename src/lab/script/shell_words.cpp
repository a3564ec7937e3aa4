#include "lab/script/shell_words.h"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace estab::lab {
namespace {

// 256*1024, (1+2)*3
class Arithmetic {
 public:
  explicit Arithmetic(std::string_view text) : text_(text) {}

  std::int64_t run() {
    const std::int64_t value = sum();
    if (at_ != text_.size()) fail();
    return value;
  }

 private:
  [[noreturn]] void fail() const {
    throw std::runtime_error(fmt::format("arithmetic $(({}))", text_));
  }
  char peek() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  std::int64_t sum() {
    std::int64_t value = product();
    for (char c = peek(); c == '+' || c == '-'; c = peek()) {
      ++at_;
      value += c == '+' ? product() : -product();
    }
    return value;
  }
  std::int64_t product() {
    std::int64_t value = atom();
    for (char c = peek(); c == '*' || c == '/'; c = peek()) {
      ++at_;
      const std::int64_t by = atom();
      if (c == '/' && by == 0) fail();
      value = c == '*' ? value * by : value / by;
    }
    return value;
  }
  std::int64_t atom() {
    if (peek() == '(') {
      ++at_;
      const std::int64_t value = sum();
      if (peek() != ')') fail();
      ++at_;
      return value;
    }
    if (std::isdigit(static_cast<unsigned char>(peek())) == 0) fail();
    std::int64_t value = 0;
    for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
      value = value * 10 + (text_[at_] - '0');
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<ShellCommand> run() {
    while (at_ < text_.size()) step();
    end_command();
    return std::move(commands_);
  }

 private:
  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }

  void step() {
    const char c = text_[at_];
    if (starts("\\\n")) {
      at_ += 2;
      end_word();
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
      end_word();
    } else if (c == '\n' || c == ';' || starts("&&") || starts("||")) {
      at_ += c == '&' || c == '|' ? 2 : 1;
      end_command();
    } else if (c == '|') {
      ++at_;
      end_word();
      command_.piped = true;
      end_command();
    } else if (c == '#' && !in_word_) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '>') {
      redirect();
    } else if (c == '"' || c == '\'') {
      quoted(c);
    } else if (starts("$((")) {
      arithmetic();
    } else if (c == '`' || starts("$(")) {
      throw std::runtime_error("command substitution");
    } else if (c == '\\' && at_ + 1 < text_.size()) {
      add(text_[at_ + 1]);
      at_ += 2;
    } else {
      add(c);
      ++at_;
    }
  }

  void add(char c) {
    word_ += c;
    in_word_ = true;
  }

  void quoted(char quote) {
    in_word_ = true;
    for (++at_; at_ < text_.size() && text_[at_] != quote;) {
      if (quote == '"' && starts("$((")) {
        arithmetic();
      } else {
        word_ += text_[at_++];
      }
    }
    if (at_ == text_.size()) throw std::runtime_error("a quotation without end");
    ++at_;
  }

  void arithmetic() {
    std::size_t end = at_ + 3;
    for (int depth = 2; end < text_.size(); ++end) {
      if (text_[end] == '(') ++depth;
      if (text_[end] == ')' && --depth == 0) break;
    }
    if (end == text_.size()) throw std::runtime_error("arithmetic without end");
    const auto inside = text_.substr(at_ + 3, end - 1 - (at_ + 3));
    for (const char c : fmt::format("{}", Arithmetic(inside).run())) add(c);
    at_ = end + 1;
  }

  // "> file", "2>&1": the word before '>' is a descriptor's number when it touches it.
  void redirect() {
    if (word_ == "1" || word_ == "2" || word_ == "&") {
      word_.clear();
      in_word_ = false;
    }
    end_word();
    at_ += starts(">>") ? 2 : 1;
    if (starts("&")) ++at_;
    to_output_ = true;
  }

  void end_word() {
    if (!in_word_) return;
    (to_output_ ? command_.output : command_.words.emplace_back()) = std::move(word_);
    word_.clear();
    in_word_ = to_output_ = false;
  }

  void end_command() {
    end_word();
    to_output_ = false;
    if (!command_.words.empty()) commands_.push_back(std::move(command_));
    command_ = {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool in_word_ = false;
  bool to_output_ = false;
  ShellCommand command_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

tl::expected<std::vector<ShellCommand>, std::string> shell_commands(std::string_view text) {
  try {
    return Splitter(text).run();
  } catch (const std::runtime_error& problem) {
    return tl::unexpected(std::string(problem.what()));
  }
}

}  // namespace estab::lab
