// %{ code }%: python snippets with what getsockopt(TCP_INFO) said at their time. They run all
// together, in one python3, when the script has ended.
#pragma once
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "estab/buffer.h"

namespace estab::lab {

class PythonCode {
 public:
  // `info` is Linux's struct tcp_info as far as it goes, `memory` SO_MEMINFO's numbers (may be
  // empty); both are named for the snippet: tcpi_state, SK_MEMINFO_SNDBUF ...
  void add(const std::string& file, int line, const std::string& text, Bytes info,
           std::span<const std::uint32_t> memory);
  bool empty() const { return text_.empty(); }

  struct Result {
    bool passed = false;
    std::string output;  // what it printed, errors too
  };
  // The error: python3 cannot be started.
  tl::expected<Result, std::string> run() const;
  static bool available();

 private:
  std::string text_;
};

}  // namespace estab::lab
